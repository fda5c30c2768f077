//! What must not leave the device is left out, line by line: the secrets and contacts that the configuration names, wherever they stand,
//! and whatever looks like a telephone number, an address, an id of a person or of a message, a token, a login. Rather too much than too
//! little: a bundle is read by people whom nobody has agreed to.

use crate::config::{CertificateConfig, Config, EgressConfig, IngressConfig, discreet};
use secrecy::{ExposeSecret, SecretString};
use std::ops::Range;

/// Stands for what is left out.
const DOTS: &str = "…";
/// Shorter ones would turn up in the middle of words. What is that short is no secret that holds.
const WITHHELD_MIN: usize = 4;
/// Digits of the shortest telephone number with its area code, and of the longest (ITU-T E.164).
const DIGITS: (usize, usize) = (7, 15);
/// Characters between two digits of a number: `07751 / 5550100`, `+49 (0) 7751`.
const GAP: usize = 3;
/// Characters of the shortest id of a person at Meta behind the country.
const BSUID_MIN: usize = 8;
/// Keys whose values concern people, or may.
const PERSONAL: [&str; 3] = ["contact", "phone_number", "command"];
/// How units of systemd end: `drk-relay@wache.service` is no mail address.
const UNITS: [&str; 6] = ["service", "socket", "timer", "mount", "slice", "target"];

/// What this device withholds.
#[derive(Default)]
pub(super) struct Discretion {
    /// The longest first: one may be part of another.
    withheld: Vec<String>,
}

impl Discretion {
    /// What this configuration names; without one, what looks like it.
    pub(super) fn of(config: Option<&Config>, phone_number: Option<String>) -> Discretion {
        let mut withheld: Vec<String> = phone_number.into_iter().collect();
        if let Some(config) = config {
            withheld.extend(secrets(config).flat_map(|secret| lines(secret.expose_secret())));
            withheld.push(config.rules.contact.clone());
            if let Some(CertificateConfig::Acme(acme)) = &config.certificate {
                withheld.extend(acme.contact.clone());
            }
            withheld.extend(config.alarm.command.iter().flat_map(|(_, arguments)| arguments.clone()));
        }
        withheld.retain(|text| text.chars().count() >= WITHHELD_MIN);
        withheld.sort_by_key(|text| std::cmp::Reverse(text.len()));
        withheld.dedup();
        Discretion { withheld }
    }

    /// A text of several lines.
    pub(super) fn text(&self, text: &str) -> String {
        text.lines().map(|line| self.line(line) + "\n").collect()
    }

    /// A configuration as it takes effect: what it says of secrets is only where they come from.
    pub(super) fn configuration(&self, text: &str) -> String {
        text.lines().map(|line| self.known(&without_personal(line)) + "\n").collect()
    }

    /// A journal. The relay and `provision-device` write there what is wrong with a configuration, and whose words they quote is not known.
    pub(super) fn journal(&self, text: &str) -> String {
        text.lines().map(|line| self.line(&without_quoted(&without_source(line))) + "\n").collect()
    }

    fn line(&self, line: &str) -> String {
        // Whatever others write, a line stays one.
        let line: String = line.chars().map(|char| if char.is_control() && char != '\t' { ' ' } else { char }).collect();
        discreet(&self.known(&without_personal(&line)))
    }

    fn known(&self, line: &str) -> String {
        let line = self.withheld.iter().fold(line.to_owned(), |line, withheld| line.replace(withheld, DOTS));
        let mut hidden = found(&line);
        hidden.sort_by_key(|range| range.start);
        let (mut kept, mut at) = (String::new(), 0);
        for Range { start, end } in hidden {
            if end > at {
                kept.push_str(line.get(at..start.max(at)).unwrap_or_default());
                if !kept.ends_with(DOTS) {
                    kept.push_str(DOTS);
                }
                at = end;
            }
        }
        kept + line.get(at..).unwrap_or_default()
    }
}

