//! What a technician reads about the clock: German, what happened and what to do.

use super::{Proof, Service, Standing, Why};

impl Service {
    /// As its package is called.
    fn name(self) -> &'static str {
        match self {
            Service::Timesyncd => "systemd-timesyncd",
            Service::Chrony => "chrony",
        }
    }
}

impl Standing {
    /// How it stands, in German, with a remedy if it needs one.
    pub fn sentence(self) -> String {
        match self {
            Standing::Trusted(Proof::Server(service)) => format!("gestellt von {}", service.name()),
            Standing::Trusted(Proof::Meta) => "gestellt nach Metas Uhr".to_owned(),
            Standing::Trusted(Proof::Said) => "die des Systems (relay.toml: [clock] trust = \"always\")".to_owned(),
            Standing::Untrusted(why) => format!(
                "{}: bis sie bestätigt ist, wird angenommen, aber nichts gesendet. Das Relay fragt Meta nach der Zeit. Abhilfe, wenn es \
                 länger dauert: Internetverbindung prüfen; timedatectl",
                why.what()
            ),
        }
    }
}

impl Why {
    /// What happened, in German, as part of a sentence.
    pub fn what(self) -> String {
        match self {
            Why::Unproven => "noch nicht gestellt".to_owned(),
            Why::Stepped(seconds) => format!("die Uhr des Systems ist gesprungen, um {} {}", span(seconds), direction(seconds)),
            Why::Differs(seconds) => format!("Metas Uhr geht {} {}", span(seconds), if seconds < 0 { "nach" } else { "vor" }),
            Why::Future(seconds) => format!("Meta meldet etwas, das erst in {} geschehen sein könnte", span(seconds)),
            Why::Stale => "seit Stunden von niemandem bestätigt".to_owned(),
        }
    }
}

fn direction(seconds: i64) -> &'static str {
    if seconds < 0 { "zurück" } else { "nach vorn" }
}

/// How long, roughly, in German.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let units = [(365 * 86_400, "Jahr", "Jahre"), (86_400, "Tag", "Tage"), (3_600, "Stunde", "Stunden"), (60, "Minute", "Minuten")];
    let (count, one, many) = units
        .into_iter()
        .find(|(unit, ..)| seconds >= *unit)
        .map_or((seconds, "Sekunde", "Sekunden"), |(unit, one, many)| (seconds / unit, one, many));
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_people_say_them() {
        let table = [(0, "0 Sekunden"), (-1, "1 Sekunde"), (59, "59 Sekunden"), (60, "1 Minute"), (7_200, "2 Stunden"), (86_400, "1 Tag")];
        for (seconds, said) in table {
            assert_eq!(span(seconds), said);
        }
        assert_eq!([span(i64::MIN), span(-56 * 365 * 86_400)], ["292471208677 Jahre", "56 Jahre"]);
    }

    #[test]
    fn a_doubt_says_what_happened_and_what_to_do() {
        let said = |why| Standing::Untrusted(why).sentence();
        assert!(said(Why::Stepped(-3_700)).starts_with("die Uhr des Systems ist gesprungen, um 1 Stunde zurück: bis sie bestätigt ist"));
        assert!(said(Why::Differs(90)).starts_with("Metas Uhr geht 1 Minute vor"));
        assert!(said(Why::Stale).contains("Abhilfe"));
        assert_eq!(Standing::Trusted(Proof::Server(Service::Chrony)).sentence(), "gestellt von chrony");
    }
}
