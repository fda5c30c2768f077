//! What Meta's answers about token, number and account mean. Pure.

use super::finding::{Finding, Outcome};
use super::service::UNCONFIGURED;
use super::subject::Subject;
use crate::domain::outbox::fault::{Fault, of_code};
use crate::domain::time::Timestamp;
use crate::port::graph::{Destination, Health, HealthTrouble, Number, Token, Unanswered, Whose};
use crate::port::status::{LinkReport, State};

pub(super) const NEW_TOKEN: &str = "in den Business-Einstellungen für den Systembenutzer ein neues erzeugen (Ablauf: nie) und eintragen";
pub(super) const EXPIRING: &str = "rechtzeitig ein neues ohne Ablauf erzeugen: Business-Einstellungen, Systembenutzer";
pub(super) const PERMISSIONS: &str = "ein neues mit whatsapp_business_messaging und whatsapp_business_management erzeugen";
pub(super) const WAY: &str = "Internetverbindung, DNS und Firewall prüfen (ausgehend TCP 443 zu graph.facebook.com)";
pub(super) const QUALITY: &str = "Leute blockieren oder melden die Nummer: seltener senden; im WhatsApp Manager nachsehen";
pub(super) const CONNECT: &str = "im WhatsApp Manager unter Telefonnummern nachsehen, was Meta verlangt";
pub(super) const NAME: &str = "im WhatsApp Manager einen anderen Anzeigenamen beantragen";
pub(super) const RIGHTS: &str = "dem Systembenutzer App und WhatsApp-Konto zuweisen; stimmt whatsapp.phone_number_id?";
pub(super) const TEST_NUMBER: &str = "eine eigene Nummer anmelden: Metas Testnummer erreicht nur fünf eingetragene Leute";
pub(super) const THROTTLED: &str = "abwarten: Meta hebt die Bremse von selbst wieder auf";
pub(super) const REGISTER: &str = "sudo drk-relay webhook register, während das Relay läuft";
pub(super) const ELSEWHERE: &str = "soll dieses Gerät sie bekommen: sudo drk-relay webhook register";
pub(super) const SUBSCRIBE: &str = "die App im App-Dashboard unter WhatsApp, Konfiguration beim WhatsApp-Konto anmelden (subscribed_apps)";
pub(super) const PAY: &str = "im WhatsApp Manager unter Zahlungen nachsehen: Karte abgelaufen, Limit erreicht, Rechnung offen?";
pub(super) const BLOCKED: &str = "im WhatsApp Manager unter Kontoübersicht nachsehen, was Meta verlangt";

/// What the relay needs.
const NEEDED: [&str; 2] = ["whatsapp_business_messaging", "whatsapp_business_management"];
/// A token that ends within so many seconds: it takes a person to make another one, and people have holidays.
const SOON: u32 = 14 * 24 * 3600;
/// WhatsApp docs, health status: "There is an error with the payment method." What to do, Meta says there: "Please add a new payment
/// method", so it may be said where there is none, too.
const METHOD: u32 = 141_006;
/// WhatsApp docs, error codes: payment issue.
const UNPAID: u32 = 131_042;

/// Whether Meta answered at all; nothing if it was not asked.
pub(super) fn reached<T>(answer: Option<&Result<T, Unanswered>>) -> Option<bool> {
    match answer? {
        Ok(_) | Err(Unanswered::Refused { .. } | Unanswered::Strange(_)) => Some(true),
        Err(Unanswered::Way(_)) => Some(false),
        Err(Unanswered::Client(_)) => None,
    }
}

