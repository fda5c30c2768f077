//! What the running relay's own word means, and what is found instead while none answers. Pure.

use super::finding::{Finding, apart};
use super::subject::Subject;
use crate::domain::alarm::Code;
use crate::domain::trust::{self, FOLLOW};
use crate::port::status::{self, Answer, LinkReport, Report, Standing, State, Surprise};

pub(super) const START: &str = "sudo systemctl start drk-relay; startet es nicht: sudo journalctl -u drk-relay -n 50";
pub(super) const AS_ROOT: &str = "mit sudo aufrufen; läuft es mit einer anderen Konfiguration, diese mit --config nennen";
pub(super) const HANGS: &str = of_alarm(Code::RelaySilent);
pub(super) const ROOM: &str = of_alarm(Code::DiskFull);
pub(super) const RESTART: &str = "das Relay nach einem Update neu starten: sudo systemctl restart drk-relay";
pub(super) const CLOCK: &str = of_alarm(Code::ClockUntrusted);
pub(super) const BROKER: &str = "Läuft der Broker (systemctl status mosquitto)? Stimmen host, port und Zugangsdaten unter [mqtt]?";
pub(super) const TUNNEL: &str = of_alarm(Code::TunnelDown);
pub(super) const ADDRESS: &str = "den genannten Teil des Weges prüfen (DNS, TCP, TLS, Relay-Host, Tunnel, Gerät)";
pub(super) const CHALLENGE: &str = "dort antwortet etwas anderes: Führt der Name hierher, und gilt dort dieses Prüfwort (verify-token)?";
pub(super) const CERTIFICATE: &str = "ausgestellt wird nur, wenn Tunnel und öffentliche Adresse funktionieren: diese zuerst prüfen";
pub(super) const WEBHOOK: &str = of_alarm(Code::WebhooksRefused);
pub(super) const HELD: &str = "Zugriffstoken, Zahlungsart und Zustand der Nummer im WhatsApp Manager prüfen; es geht von selbst weiter";
pub(super) const UNREACHABLE: &str = "Internetverbindung, DNS und Firewall prüfen (ausgehend TCP 443)";
pub(super) const OVER: &str = "nichts: mit der nächsten Nachricht merkt es das Relay";
pub(super) const WITHHELD: &str =
    "im WhatsApp Manager eine Zahlungsart hinterlegen, oder budget.monthly_messages an das anpassen, was frei ist";
pub(super) const SHORT: &str =
    "budget.monthly_messages erhöhen oder mit weniger Zahlenreihen auskommen; drk-relay check-config rechnet es vor";
pub(super) const SPENT: &str = of_alarm(Code::BudgetSpent);
pub(super) const DAMAGED: &str = of_alarm(Code::StoreDamaged);
pub(super) const ALARMS: &str = "sudo drk-relay status zeigt sie mit Grund und Abhilfe";
pub(super) const FIGURES: &str = "sudo drk-relay figures held zeigt, was angehalten ist; sudo drk-relay status, was überfällig ist";

/// What is to be done about what an alarm is raised for, too: as remedies are shown here, without the full stop at the end.
const fn of_alarm(code: Code) -> &'static str {
    let remedy = code.remedy();
    match remedy.as_bytes() {
        [.., b'.'] => remedy.split_at(remedy.len() - 1).0,
        _ => remedy,
    }
}

/// Who answered at the status socket.
#[derive(Debug)]
pub(super) enum Asked {
    /// A relay of this version's kind.
    Answered(Box<Report>),
    /// A relay whose answer is not understood.
    Foreign,
    /// There is one, but this user may not ask.
    Denied,
    /// There is one, but it did not answer in time.
    Late,
    /// Nobody.
    Nobody,
}

impl Asked {
    /// What it said.
    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Asked::Answered(report) => Some(report),
            Asked::Foreign | Asked::Denied | Asked::Late | Asked::Nobody => None,
        }
    }

    /// The relay itself, if it turns.
    pub(super) fn relay(&self) -> Option<&status::Relay> {
        match self.report().map(|report| &report.relay) {
            Some(Answer::Turning(relay)) => Some(relay),
            Some(Answer::Full { .. } | Answer::Silent) | None => None,
        }
    }

    /// Whether there is one, as far as is known.
    pub(super) fn runs(&self) -> bool {
        match self {
            Asked::Answered(_) | Asked::Foreign | Asked::Denied | Asked::Late => true,
            Asked::Nobody => false,
        }
    }
}

