//! `drk-relay status`: asks the running relay how it fares and says it in German, or passes its JSON through. Counts nothing itself.

use super::{CONFIGURATION_FILE, Failure, first_answer};
use crate::command::output::say;
use crate::config::{Config, RUNTIME_DIRECTORY, SOCKET};
use crate::domain::pacing::GUARD_MIN;
use crate::domain::trust::{self, FOLLOW};
use crate::port::status::{
    self, AlarmReport, Answer, Budget, CertificateReport, Feed, Held, LinkReport, Outbox, Pace, Relay, Report, SCHEMA, Standing, State,
    Surprise, Time,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::IgnoredAny;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Whom to ask, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    whom: Whom,
    /// Das JSON-Dokument (schema 1) unverändert ausgeben.
    #[arg(long)]
    json: bool,
}

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Whom {
    /// Die Konfiguration: sie sagt, wo das Relay antwortet. Ohne Angabe die von `run`.
    #[arg(long, value_name = "DATEI")]
    config: Option<PathBuf>,
    /// Der Socket, an dem das Relay antwortet, statt dessen aus der Konfiguration.
    #[arg(long, value_name = "SOCKET", conflicts_with = "config")]
    socket: Option<PathBuf>,
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    let text = first_answer(&sockets(&options.whom)?, "status", status::ask).await?;
    let foreign = || anyhow::anyhow!("{FOREIGN}");
    let report = understood(&text);
    if options.json {
        // A newer one is for whoever reads it to understand.
        serde_json::from_str::<IgnoredAny>(&text).map_err(|_| foreign())?;
        say!("{}", text.trim_end());
    } else {
        say!("{}", rendered(report.as_ref().ok_or_else(foreign)?).trim_end());
    }
    match report.map(|report| report.relay) {
        Some(Answer::Silent) => Err(anyhow::anyhow!("das Relay antwortet nicht").into()),
        Some(Answer::Turning(_) | Answer::Full { .. }) | None => Ok(()),
    }
}

/// Where it may answer. Without a configuration at the usual place: where systemd/drk-relay.service lets it answer.
pub(super) fn sockets(whom: &Whom) -> Result<Vec<PathBuf>, Failure> {
    let usual = Path::new(CONFIGURATION_FILE);
    match (&whom.socket, &whom.config) {
        (Some(socket), _) => Ok(vec![socket.clone()]),
        (None, Some(config)) => Ok(Config::public(config)?.sockets),
        (None, None) if usual.exists() => Ok(Config::public(usual)?.sockets),
        (None, None) => Ok(vec![Path::new(RUNTIME_DIRECTORY).join(SOCKET)]),
    }
}

/// How the relay fares, understood.
pub(super) async fn report(whom: &Whom) -> Result<Report, Failure> {
    let text = first_answer(&sockets(whom)?, "status", status::ask).await?;
    Ok(understood(&text).ok_or_else(|| anyhow::anyhow!("{FOREIGN}"))?)
}

/// What is said of an answer that cannot be read.
const FOREIGN: &str = "die Antwort ist nicht von einem Relay dieser Version. Abhilfe: das Relay nach einem Update neu starten, oder --json";

fn understood(text: &str) -> Option<Report> {
    serde_json::from_str(text).ok().filter(|report: &Report| report.schema == SCHEMA)
}

/// How a clock that is ahead by so many milliseconds goes.
fn goes(ahead: i64) -> String {
    format!("geht {} {}", trust::span(ahead / 1_000), if ahead < 0 { "nach" } else { "vor" })
}

/// Column in which values start.
const VALUES: usize = 21;