/// `answer`: nothing if Meta was not asked, because there is no configuration to ask with.
pub(super) fn token(answer: Option<&Result<Token, Unanswered>>, now: Timestamp) -> Finding {
    let of = Subject::Token;
    let token = match answer {
        None => return unasked(of),
        Some(Err(Unanswered::Refused { code: code @ (0 | 190), words, .. })) => {
            return Finding::fault(of, format!("abgelaufen oder falsch, sagt Meta: {words}"), NEW_TOKEN).with("code", *code);
        }
        Some(Err(unanswered)) => return instead(of, unanswered, WAY),
        Some(Ok(token)) => token,
    };
    let missing: Vec<_> = NEEDED.into_iter().filter(|needed| !token.scopes.iter().any(|scope| scope == needed)).collect();
    let ends = token.expires.map(|at| (at, at.instant().strftime("%d.%m.%Y").to_string()));
    let finding = match &ends {
        _ if !token.valid => {
            let why = token.why.as_deref().map_or(String::new(), |why| format!(", sagt Meta: {why}"));
            Finding::fault(of, format!("ungültig{why}"), NEW_TOKEN)
        }
        Some((at, day)) if *at <= now => Finding::fault(of, format!("seit {day} abgelaufen"), NEW_TOKEN),
        _ if !missing.is_empty() => Finding::fault(of, format!("gültig, aber ohne {}", missing.join(" und ")), PERMISSIONS),
        Some((at, day)) if *at <= now.plus(SOON) => Finding::warning(of, format!("gültig, aber nur noch bis {day}"), EXPIRING),
        Some((_, day)) => Finding::ok(of, format!("gültig bis {day}, mit beiden Rechten")),
        None => Finding::ok(of, "gültig ohne Ablauf, mit beiden Rechten"),
    };
    let finding = finding.with("valid", token.valid).with("scopes", token.scopes.clone());
    token.expires.into_iter().fold(finding, |finding, at| finding.with("expires", at.instant().to_string()))
}

pub(super) fn number(answer: Option<&Result<Number, Unanswered>>) -> Finding {
    let of = Subject::Number;
    let number = match answer {
        None => return unasked(of),
        Some(Err(unanswered)) => return instead(of, unanswered, RIGHTS),
        Some(Ok(number)) => number,
    };
    // Without this word of Meta's there is nothing good to be said of it.
    let status = number.status.as_deref();
    let unproved = number.code_verification.as_deref().is_some_and(|word| word != "VERIFIED");
    let blocked = number.health.iter().filter(|health| health.entity == "PHONE_NUMBER" && health.can_send == "BLOCKED");
    let blocked = blocked.flat_map(|health| &health.troubles).next().map(said);
    let quality = number.quality.as_deref();
    let good = [
        status.map(|status| if status == "CONNECTED" { "verbunden".to_owned() } else { status.to_owned() }),
        quality.and_then(in_german).map(|quality| format!("Qualität {quality}")),
        number.throughput.as_deref().map(|level| format!("Durchsatz {level}")),
    ];
    let text = good.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let finding = match (status, quality) {
        _ if blocked.is_some() => Finding::fault(of, format!("gesperrt, sagt Meta: {}", blocked.unwrap_or_default()), CONNECT),
        (Some("RATE_LIMITED"), _) => Finding::warning(of, "von Meta gebremst", THROTTLED),
        (Some(status), _) if !["CONNECTED", "FLAGGED"].contains(&status) => {
            Finding::fault(of, format!("nicht verbunden ({status})"), CONNECT)
        }
        (None, _) if unproved => Finding::fault(of, "nicht bestätigt", CONNECT),
        (Some("FLAGGED"), _) => Finding::warning(of, format!("von Meta verwarnt: {text}"), QUALITY),
        (_, Some("RED" | "YELLOW")) => Finding::warning(of, text, QUALITY),
        _ if number.name_status.as_deref() == Some("DECLINED") => {
            Finding::warning(of, format!("{text}; Meta lehnt den Anzeigenamen ab"), NAME)
        }
        _ if number.mode.as_deref() == Some("SANDBOX") => {
            Finding::warning(of, format!("{text}; es ist eine Testnummer von Meta"), TEST_NUMBER)
        }
        _ if text.is_empty() => Finding::unknown(of, "Meta sagt nichts über ihren Zustand"),
        (Some(_) | None, _) => Finding::ok(of, text),
    };
    let words = [
        ("status", &number.status),
        ("quality", &number.quality),
        ("name_status", &number.name_status),
        ("code_verification", &number.code_verification),
        ("throughput", &number.throughput),
        ("mode", &number.mode),
        ("platform", &number.platform),
    ];
    words
        .into_iter()
        .filter_map(|(name, word)| Some((name, word.as_deref()?)))
        .fold(finding, |finding, (name, word)| finding.with(name, word))
}