/// Every secret of a configuration.
fn secrets(config: &Config) -> impl Iterator<Item = &SecretString> {
    let proxy = match &config.egress {
        EgressConfig::Proxy(address) => Some(address),
        EgressConfig::Direct | EgressConfig::Tunnel => None,
    };
    let tunnel = match &config.ingress {
        IngressConfig::Tunnel(tunnel) => Some(&tunnel.key),
        IngressConfig::Listen(_) => None,
    };
    let client = config.mqtt.tls.as_ref().and_then(|tls| tls.client.as_ref()).map(|(_, key)| key);
    let login = config.mqtt.login.as_ref().map(|(_, password)| password);
    let own = [&config.graph.token, &config.webhook.verify_token].into_iter().chain(&config.webhook.app_secrets);
    own.chain([proxy, config.graph.proxy.as_ref(), tunnel, client, login].into_iter().flatten())
        .chain(config.heartbeat.as_ref().map(|heartbeat| &heartbeat.url))
}

fn lines(secret: &str) -> Vec<String> {
    secret.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect()
}

/// A line without what a key in it says is somebody's: a line of TOML, wherever it was written.
fn without_personal(line: &str) -> String {
    let named = |at: usize| line[..at].trim_end_matches([' ', '\t', '"']).rsplit(|char| !is_of_key(char)).next().unwrap_or_default();
    let Some(at) = line.match_indices('=').map(|(at, _)| at).find(|at| PERSONAL.contains(&named(*at))) else { return line.to_owned() };
    let (key, value) = (&line[..at], &line[at + 1..]);
    // The program may be known, what it is told may not.
    let program = value.trim().strip_prefix('[').and_then(|words| words.split([',', ']']).next()).filter(|_| named(at) == "command");
    program.map_or_else(|| format!("{key}= \"{DOTS}\""), |program| format!("{key}= [{program}, {DOTS}]"))
}

fn is_of_key(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// A line without the line of a configuration that it shows: ` 7 | contact = "…`, as `ConfigError` writes it. Of a long one it shows the
/// middle, and then no key says whose it is.
fn without_source(line: &str) -> String {
    let shown = line.match_indices(" | ").find(|(at, _)| {
        let before = line[..*at].trim_end_matches(|char: char| char.is_ascii_digit());
        before.len() < *at && (before.is_empty() || before.ends_with([' ', '\t']))
    });
    shown.map_or_else(|| line.to_owned(), |(at, bar)| format!("{}{bar}{DOTS}", &line[..at]))
}

/// A line without what stands in German quotation marks: that was taken from a file. Of what is not closed, nothing is left.
pub(super) fn without_quoted(line: &str) -> String {
    let mut kept = String::new();
    for (nth, piece) in line.split('„').enumerate() {
        match piece.split_once('“') {
            _ if nth == 0 => kept.push_str(piece),
            Some((_, rest)) => kept += &format!("„{DOTS}“{rest}"),
            None => kept += &format!("„{DOTS}"),
        }
    }
    kept
}

/// What looks like it concerns somebody.
fn found(line: &str) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    for (at, _) in line.match_indices("wamid.") {
        let from = at + "wamid.".len();
        all.push(from..from + run(&line[from..], |char| char.is_ascii_alphanumeric() || "+/=_-".contains(char)));
    }
    for (at, _) in line.match_indices("://") {
        let from = at + "://".len();
        let authority = run(&line[from..], |char| !"/\"'<> ".contains(char));
        all.extend(line[from..from + authority].rfind('@').map(|end| from..from + end));
    }
    all.extend(addresses(line));
    for (at, char) in line.char_indices() {
        let mut earlier = line[..at].chars().rev();
        let before = earlier.next();
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        // `tel:07751…`, `"from":4915…`; a time has a digit there.
        let before = before.filter(|char| *char != ':' || !earlier.next().is_some_and(|char| char.is_alphabetic() || char == '"'));
        if char == '+' || char.is_ascii_digit() {
            all.extend(number(&line[at..], before).map(|length| at..at + length));
        } else if char.is_ascii_uppercase() {
            all.extend(bsuid(&line[at..]).map(|length| at..at + length));
        }
    }
    all
}