pub(super) fn relay(asked: &Asked) -> Finding {
    let of = Subject::Relay;
    match asked {
        Asked::Answered(report) => match &report.relay {
            Answer::Turning(relay) => {
                let (subscribed, windows) = (relay.people.subscribed, relay.open_windows);
                let seconds = report.now.as_second().saturating_sub(report.started.as_second()).max(0);
                let text = format!("läuft seit {}: {subscribed} Abos, {windows} offene Fenster", trust::span(seconds));
                Finding::ok(of, text).with("uptime_seconds", seconds).with("subscribed", subscribed).with("open_windows", windows)
            }
            Answer::Full { .. } => Finding::fault(of, "die Speicherkarte ist voll: es nimmt nichts an und sendet nichts", ROOM),
            Answer::Silent => Finding::fault(of, "läuft, macht aber keinen Schritt", HANGS),
        },
        Asked::Foreign => Finding::warning(of, "läuft, aber seine Antwort ist nicht von dieser Version", RESTART),
        Asked::Denied => Finding::unknown(of, "dieser Benutzer darf es nicht fragen").remedied(AS_ROOT),
        Asked::Late => Finding::fault(of, "läuft, antwortet aber nicht", HANGS),
        Asked::Nobody => Finding::fault(of, "läuft nicht", START),
    }
}

/// As the relay sees it; nothing if it does not say.
pub(super) fn clock(report: &Report) -> Option<Finding> {
    let (of, clock) = (Subject::Clock, report.clock.as_ref()?);
    let (what, remedy) = apart(&clock.says, CLOCK);
    let ahead = clock.system_ahead;
    let waits = report.now.as_second().saturating_sub(clock.since.as_second());
    // A fault begins when the alarm does.
    let finding = if !clock.trusted && waits < i64::from(Code::ClockUntrusted.lasts()) {
        Finding::warning(of, format!("{what}: gesendet wird erst, wenn sie gestellt ist, meist binnen Minuten"), remedy)
    } else if !clock.trusted {
        Finding::fault(of, format!("{what}: gesendet wird erst, wenn sie gestellt ist"), remedy)
    } else if ahead.abs() > FOLLOW {
        let (span, way) = (trust::span(ahead.abs() / 1_000), if ahead < 0 { "nach" } else { "vor" });
        Finding::warning(of, format!("{what}; die Uhr des Systems geht {span} {way}, danach richtet sich das Relay nicht"), CLOCK)
    } else {
        Finding::ok(of, what)
    };
    let finding = finding.with("system_ahead_millis", ahead);
    Some(clock.meta_ahead.into_iter().fold(finding, |finding, ahead| finding.with("meta_ahead_millis", ahead)))
}

/// A link of the relay's. `untried`: nothing was needed of it yet.
fn link(of: Subject, link: &LinkReport, up: &str, untried: Finding, otherwise: &'static str) -> Finding {
    let finding = match link.state {
        State::Up => Finding::ok(of, up),
        State::Untried => untried,
        State::Down => Finding::broken(of, link.why.as_deref().unwrap_or("gestört"), otherwise),
    };
    finding.with("since", link.since.to_string())
}

pub(super) fn broker(report: &Report) -> Finding {
    let of = Subject::Broker;
    link(of, &report.links.mqtt, "verbunden, angemeldet, abonniert", Finding::unknown(of, "noch nicht verbunden"), BROKER)
}

/// What a connection of our own came to.
pub(super) fn broker_tried(tried: Result<(), String>) -> Finding {
    let of = Subject::Broker;
    match tried {
        Ok(()) => Finding::ok(of, "erreichbar; Anmeldung und Abonnieren gehen"),
        Err(why) => Finding::broken(of, &why, BROKER),
    }
}

pub(super) fn tunnel(report: &Report) -> Option<Finding> {
    let of = Subject::Tunnel;
    Some(link(of, report.links.tunnel.as_ref()?, "steht", Finding::unknown(of, "wird zum ersten Mal aufgebaut"), TUNNEL))
}