fn in_german(quality: &str) -> Option<&'static str> {
    match quality {
        "GREEN" => Some("hoch"),
        "YELLOW" => Some("mittel"),
        "RED" => Some("niedrig"),
        // A number that has hardly sent anything.
        _ => None,
    }
}

/// `expected`: where they should go, if that is known. `link`: how those that came fared, if a relay runs.
pub(super) fn webhook(
    number: Option<&Result<Number, Unanswered>>,
    apps: Option<&Result<Vec<String>, Unanswered>>,
    app: Option<&str>,
    expected: Option<&str>,
    link: Option<&LinkReport>,
) -> Finding {
    let of = Subject::Webhook;
    if let Some(LinkReport { state: State::Down, why, .. }) = link {
        return Finding::broken(of, why.as_deref().unwrap_or("werden abgelehnt"), super::relay::WEBHOOK);
    }
    let came = if link.is_some_and(|link| link.state == State::Up) { "; sie kommen an" } else { "" };
    let number = match number {
        None => return unasked(of),
        Some(Err(unanswered)) => return instead(of, unanswered, RIGHTS),
        Some(Ok(number)) => number,
    };
    let subscribed = match apps {
        Some(Ok(apps)) => Some(!apps.is_empty() && app.is_none_or(|app| apps.iter().any(|id| id == app))),
        Some(Err(_)) | None => None,
    };
    match (&number.webhook, expected, subscribed) {
        (_, _, Some(false)) => Finding::fault(of, "die App ist beim WhatsApp-Konto nicht angemeldet: Meta stellt nichts zu", SUBSCRIBE),
        (Some(found), Some(expected), _) if found.url != expected => {
            let remedy = match found.whose {
                Whose::Number => ELSEWHERE,
                // The number's own goes before both.
                Whose::Account | Whose::App => REGISTER,
            };
            Finding::fault(of, format!("Meta liefert an {} statt an {expected}", shown(found)), remedy)
        }
        (None, Some(_), _) => Finding::warning(of, format!("Meta nennt keine Adresse, an die es liefert{came}"), REGISTER),
        (Some(_), Some(_), Some(true)) => Finding::ok(of, format!("gehen hierher, und die App ist angemeldet{came}")),
        (Some(_), Some(_), None) => Finding::ok(of, format!("gehen hierher; ob die App angemeldet ist, sagt Meta nicht{came}")),
        (Some(found), None, _) => Finding::ok(of, format!("gehen an {}; ingress.url fehlt zum Vergleich{came}", shown(found))),
        (None, None, _) => Finding::unknown(of, format!("Meta nennt keine Adresse, an die es liefert{came}")),
    }
}

/// An address, and whose it is.
fn shown(Destination { url, whose }: &Destination) -> String {
    let whose = match whose {
        Whose::Number => "die Adresse der Nummer",
        Whose::Account => "die des WhatsApp-Kontos",
        Whose::App => "die der App",
    };
    format!("{url} ({whose})")
}