/// Bytes at the beginning that are so.
fn run(text: &str, so: impl Fn(char) -> bool) -> usize {
    text.find(|char| !so(char)).unwrap_or(text.len())
}

/// `DE.13491208655302741918`, and a parent's: `DE.ENT.11815799212886844830` (WhatsApp docs: business-scoped-user-ids).
fn bsuid(text: &str) -> Option<usize> {
    let country = run(text, |char| char.is_ascii_uppercase());
    let own = text.get(country..)?.strip_prefix('.')?;
    let rest = own.strip_prefix("ENT.").unwrap_or(own);
    let id = run(rest, |char| char.is_ascii_alphanumeric());
    let digits = rest[..id].chars().any(|char| char.is_ascii_digit());
    (country == 2 && id >= BSUID_MIN && digits).then_some(text.len() - rest.len() + id)
}

/// Mail addresses.
fn addresses(line: &str) -> impl Iterator<Item = Range<usize>> {
    line.match_indices('@').filter_map(|(at, _)| {
        let own = |char: char| char.is_alphanumeric() || "._%+-".contains(char);
        let from = line[..at].char_indices().rev().take_while(|(_, char)| own(*char)).last().map(|(at, _)| at)?;
        let domain = run(&line[at + 1..], |char| char.is_alphanumeric() || ".-".contains(char));
        let name = line[at + 1..at + 1 + domain].trim_end_matches('.');
        let (_, last) = name.rsplit_once('.')?;
        (!UNITS.contains(&last)).then_some(from..at + 1 + name.len())
    })
}