/// What a session of our own came to, which asked for no forward.
pub(super) fn tunnel_tried(tried: Result<(), String>) -> Finding {
    let of = Subject::Tunnel;
    match tried {
        Ok(()) => Finding::ok(of, "der Relay-Host lässt uns herein; die Weiterleitung wurde nicht verlangt"),
        Err(why) => Finding::broken(of, &why, TUNNEL),
    }
}

pub(super) fn public_address(report: &Report) -> Option<Finding> {
    let of = Subject::PublicAddress;
    Some(link(of, report.links.public.as_ref()?, "führt hierher", Finding::unknown(of, "noch nicht geprüft"), ADDRESS))
}

/// What calling the address came to: whether who answers there knows our verify token.
pub(super) fn public_address_tried(tried: Result<bool, String>) -> Finding {
    let of = Subject::PublicAddress;
    match tried {
        Ok(true) => Finding::ok(of, "antwortet, wie Meta es prüft"),
        Ok(false) => Finding::fault(of, "antwortet, kennt aber unser Prüfwort nicht", CHALLENGE),
        Err(why) => Finding::broken(of, &why, ADDRESS),
    }
}

pub(super) fn certificate(report: &Report) -> Option<Finding> {
    let (of, certificate) = (Subject::Certificate, report.links.certificate.as_ref()?);
    let until = certificate.not_after.map_or("keines".to_owned(), |at| format!("gilt bis {}", at.strftime("%d.%m.%Y")));
    let untried = Finding::unknown(of, "noch nicht geprüft");
    let finding = link(of, &certificate.link, &until, untried, CERTIFICATE);
    let left = certificate.not_after.map(|at| (at.as_second() - report.now.as_second()).div_euclid(86_400));
    // One that is still good is shown: it works, but not for long.
    let finding = match left {
        Some(0..) if certificate.link.state == State::Down => Finding { outcome: super::finding::Outcome::Warning, ..finding },
        Some(_) | None => finding,
    };
    Some(left.into_iter().fold(finding, |finding, days| finding.with("days_left", days)))
}

pub(super) fn sending(asked: &Asked, reached: Option<bool>) -> Finding {
    let of = Subject::Sending;
    let Some(report) = asked.report() else {
        return match reached {
            Some(true) => Finding::ok(of, "Meta ist erreichbar"),
            Some(false) => Finding::fault(of, "Meta ist nicht erreichbar", UNREACHABLE),
            None => Finding::unknown(of, "das Relay läuft nicht, und Meta wurde nicht gefragt"),
        };
    };
    if let Some(held) = asked.relay().and_then(|relay| relay.held) {
        let why = held.code.map_or("Meta hat eine Sperre angekündigt".to_owned(), |code| format!("Meta lehnt ab mit Code {code}"));
        let finding = Finding::fault(of, format!("angehalten: {why}"), HELD);
        return held.code.into_iter().fold(finding, |finding, code| finding.with("code", code));
    }
    let untried = match reached {
        Some(true) => Finding::ok(of, "seit dem Start noch nichts gesendet; Meta ist erreichbar"),
        Some(false) => Finding::fault(of, "seit dem Start noch nichts gesendet, und Meta ist nicht erreichbar", UNREACHABLE),
        None => Finding::unknown(of, "seit dem Start noch nichts gesendet"),
    };
    let finding = match &report.links.graph {
        // It is only known to work once something was sent, and that may take a day.
        LinkReport { state: State::Down, why, since, .. } if reached == Some(true) => {
            let (what, _) = apart(why.as_deref().unwrap_or("gestört"), UNREACHABLE);
            Finding::warning(of, format!("zuletzt gestört: {what}; jetzt ist Meta erreichbar"), OVER).with("since", since.to_string())
        }
        graph => link(of, graph, "geht", untried, UNREACHABLE),
    };
    let Some(relay) = asked.relay() else { return finding };
    finding.with("queued", relay.outbox.queued).with("resting", relay.outbox.resting).with("unknown", relay.outbox.unknown)
}