/// `withholds`: the relay has seen that Meta takes messages and does not deliver them. `free`: it sends no more than is free, for which no
/// payment method is needed.
pub(super) fn payment(number: Option<&Result<Number, Unanswered>>, withholds: bool, free: bool) -> Finding {
    let of = Subject::Payment;
    if withholds {
        return Finding::fault(of, "Meta nimmt Nachrichten an und stellt sie nicht zu", super::relay::WITHHELD);
    }
    let number = match number {
        None => return unasked(of),
        Some(Err(unanswered)) => return instead(of, unanswered, RIGHTS),
        Some(Ok(number)) => number,
    };
    let account: Vec<_> = number.health.iter().filter(|health| health.entity != "PHONE_NUMBER").collect();
    let trouble = account.iter().flat_map(|health| &health.troubles).find(|trouble| [METHOD, UNPAID].contains(&trouble.code));
    match trouble {
        Some(trouble) if trouble.code == METHOD && free => {
            let text = format!("Meta meldet: {}; ohne Zahlungsart gehen nur die freien Nachrichten hinaus", said(trouble));
            return Finding::warning(of, text, PAY).with("code", trouble.code);
        }
        Some(trouble) => return Finding::fault(of, format!("Meta meldet: {}", said(trouble)), PAY).with("code", trouble.code),
        None if account.is_empty() => return Finding::unknown(of, "Meta sagt nichts über das WhatsApp-Konto"),
        None => {}
    }
    let blocked = account.iter().find(|health| health.can_send == "BLOCKED");
    // What limits the business or the app is not about payment: a business that was never verified, an app without a webhook.
    let limited = account.iter().find(|health| health.can_send == "LIMITED" && health.entity == "WABA");
    match (blocked, limited) {
        (Some(health), _) => Finding::fault(of, format!("{} darf nicht senden{}", named(health), why(health)), BLOCKED),
        (None, Some(health)) => Finding::warning(of, format!("{} darf nicht alles senden{}", named(health), why(health)), BLOCKED),
        (None, None) => Finding::ok(of, "Meta meldet nichts; ob eine Zahlungsart hinterlegt ist, sagt die API nicht"),
    }
}

fn named(health: &Health) -> &str {
    match health.entity.as_str() {
        "WABA" => "das WhatsApp-Konto",
        "BUSINESS" => "das Unternehmensportfolio",
        "APP" => "die App",
        other => other,
    }
}

fn why(health: &Health) -> String {
    let first = health.troubles.first().map(said).or_else(|| health.limits.first().cloned());
    first.map_or(String::new(), |first| format!(": {first}"))
}

/// Meta's own words.
fn said(trouble: &HealthTrouble) -> String {
    let HealthTrouble { code, words, solution } = trouble;
    [words.as_str(), solution].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ") + &format!(" (Code {code})")
}

fn unasked(of: Subject) -> Finding {
    Finding::unknown(of, UNCONFIGURED)
}

/// There is no answer: a refusal is a fault if it is about us. Of a trouble at Meta nothing follows about our account.
fn instead(of: Subject, unanswered: &Unanswered, otherwise: &'static str) -> Finding {
    let finding = Finding::broken(of, &unanswered.to_string(), otherwise);
    match unanswered {
        Unanswered::Refused { code, .. } if is_metas(*code) => Finding { outcome: Outcome::Unknown, ..finding }.with("code", *code),
        Unanswered::Refused { code, .. } => finding.with("code", *code),
        Unanswered::Way(_) | Unanswered::Strange(_) | Unanswered::Client(_) => Finding { outcome: Outcome::Unknown, ..finding },
    }
}