/// A telephone number at the beginning: `+49 7751 5550100`, `(07751) 5550100`, `0170 / 5550100`, `491705550100`. `before`: what stands
/// before it.
fn number(text: &str, before: Option<char>) -> Option<usize> {
    // Points are no gaps but behind a plus: else they are of dates, versions and addresses.
    let gaps = if text.starts_with('+') { " -/()." } else { " -/()" };
    let (mut digits, mut end, mut gap) = (0, 0, 0);
    for (at, char) in text.char_indices() {
        if char.is_ascii_digit() {
            (digits, end, gap) = (digits + 1, at + 1, 0);
        } else if at == 0 && char == '+' {
        } else if gaps.contains(char) && gap < GAP {
            gap += 1;
        } else {
            break;
        }
    }
    let second = text.chars().nth(1);
    let alone = !text[..end].contains(|char: char| gaps.contains(char));
    let possible = match () {
        () if text.starts_with('+') => digits <= DIGITS.1 + 3,
        // A fraction, a version, a time.
        () if matches!(before, Some('.' | ':' | '-' | '_')) => false,
        () if text.starts_with("00") => (DIGITS.0 + 4..=DIGITS.1 + 2).contains(&digits),
        () if text.starts_with('0') && second.is_some_and(|char| ('1'..='9').contains(&char)) => digits <= DIGITS.1 + 3,
        () => alone && text.starts_with("49") && (11..=DIGITS.1).contains(&digits),
    };
    (possible && digits >= DIGITS.0).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_somebody_is_left_out() {
        let nobody = Discretion::default();
        for (line, kept) in [
            ("ruft +49 7751 5550100 an", "ruft … an"),
            ("an=+491515550100 ab", "an=… ab"),
            ("491515550100", "…"),
            ("Telefon 07751/5550100.", "Telefon …."),
            ("Telefon (07751) 5550100", "Telefon (…"),
            ("00491515550100", "…"),
            ("Telefon 07751 / 5550100", "Telefon …"),
            ("0049 7751 5550100", "…"),
            ("+49.7751.5550100", "…"),
            ("Telefon:07751 5550100", "Telefon:…"),
            ("tel:07751-5550100", "tel:…"),
            ("\"from\":491515550101,", "\"from\":…,"),
            ("whatsapp:491515550101", "whatsapp:…"),
            ("parent DE.ENT.11815799212886844830 x", "parent … x"),
            ("from DE.00000000000000000001 x", "from … x"),
            ("DE.1349120a", "…"),
            ("wamid.HBgMNDkxNTE1NTUwMTAwFQIAERgS= gone", "wamid.… gone"),
            ("RCPT <erika.muster@drk.example>", "RCPT <…>"),
            ("mqtt://relay:geheim@broker.local", "mqtt://…"),
            ("token = EAABsbCS1iHgBO7ZCxyz0", "token =…"),
            ("  contact = \"Erika Muster\"", "  contact = \"…\""),
            ("command = [\"/usr/bin/alarm\", \"erika\"]", "command = [\"/usr/bin/alarm\", …]"),
        ] {
            assert_eq!(nobody.text(line), format!("{kept}\n"), "{line}");
        }
    }

    #[test]
    fn a_configuration_that_was_written_into_a_journal_is_left_out() {
        let nobody = Discretion::default();
        for (line, kept) in [
            ("07:00:01 drk-relay[7]:  7 | contact = \"Erika Muster, 07751", "07:00:01 drk-relay[7]:  7 | …"),
            ("07:00:01 drk-relay[7]: 12 | … ika Muster, Hauptstr. 1 (Hof)", "07:00:01 drk-relay[7]: 12 | …"),
            (
                "07:00:01 drk-relay[7]: x.toml:7:9: hier steht „Erika“, nicht „Max“.",
                "07:00:01 drk-relay[7]: x.toml:7:9: hier steht „…“, nicht „…“.",
            ),
            ("07:00:01 drk-relay[7]: hier steht „Erika", "07:00:01 drk-relay[7]: hier steht „…"),
            ("07:00:01 sh[7]: read contact = \"Erika\"", "07:00:01 sh[7]: read contact = \"…\""),
            ("a=1 contact=Erika", "a=1 contact= \"…\""),
            ("nichts “ davon", "nichts “ davon"),
        ] {
            assert_eq!(nobody.journal(line), format!("{kept}\n"), "{line}");
        }
    }

    #[test]
    fn what_a_technician_needs_stays() {
        let nobody = Discretion::default();
        for line in [
            "2026-11-26T07:00:01.000123+0100 drk-relay[4711]: connected to the MQTT broker host=192.168.178.21 port=1883",
            "drk-relay@wache.service loaded active",
            "/dev/mmcblk0p2 ext4 30428160 4812345 24305671 17% /",
            "MemTotal:         441320 kB",
            "phone_number_id = \"106540352242922\"",
            "[    0.000000] Linux version 6.12.25+rpt-rpi-v8",
            "26.11.2026 07:00:05  Start    drk-relay 0.1.0",
            "ingress.url = \"https://wa.drk-musterstadt.example\"",
            "MemoryHigh=201326592",
            "10.0.3.15:1883",
            "2026-11-26 07:00:01 +0100",
            "dc:a6:32:01:23:45",
        ] {
            assert_eq!(nobody.text(line), format!("{line}\n"));
            assert_eq!(nobody.journal(line), format!("{line}\n"));
        }
    }

    #[test]
    fn what_the_configuration_names_is_left_out_wherever_it_stands() {
        let discretion = Discretion { withheld: vec!["geheimes Wort".to_owned(), "geheim".to_owned()] };
        assert_eq!(discretion.text("ein geheimes Wort, geheim"), "ein …, …\n");
        assert_eq!(
            discretion.configuration("token = \"… (aus Credential /etc/credstore/drk-relay.whatsapp-token)\""),
            "token = \"… (aus Credential /etc/credstore/drk-relay.whatsapp-token)\"\n"
        );
    }
}