/// The page.
fn rendered(report: &Report) -> String {
    let zone = TimeZone::get(&report.time_zone).unwrap_or(TimeZone::UTC);
    let mut page = Page { text: String::new(), now: report.now, zone };
    let (since, started) = (page.since(report.started), page.moment(report.started));
    page.text = format!("drk-relay {}, läuft {since} ({started})\n\n", report.version);
    report.alarms.iter().for_each(|alarm| page.alarm(alarm));
    page.line("MQTT", &page.link(&report.links.mqtt, "verbunden", "noch nicht verbunden"));
    page.line("Senden an Meta", &page.link(&report.links.graph, "geht", "seit dem Start noch nichts gesendet"));
    page.line("Webhooks von Meta", &page.link(&report.links.webhook, "kommen an", "seit dem Start ist noch keiner gekommen"));
    if let Some(tunnel) = &report.links.tunnel {
        page.line("Tunnel", &page.link(tunnel, "steht", "wird zum ersten Mal aufgebaut"));
    }
    if let Some(CertificateReport { link, not_after }) = &report.links.certificate {
        let until = not_after.map_or("keines".to_owned(), |at| format!("gültig bis {}", page.moment(at)));
        page.line("Zertifikat", &page.link(link, &until, &until));
    }
    if let Some(public) = &report.links.public {
        page.line("Adresse für Meta", &page.link(public, "führt hierher", "noch nicht geprüft"));
    }
    if let Some(heartbeat) = &report.links.heartbeat {
        page.line("Herzschlag", &page.link(heartbeat, "wird gehört", "noch keiner"));
    }
    if let Some(command) = &report.links.alarm_command {
        page.line("Alarmbefehl", &page.link(command, "geht", "seit dem Start noch nicht gebraucht"));
    }
    match &report.relay {
        Answer::Turning(relay) => page.relay(relay, report.clock.as_ref()),
        Answer::Full { since } => page.full(*since),
        Answer::Silent => page.line(
            "Relay",
            "antwortet nicht: kein Schritt in den letzten Sekunden. Abhilfe: journalctl -u drk-relay; Zustand der Speicherkarte prüfen",
        ),
    }
    page.text
}

struct Page {
    text: String,
    now: Timestamp,
    zone: TimeZone,
}