pub(super) fn budget(asked: &Asked) -> Finding {
    let of = Subject::Budget;
    let Some(budget) = asked.relay().map(|relay| relay.budget) else { return silent(of, asked) };
    let limit = budget.limit.map_or(String::new(), |limit| format!(" von {limit}"));
    let text = format!("{}{limit} Nachrichten in diesem Monat, voraussichtlich {} bis zum Ende", budget.sent, budget.forecast);
    let finding = match (budget.standing, budget.surprise) {
        (Standing::Spent, _) => Finding::fault(of, format!("{text}: verbraucht"), SPENT),
        (Standing::Reserve, _) => Finding::warning(of, format!("{text}: nur noch die Reserve"), SHORT),
        (Standing::Short, _) => Finding::warning(of, format!("{text}: das reicht nicht"), SHORT),
        (Standing::Enough, Some(Surprise::Charged)) => {
            Finding::warning(of, format!("{text}; Meta berechnet schon, was nach unserer Zählung frei ist"), SPENT)
        }
        (Standing::Enough, Some(Surprise::CutOff) | None) => Finding::ok(of, text),
    };
    let finding = finding.with("sent", budget.sent).with("forecast", budget.forecast).with("free", budget.free).with("paid", budget.paid);
    budget.limit.into_iter().fold(finding, |finding, limit| finding.with("limit", limit))
}

/// Whether Meta takes messages and does not deliver them.
pub(super) fn withholds(asked: &Asked) -> bool {
    asked.relay().is_some_and(|relay| relay.budget.surprise == Some(Surprise::CutOff))
}

/// `bytes`: how large its file is.
pub(super) fn store(relay: &status::Relay, bytes: Option<u64>) -> Finding {
    let aside = relay.damaged.len();
    let finding = if aside > 0 { damaged(aside) } else { Finding::ok(Subject::Store, "das Relay arbeitet damit") };
    let finding = finding.with("damaged_files", aside);
    bytes.into_iter().fold(finding, |finding, bytes| finding.with("bytes", bytes))
}

/// So many files were set aside.
pub(super) fn damaged(aside: usize) -> Finding {
    let files = if aside == 1 { "1 beschädigte Datei liegt".to_owned() } else { format!("{aside} beschädigte Dateien liegen") };
    Finding::warning(Subject::Store, format!("in Ordnung, aber {files} noch da"), DAMAGED)
}

pub(super) fn alarms(asked: &Asked) -> Finding {
    let of = Subject::Alarms;
    let Some(report) = asked.report() else { return silent(of, asked) };
    let feeds = asked.relay().map_or(&[][..], |relay| &relay.feeds);
    let held = feeds.iter().filter(|feed| feed.held.is_some()).count();
    let overdue = feeds.iter().filter(|feed| feed.overdue.is_some()).count();
    let codes: Vec<_> = report.alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    let mut parts = Vec::new();
    if !codes.is_empty() {
        parts.push(format!("{} aktiv ({})", codes.len(), codes.join(", ")));
    }
    if held > 0 {
        parts.push(format!("Zahlen von {held} Zahlenreihen angehalten"));
    }
    if overdue > 0 {
        parts.push(format!("Zahlen von {overdue} Zahlenreihen überfällig"));
    }
    let finding = match (parts.is_empty(), codes.is_empty()) {
        (true, _) => Finding::ok(of, "keine; keine Zahlen angehalten oder überfällig"),
        (false, true) => Finding::warning(of, parts.join("; "), FIGURES),
        (false, false) => Finding::warning(of, parts.join("; "), ALARMS),
    };
    finding.with("active", codes.len()).with("held_feeds", held).with("overdue_feeds", overdue)
}