/// Whether a refusal with this code may be over by itself.
fn is_metas(code: u32) -> bool {
    match of_code(code, false) {
        Fault::Passing | Fault::Unclear | Fault::TooFast | Fault::TooMany | Fault::TooFastForOne => true,
        Fault::Account | Fault::Closed | Fault::Final => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::is;
    use super::*;
    use crate::port::graph::Trouble;

    const NOW: Timestamp = Timestamp(1_795_305_600);

    fn refused<T>(code: u32, words: &str) -> Result<T, Unanswered> {
        Err(Unanswered::Refused { code, words: words.to_owned(), remedy: "Abhilfe: nachschlagen." })
    }

    #[test]
    fn a_token_is_good_or_says_what_it_lacks() {
        let good = || Token { valid: true, scopes: NEEDED.map(str::to_owned).to_vec(), ..Token::default() };
        let of = |token| super::token(Some(&token), NOW);
        is(&of(Ok(good())), Outcome::Ok, "gültig ohne Ablauf, mit beiden Rechten", None);
        let until = |at| of(Ok(Token { expires: Some(at), ..good() }));
        is(&until(NOW.plus(SOON + 1)), Outcome::Ok, "gültig bis 06.12.2026, mit beiden Rechten", None);
        is(&until(NOW.plus(SOON)), Outcome::Warning, "gültig, aber nur noch bis 06.12.2026", Some(EXPIRING));
        is(&until(NOW), Outcome::Fault, "seit 22.11.2026 abgelaufen", Some(NEW_TOKEN));
        let poor = Token { scopes: vec!["whatsapp_business_messaging".to_owned()], ..good() };
        is(&of(Ok(poor)), Outcome::Fault, "gültig, aber ohne whatsapp_business_management", Some(PERMISSIONS));
        let invalid = Token { valid: false, why: Some("revoked".into()), ..good() };
        is(&of(Ok(invalid)), Outcome::Fault, "ungültig, sagt Meta: revoked", Some(NEW_TOKEN));
        is(&of(refused(190, "expired")), Outcome::Fault, "abgelaufen oder falsch, sagt Meta: expired", Some(NEW_TOKEN));
        is(&of(refused(0, "AuthException")), Outcome::Fault, "abgelaufen oder falsch, sagt Meta: AuthException", Some(NEW_TOKEN));
        is(&of(refused(100, "oops")), Outcome::Fault, "Meta lehnt ab (Code 100): oops", Some("nachschlagen"));
        for passing in [1, 2, 4, 80_007, 130_429, 131_000, 131_016] {
            let text = format!("Meta lehnt ab (Code {passing}): oops");
            is(&of(refused(passing, "oops")), Outcome::Unknown, &text, Some("nachschlagen"));
        }
        let away = of(Err(Unanswered::Way(Trouble::Unreachable)));
        let remedy = "Internetverbindung und Firewall prüfen (ausgehend TCP 443)";
        is(&away, Outcome::Unknown, "Keine Verbindung zu Meta", Some(remedy));
        is(&super::token(None, NOW), Outcome::Unknown, UNCONFIGURED, None);
    }

    #[test]
    fn a_number_is_connected_and_liked_or_says_why_not() {
        let good = || Number {
            status: Some("CONNECTED".into()),
            quality: Some("GREEN".into()),
            throughput: Some("STANDARD".into()),
            code_verification: Some("EXPIRED".into()),
            ..Number::default()
        };
        let of = |number| super::number(Some(&Ok(number)));
        let text = |quality: &str| format!("verbunden, Qualität {quality}, Durchsatz STANDARD");
        is(&of(good()), Outcome::Ok, &text("hoch"), None);
        is(&of(Number { quality: Some("YELLOW".into()), ..good() }), Outcome::Warning, &text("mittel"), Some(QUALITY));
        is(&of(Number { quality: Some("RED".into()), ..good() }), Outcome::Warning, &text("niedrig"), Some(QUALITY));
        let new = of(Number { quality: Some("UNKNOWN".into()), ..good() });
        is(&new, Outcome::Ok, "verbunden, Durchsatz STANDARD", None);
        let flagged = of(Number { status: Some("FLAGGED".into()), ..good() });
        is(&flagged, Outcome::Warning, "von Meta verwarnt: FLAGGED, Qualität hoch, Durchsatz STANDARD", Some(QUALITY));
        is(&of(Number { status: Some("RATE_LIMITED".into()), ..good() }), Outcome::Warning, "von Meta gebremst", Some(THROTTLED));
        for status in ["RESTRICTED", "BANNED", "DISCONNECTED", "PENDING", "SOMETHING_NEW"] {
            let text = format!("nicht verbunden ({status})");
            is(&of(Number { status: Some(status.into()), ..good() }), Outcome::Fault, &text, Some(CONNECT));
        }
        let declined = of(Number { name_status: Some("DECLINED".into()), ..good() });
        is(&declined, Outcome::Warning, &(text("hoch") + "; Meta lehnt den Anzeigenamen ab"), Some(NAME));
        let test = of(Number { mode: Some("SANDBOX".into()), ..good() });
        is(&test, Outcome::Warning, &(text("hoch") + "; es ist eine Testnummer von Meta"), Some(TEST_NUMBER));
        is(&of(Number::default()), Outcome::Unknown, "Meta sagt nichts über ihren Zustand", None);
        let silent = of(Number { quality: Some("UNKNOWN".into()), ..Number::default() });
        is(&silent, Outcome::Unknown, "Meta sagt nichts über ihren Zustand", None);
        let unproved = of(Number { code_verification: Some("NOT_VERIFIED".into()), ..Number::default() });
        is(&unproved, Outcome::Fault, "nicht bestätigt", Some(CONNECT));
        let trouble = HealthTrouble { code: 131_031, words: "Locked.".to_owned(), solution: String::new() };
        let health =
            Health { entity: "PHONE_NUMBER".to_owned(), can_send: "BLOCKED".to_owned(), troubles: vec![trouble], ..Health::default() };
        let blocked = of(Number { health: vec![health], ..good() });
        is(&blocked, Outcome::Fault, "gesperrt, sagt Meta: Locked. (Code 131031)", Some(CONNECT));
        is(&super::number(Some(&refused(200, "no"))), Outcome::Fault, "Meta lehnt ab (Code 200): no", Some("nachschlagen"));
        let strange = super::number(Some(&Err(Unanswered::Strange(200))));
        assert_eq!(strange.outcome, Outcome::Unknown);
        assert_eq!(of(good()).figures["quality"], "GREEN");
    }

    #[test]
    fn webhooks_come_here_or_go_elsewhere() {
        const HERE: &str = "https://wa.example/webhook";
        let at = |url: &str, whose| Ok(Number { webhook: Some(Destination { url: url.to_owned(), whose }), ..Number::default() });
        let number = |url: Option<&str>| url.map_or(Ok(Number::default()), |url| at(url, Whose::Number));
        let apps = |ids: &[&str]| Ok(ids.iter().map(|id| (*id).to_owned()).collect());
        let of = |webhook: Option<&str>, ids: &[&str], expected| {
            super::webhook(Some(&number(webhook)), Some(&apps(ids)), Some("7"), expected, None)
        };
        is(&of(Some(HERE), &["7"], Some(HERE)), Outcome::Ok, "gehen hierher, und die App ist angemeldet", None);
        let nowhere = "die App ist beim WhatsApp-Konto nicht angemeldet: Meta stellt nichts zu";
        is(&of(Some(HERE), &[], Some(HERE)), Outcome::Fault, nowhere, Some(SUBSCRIBE));
        is(&of(Some(HERE), &["8"], Some(HERE)), Outcome::Fault, nowhere, Some(SUBSCRIBE));
        let elsewhere = format!("Meta liefert an https://other.example (die Adresse der Nummer) statt an {HERE}");
        is(&of(Some("https://other.example"), &["7"], Some(HERE)), Outcome::Fault, &elsewhere, Some(ELSEWHERE));
        for (whose, shown) in [(Whose::Account, "die des WhatsApp-Kontos"), (Whose::App, "die der App")] {
            let of = |url| super::webhook(Some(&at(url, whose)), Some(&apps(&["7"])), Some("7"), Some(HERE), None);
            is(&of(HERE), Outcome::Ok, "gehen hierher, und die App ist angemeldet", None);
            let elsewhere = format!("Meta liefert an https://other.example ({shown}) statt an {HERE}");
            is(&of("https://other.example"), Outcome::Fault, &elsewhere, Some(REGISTER));
        }
        let none = "Meta nennt keine Adresse, an die es liefert";
        is(&of(None, &["7"], Some(HERE)), Outcome::Warning, none, Some(REGISTER));
        let unknown = format!("gehen an {HERE} (die Adresse der Nummer); ingress.url fehlt zum Vergleich");
        is(&of(Some(HERE), &["7"], None), Outcome::Ok, &unknown, None);
        is(&of(None, &["7"], None), Outcome::Unknown, none, None);
        let hidden = super::webhook(Some(&number(Some(HERE))), None, None, Some(HERE), None);
        is(&hidden, Outcome::Ok, "gehen hierher; ob die App angemeldet ist, sagt Meta nicht", None);
        let link = |state, why: Option<&str>| LinkReport { state, since: NOW.instant(), why: why.map(str::to_owned), latest: None };
        let up = super::webhook(Some(&number(Some(HERE))), Some(&apps(&["7"])), Some("7"), Some(HERE), Some(&link(State::Up, None)));
        is(&up, Outcome::Ok, "gehen hierher, und die App ist angemeldet; sie kommen an", None);
        let down = super::webhook(None, None, None, None, Some(&link(State::Down, Some("falsche Unterschrift"))));
        is(&down, Outcome::Fault, "falsche Unterschrift", Some(super::super::relay::WEBHOOK));
    }

    #[test]
    fn payment_is_judged_by_what_meta_reports() {
        let of_entity = |entity: &str, can_send: &str, code: u32, limit: Option<&str>| {
            let trouble = HealthTrouble { code, words: "Payment.".to_owned(), solution: "Pay.".to_owned() };
            let troubles = if code == 0 { Vec::new() } else { vec![trouble] };
            let limits = limit.map(str::to_owned).into_iter().collect();
            let health = Health { entity: entity.to_owned(), id: "1".to_owned(), can_send: can_send.to_owned(), troubles, limits };
            Ok(Number { health: vec![health], ..Number::default() })
        };
        let health = |can_send: &str, code| of_entity("WABA", can_send, code, None);
        let of = |number| super::payment(Some(&number), false, false);
        let text = "Meta meldet nichts; ob eine Zahlungsart hinterlegt ist, sagt die API nicht";
        is(&of(health("AVAILABLE", 0)), Outcome::Ok, text, None);
        is(&of(health("BLOCKED", 141_006)), Outcome::Fault, "Meta meldet: Payment. Pay. (Code 141006)", Some(PAY));
        is(&of(health("BLOCKED", 7)), Outcome::Fault, "das WhatsApp-Konto darf nicht senden: Payment. Pay. (Code 7)", Some(BLOCKED));
        is(&of(health("LIMITED", 0)), Outcome::Warning, "das WhatsApp-Konto darf nicht alles senden", Some(BLOCKED));
        let limited = of(of_entity("WABA", "LIMITED", 0, Some("Under review.")));
        is(&limited, Outcome::Warning, "das WhatsApp-Konto darf nicht alles senden: Under review.", Some(BLOCKED));
        let unverified = of_entity("BUSINESS", "LIMITED", 0, Some("Not verified."));
        is(&of(unverified), Outcome::Ok, text, None);
        let banned = "das Unternehmensportfolio darf nicht senden: Payment. Pay. (Code 7)";
        is(&of(of_entity("BUSINESS", "BLOCKED", 7, None)), Outcome::Fault, banned, Some(BLOCKED));
        let free = |code| super::payment(Some(&health("BLOCKED", code)), false, true);
        let warned = "Meta meldet: Payment. Pay. (Code 141006); ohne Zahlungsart gehen nur die freien Nachrichten hinaus";
        is(&free(METHOD), Outcome::Warning, warned, Some(PAY));
        is(&free(UNPAID), Outcome::Fault, "Meta meldet: Payment. Pay. (Code 131042)", Some(PAY));
        is(&of(Ok(Number::default())), Outcome::Unknown, "Meta sagt nichts über das WhatsApp-Konto", None);
        let withheld = super::payment(Some(&health("AVAILABLE", 0)), true, true);
        let text = "Meta nimmt Nachrichten an und stellt sie nicht zu";
        is(&withheld, Outcome::Fault, text, Some(super::super::relay::WITHHELD));
        assert_eq!(super::payment(None, false, false).outcome, Outcome::Unknown);
    }

    #[test]
    fn meta_is_reached_whatever_it_says() {
        assert_eq!(reached(Some(&Ok(()))), Some(true));
        assert_eq!(reached(Some(&refused::<()>(190, ""))), Some(true));
        assert_eq!(reached::<()>(Some(&Err(Unanswered::Strange(200)))), Some(true));
        assert_eq!(reached::<()>(Some(&Err(Unanswered::Way(Trouble::Name)))), Some(false));
        assert_eq!(reached::<()>(Some(&Err(Unanswered::Client(anyhow::anyhow!("x"))))), None);
        assert_eq!(reached::<()>(None), None);
    }
}