impl Page {
    fn line(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "  {name:<VALUES$}{value}");
    }

    fn alarm(&mut self, alarm: &AlarmReport) {
        let AlarmReport { code, since, text, why, remedy } = alarm;
        let since = since.map_or(String::new(), |at| format!(" {}", self.since(at)));
        let why = if why.is_empty() { String::new() } else { format!(" Grund: {why}.") };
        self.line("ALARM", &format!("{code}{since}: {text}{why}"));
        self.line("", &format!("Abhilfe: {remedy}"));
        self.text.push('\n');
    }

    fn relay(&mut self, relay: &Relay, clock: Option<&Time>) {
        relay.damaged.iter().for_each(|path| self.damaged(path));
        if let Some(clock) = clock {
            self.clock(clock);
        }
        let people = relay.people;
        self.text.push('\n');
        self.line("Abos", &people.subscribed.to_string());
        self.line("gefragt", &(people.asked + people.new).to_string());
        self.line("auf der Warteliste", &people.waiting.to_string());
        self.line("ruhend", &format!("{} (haben nicht geantwortet; ein „Ja“ nimmt das Abo wieder auf)", people.lapsed));
        self.line("unterbrochen", &format!("{} (durch eine Störung bei uns; wer schreibt, erfährt davon)", people.orphaned));
        self.line("abgemeldet", &format!("{} (in den letzten 25 Stunden)", people.stopped));
        self.line("offene Fenster", &relay.open_windows.to_string());
        self.line("nächste Erinnerung", &relay.next_reminder.map_or("keine".to_owned(), |at| self.ahead(at)));
        self.text.push('\n');
        self.outbox(relay.outbox);
        if let Some(held) = relay.held {
            self.held(held);
        }
        if let Some(pace) = relay.pace {
            self.pace(pace);
        }
        self.budget(relay.budget);
        if let Some(day) = relay.last_day {
            self.line("letzter Tag", &day.strftime("%d.%m.%Y").to_string());
        }
        for feed in &relay.feeds {
            self.text.push('\n');
            self.feed(feed);
        }
        if let Some(lacking) = relay.lacking {
            self.line("wird verteilt", &format!("{lacking} Abos fehlt noch etwas"));
        }
    }

    /// The relay's own clock, and the others only if they are not as it is.
    fn clock(&mut self, clock: &Time) {
        let Time { trusted, says, since, meta_ahead, system_ahead } = clock;
        let since = if *trusted { String::new() } else { format!(" ({})", self.since(*since)) };
        let meta = meta_ahead.filter(|ahead| ahead.abs() >= 1_000).map_or(String::new(), |ahead| format!("; Metas Uhr {}", goes(ahead)));
        self.line("Uhr", &format!("{says}{since}{meta}"));
        if *trusted && system_ahead.abs() > FOLLOW {
            let remedy = "danach richtet sich das Relay nicht. Abhilfe: timedatectl";
            self.line("Uhr des Systems", &format!("{}: {remedy}", goes(*system_ahead)));
        }
    }

    fn full(&mut self, since: Timestamp) {
        let value = format!(
            "Die Speicherkarte ist voll, {}: bis wieder Platz ist, wird nichts angenommen und nichts gesendet. Nichts geht verloren: Meta \
             und der Broker wiederholen, was inzwischen kommt. Abhilfe: Platz schaffen, zum Beispiel mit \
             sudo apt-get clean; danach geht es binnen einer Minute von selbst weiter",
            self.since(since)
        );
        self.line("Relay", &value);
    }

    /// What nobody may overlook stands first.
    fn damaged(&mut self, path: &str) {
        let value = format!(
            "Der Speicher war beschädigt und liegt jetzt unverändert als {path}; überschrieben wurde nichts. Das Relay hat neu begonnen: \
             wer schreibt, wird neu gefragt. Abhilfe: Speicherkarte prüfen; die Datei enthält personenbezogene Daten, deshalb löschen, \
             sobald niemand sie mehr untersuchen will"
        );
        self.line("Achtung", &value);
    }

    fn outbox(&mut self, outbox: Outbox) {
        let Outbox { queued, resting, in_flight, unknown, accepted, delivered, failed } = outbox;
        self.line("Ausgang", &format!("{queued} warten, {resting} nach Fehlversuch, {in_flight} unterwegs, {unknown} ungeklärt"));
        self.line("", &format!("{accepted} angenommen, {delivered} zugestellt, {failed} gescheitert"));
    }

    /// Only what is not as usual.
    fn pace(&mut self, pace: Pace) {
        let Pace { rate, permitted, guard, repeated } = pace;
        if rate < permitted {
            self.line("Tempo", &format!("{rate} von {permitted} Nachrichten je Sekunde: Meta hat gebremst; es steigt von selbst wieder"));
        }
        if guard > GUARD_MIN {
            let why = "Meta antwortet langsam oder unsere Uhr geht nach. Abhilfe: Internetverbindung und timedatectl prüfen";
            self.line("Sendeschluss", &format!("{guard} s vor dem Ende eines Fensters statt {GUARD_MIN} s: {why}"));
        }
        if repeated > 0 {
            self.line("vielleicht doppelt", &format!("{repeated} Zahlenmeldungen: ob die erste ankam, war nicht zu erfahren"));
        }
    }

    fn budget(&mut self, budget: Budget) {
        let limit = budget.limit.map_or(String::new(), |limit| format!(" von {limit}"));
        let Budget { sent, free, paid, forecast, .. } = budget;
        self.line("in diesem Monat", &format!("{sent}{limit} Nachrichten gesendet; laut Meta {free} kostenlos, {paid} berechnet"));
        let outlook = match budget.standing {
            Standing::Enough => format!("voraussichtlich {forecast} bis zum Monatsende"),
            Standing::Short => format!("voraussichtlich {forecast} bis zum Monatsende: das reicht nicht"),
            Standing::Reserve => "nur noch die Reserve: wer schreibt, bekommt Antwort, neue Zahlen gehen nicht mehr hinaus".to_owned(),
            Standing::Spent => "verbraucht: bis zum Monatswechsel wird nichts mehr gesendet".to_owned(),
        };
        self.line("", &outlook);
        match budget.surprise {
            Some(Surprise::Charged) => self.line("", "Meta berechnet schon Nachrichten, die nach unserer Zählung kostenlos sind"),
            Some(Surprise::CutOff) => self.line("", "Meta nimmt Nachrichten an und stellt sie nicht zu: jede Stunde versucht es eine"),
            None => {}
        }
        if let Some(places) = budget.places {
            self.line("Plätze", &format!("{} von {places} vergeben", budget.taken));
        }
    }

    fn held(&mut self, held: Held) {
        let why = held.code.map_or("Meta hat eine Sperre angekündigt".to_owned(), |code| format!("Meta lehnt ab mit Code {code}"));
        let (since, until) = (self.since(held.since), self.ahead(held.until));
        let value = format!("{since}: {why}; nächster Versuch {until}. Abhilfe: Token, Nummer und Konto im WhatsApp Manager prüfen");
        self.line("Senden angehalten", &value);
    }

    fn feed(&mut self, feed: &Feed) {
        self.line("Zahlenreihe", &format!("{} ({})", feed.title, feed.name));
        let latest = match feed.as_of {
            Some(day) => {
                let published = feed.published.map_or(String::new(), |at| format!(", veröffentlicht {}", self.moment(at)));
                format!("vom {}{published}", day.strftime("%d.%m.%Y"))
            }
            None => "noch keine".to_owned(),
        };
        self.line("letzte Zahlen", &latest);
        if let Some(overdue) = feed.overdue {
            self.line("nächste Zahlen", &format!("überfällig {} ({})", self.since(overdue), self.moment(overdue)));
        } else if let Some(due) = feed.due {
            self.line("nächste Zahlen", &format!("erwartet bis {}", self.moment(due)));
        }
        if let Some(held) = &feed.held {
            let (day, since) = (held.as_of.strftime("%d.%m.%Y"), self.since(held.since));
            self.line("angehalten", &format!("vom {day}, {since}. Abhilfe: drk-relay figures held"));
        }
    }

    fn link(&self, link: &LinkReport, up: &str, untried: &str) -> String {
        let latest = |link: &LinkReport| link.latest.map(|at| format!("zuletzt vor {}", span(at, self.now)));
        let since = self.since(link.since);
        match link.state {
            State::Untried => untried.to_owned(),
            State::Up => [Some(format!("{up} {since}")), latest(link)].into_iter().flatten().collect::<Vec<_>>().join(", "),
            State::Down => {
                let why = link.why.clone().unwrap_or_default();
                [Some(format!("gestört {since}: {why}")), latest(link)].into_iter().flatten().collect::<Vec<_>>().join("; ")
            }
        }
    }

    fn since(&self, at: Timestamp) -> String {
        format!("seit {}", span(at, self.now))
    }

    fn ahead(&self, at: Timestamp) -> String {
        if at <= self.now { format!("{}, fällig", self.moment(at)) } else { format!("{}, in {}", self.moment(at), span(self.now, at)) }
    }

    /// „22.11.2026 18:04“, local time.
    fn moment(&self, at: Timestamp) -> String {
        moment(at, &self.zone)
    }
}

/// „22.11.2026 18:04“, local time.
pub(super) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%d.%m.%Y %H:%M").to_string()
}

/// „3 h 12 min“: the two largest units.
fn span(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second()).max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (1, _, _) => format!("1 Tag {hours} h"),
        (_, _, _) => format!("{days} Tagen {hours} h"),
    }
}