/// Only a running relay knows.
fn silent(of: Subject, asked: &Asked) -> Finding {
    let why = match asked {
        Asked::Nobody => "das weiß nur ein laufendes Relay",
        Asked::Denied => "dieser Benutzer darf das Relay nicht fragen",
        Asked::Answered(_) | Asked::Foreign | Asked::Late => "das Relay sagt gerade nichts darüber",
    };
    Finding::unknown(of, why)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::super::tests::is;
    use super::*;
    use serde_json::{Value, json};

    /// A relay that is well, and what is otherwise (RFC 7386).
    fn asked(otherwise: Value) -> Asked {
        let up = json!({ "state": "up", "since": "2026-11-22T12:00:00Z", "why": null, "latest": null });
        let nobody = json!({ "new": 0, "asked": 0, "waiting": 0, "subscribed": 17, "lapsed": 0, "orphaned": 0, "stopped": 0 });
        let nothing = json!({ "queued": 1, "resting": 0, "in_flight": 0, "unknown": 0, "accepted": 0, "delivered": 0, "failed": 0 });
        let budget = json!({ "sent": 17, "free": 17, "paid": 0, "forecast": 300, "limit": 1000, "standing": "enough", "surprise": null,
            "places": 27, "taken": 17 });
        let feed = json!({ "name": "corona", "title": "Corona", "as_of": null, "revision": 0, "published": null });
        let mut report = json!({
            "schema": 1, "version": "0.1.0", "now": "2026-11-22T18:00:00Z", "started": "2026-11-22T12:00:00Z", "time_zone": "UTC",
            "clock": { "trusted": true, "says": "gestellt", "since": "2026-11-22T12:00:00Z", "meta_ahead": 0, "system_ahead": 0 },
            "links": { "mqtt": up, "graph": up, "webhook": up, "tunnel": up, "public": up,
                "certificate": { "link": up, "not_after": "2027-01-01T00:00:00Z" } },
            "alarms": [],
            "relay": { "answer": "turning", "clock_trusted": true, "next_step": null, "next_reminder": null, "people": nobody,
                "open_windows": 5, "outbox": nothing, "held": null, "feeds": [feed], "lacking": null, "budget": budget, "ingress": null,
                "last_day": null, "damaged": [] } });
        merge(&mut report, otherwise);
        Asked::Answered(serde_json::from_value(report).expect("a report"))
    }

    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
            }
            (into, from) => *into = from,
        }
    }

    fn down(link: &str, why: &str) -> Asked {
        asked(json!({ "links": { link: { "state": "down", "why": why } } }))
    }

    fn of(asked: &Asked, judge: impl Fn(&Report) -> Option<Finding>) -> Finding {
        judge(asked.report().expect("it answers")).expect("there is one")
    }

    #[test]
    fn a_relay_answers_or_says_why_not() {
        is(&relay(&asked(json!({}))), Outcome::Ok, "läuft seit 6 Stunden: 17 Abos, 5 offene Fenster", None);
        let full = json!({ "relay": { "answer": "full", "since": "2026-11-22T12:00:00Z" } });
        is(&relay(&asked(full)), Outcome::Fault, "die Speicherkarte ist voll: es nimmt nichts an und sendet nichts", Some(ROOM));
        is(&relay(&asked(json!({ "relay": { "answer": "silent" } }))), Outcome::Fault, "läuft, macht aber keinen Schritt", Some(HANGS));
        let text = "läuft, aber seine Antwort ist nicht von dieser Version";
        is(&relay(&Asked::Foreign), Outcome::Warning, text, Some(RESTART));
        is(&relay(&Asked::Denied), Outcome::Unknown, "dieser Benutzer darf es nicht fragen", Some(AS_ROOT));
        is(&relay(&Asked::Late), Outcome::Fault, "läuft, antwortet aber nicht", Some(HANGS));
        is(&relay(&Asked::Nobody), Outcome::Fault, "läuft nicht", Some(START));
    }

    #[test]
    fn the_relays_clock_counts() {
        is(&of(&asked(json!({})), clock), Outcome::Ok, "gestellt", None);
        let untrusted = asked(json!({ "clock": { "trusted": false, "says": "nicht gestellt. Abhilfe: warten" } }));
        let text = "nicht gestellt: gesendet wird erst, wenn sie gestellt ist";
        is(&of(&untrusted, clock), Outcome::Fault, text, Some("warten"));
        let lately = asked(json!({ "clock": { "trusted": false, "says": "nicht gestellt", "since": "2026-11-22T17:59:00Z" } }));
        let text = "nicht gestellt: gesendet wird erst, wenn sie gestellt ist, meist binnen Minuten";
        is(&of(&lately, clock), Outcome::Warning, text, Some(CLOCK));
        let behind = of(&asked(json!({ "clock": { "system_ahead": -120_000 } })), clock);
        let text = "gestellt; die Uhr des Systems geht 2 Minuten nach, danach richtet sich das Relay nicht";
        is(&behind, Outcome::Warning, text, Some(CLOCK));
        assert!(clock(asked(json!({ "clock": null })).report().expect("it answers")).is_none(), "an older relay does not say");
    }

    #[test]
    fn a_link_is_up_or_says_what_to_do() {
        let broker = |asked: &Asked| of(asked, |report| Some(super::broker(report)));
        is(&broker(&asked(json!({}))), Outcome::Ok, "verbunden, angemeldet, abonniert", None);
        let refused = down("mqtt", "der Broker lehnt ab. Abhilfe: user prüfen");
        is(&broker(&refused), Outcome::Fault, "der Broker lehnt ab", Some("user prüfen"));
        is(&broker(&down("mqtt", "weg")), Outcome::Fault, "weg", Some(BROKER));
        let untried = asked(json!({ "links": { "mqtt": { "state": "untried" } } }));
        is(&broker(&untried), Outcome::Unknown, "noch nicht verbunden", None);
        is(&broker_tried(Ok(())), Outcome::Ok, "erreichbar; Anmeldung und Abonnieren gehen", None);
        is(&broker_tried(Err("weg".to_owned())), Outcome::Fault, "weg", Some(BROKER));

        is(&of(&asked(json!({})), tunnel), Outcome::Ok, "steht", None);
        is(&of(&down("tunnel", "weg"), tunnel), Outcome::Fault, "weg", Some(TUNNEL));
        let text = "der Relay-Host lässt uns herein; die Weiterleitung wurde nicht verlangt";
        is(&tunnel_tried(Ok(())), Outcome::Ok, text, None);
        is(&tunnel_tried(Err("Key. Abhilfe: eintragen.".to_owned())), Outcome::Fault, "Key", Some("eintragen"));

        is(&of(&asked(json!({})), public_address), Outcome::Ok, "führt hierher", None);
        is(&of(&down("public", "DNS: weg"), public_address), Outcome::Fault, "DNS: weg", Some(ADDRESS));
        is(&public_address_tried(Ok(true)), Outcome::Ok, "antwortet, wie Meta es prüft", None);
        let text = "antwortet, kennt aber unser Prüfwort nicht";
        is(&public_address_tried(Ok(false)), Outcome::Fault, text, Some(CHALLENGE));
        is(&public_address_tried(Err("TCP: weg".to_owned())), Outcome::Fault, "TCP: weg", Some(ADDRESS));
    }

    #[test]
    fn a_certificate_that_is_still_good_is_a_warning_at_most() {
        is(&of(&asked(json!({})), certificate), Outcome::Ok, "gilt bis 01.01.2027", None);
        let why = "das Zertifikat gilt nur noch kurz; Abhilfe: erneuern";
        let link = json!({ "state": "down", "why": why });
        let late = of(&asked(json!({ "links": { "certificate": { "link": link } } })), certificate);
        is(&late, Outcome::Warning, "das Zertifikat gilt nur noch kurz", Some("erneuern"));
        assert_eq!(late.figures["days_left"], 39);
        let gone = asked(json!({ "links": { "certificate": { "link": { "state": "down", "why": "keines" }, "not_after": null } } }));
        is(&of(&gone, certificate), Outcome::Fault, "keines", Some(CERTIFICATE));
    }

    #[test]
    fn sending_is_held_or_down_or_goes() {
        is(&sending(&asked(json!({})), None), Outcome::Ok, "geht", None);
        let held = json!({ "code": 190, "since": "2026-11-22T12:00:00Z", "until": "2026-11-22T19:00:00Z" });
        let held = sending(&asked(json!({ "relay": { "held": held } })), Some(true));
        is(&held, Outcome::Fault, "angehalten: Meta lehnt ab mit Code 190", Some(HELD));
        assert_eq!(held.figures["code"], 190);
        is(&sending(&down("graph", "weg"), None), Outcome::Fault, "weg", Some(UNREACHABLE));
        is(&sending(&down("graph", "weg"), Some(false)), Outcome::Fault, "weg", Some(UNREACHABLE));
        let back = sending(&down("graph", "Keine Verbindung zu Meta. Abhilfe: warten"), Some(true));
        is(&back, Outcome::Warning, "zuletzt gestört: Keine Verbindung zu Meta; jetzt ist Meta erreichbar", Some(OVER));
        assert_eq!(back.figures["queued"], 1);
        let untried = asked(json!({ "links": { "graph": { "state": "untried" } } }));
        let nothing = "seit dem Start noch nichts gesendet";
        is(&sending(&untried, Some(true)), Outcome::Ok, &format!("{nothing}; Meta ist erreichbar"), None);
        let text = format!("{nothing}, und Meta ist nicht erreichbar");
        is(&sending(&untried, Some(false)), Outcome::Fault, &text, Some(UNREACHABLE));
        is(&sending(&untried, None), Outcome::Unknown, nothing, None);
        is(&sending(&Asked::Nobody, Some(true)), Outcome::Ok, "Meta ist erreichbar", None);
        is(&sending(&Asked::Nobody, Some(false)), Outcome::Fault, "Meta ist nicht erreichbar", Some(UNREACHABLE));
        let text = "das Relay läuft nicht, und Meta wurde nicht gefragt";
        is(&sending(&Asked::Nobody, None), Outcome::Unknown, text, None);
    }

    #[test]
    fn the_months_messages_suffice_or_not() {
        let of = |budget: Value| super::budget(&asked(json!({ "relay": { "budget": budget } })));
        let text = "17 von 1000 Nachrichten in diesem Monat, voraussichtlich 300 bis zum Ende";
        is(&of(json!({})), Outcome::Ok, text, None);
        is(&of(json!({ "standing": "short" })), Outcome::Warning, &format!("{text}: das reicht nicht"), Some(SHORT));
        is(&of(json!({ "standing": "reserve" })), Outcome::Warning, &format!("{text}: nur noch die Reserve"), Some(SHORT));
        is(&of(json!({ "standing": "spent" })), Outcome::Fault, &format!("{text}: verbraucht"), Some(SPENT));
        let charged = format!("{text}; Meta berechnet schon, was nach unserer Zählung frei ist");
        is(&of(json!({ "surprise": "charged" })), Outcome::Warning, &charged, Some(SPENT));
        assert_eq!(of(json!({})).figures["forecast"], 300);
        assert!(withholds(&asked(json!({ "relay": { "budget": { "surprise": "cut_off" } } }))) && !withholds(&asked(json!({}))));
        is(&super::budget(&Asked::Nobody), Outcome::Unknown, "das weiß nur ein laufendes Relay", None);
        is(&super::budget(&Asked::Denied), Outcome::Unknown, "dieser Benutzer darf das Relay nicht fragen", None);
        is(&super::budget(&Asked::Late), Outcome::Unknown, "das Relay sagt gerade nichts darüber", None);
    }

    #[test]
    fn the_store_and_what_was_set_aside() {
        let of = |asked: &Asked| store(asked.relay().expect("it turns"), Some(5));
        is(&of(&asked(json!({}))), Outcome::Ok, "das Relay arbeitet damit", None);
        let aside = |files: Value| of(&asked(json!({ "relay": { "damaged": files } })));
        is(&aside(json!(["a"])), Outcome::Warning, "in Ordnung, aber 1 beschädigte Datei liegt noch da", Some(DAMAGED));
        is(&aside(json!(["a", "b"])), Outcome::Warning, "in Ordnung, aber 2 beschädigte Dateien liegen noch da", Some(DAMAGED));
    }

    #[test]
    fn alarms_and_figures_are_pointed_at() {
        is(&alarms(&asked(json!({}))), Outcome::Ok, "keine; keine Zahlen angehalten oder überfällig", None);
        let alarm = json!({ "code": "tunnel-down", "since": null, "text": "", "why": "", "remedy": "" });
        let finding = alarms(&asked(json!({ "alarms": [alarm] })));
        is(&finding, Outcome::Warning, "1 aktiv (tunnel-down)", Some(ALARMS));
        let held = json!({ "as_of": "2026-11-22", "since": "2026-11-22T12:00:00Z", "values": {}, "doubts": [] });
        let feed = json!({ "name": "corona", "title": "Corona", "as_of": null, "revision": 0, "published": null, "held": held,
            "overdue": "2026-11-22T12:00:00Z" });
        let text = "Zahlen von 1 Zahlenreihen angehalten; Zahlen von 1 Zahlenreihen überfällig";
        is(&alarms(&asked(json!({ "relay": { "feeds": [feed] } }))), Outcome::Warning, text, Some(FIGURES));
        is(&alarms(&Asked::Nobody), Outcome::Unknown, "das weiß nur ein laufendes Relay", None);
    }
}
