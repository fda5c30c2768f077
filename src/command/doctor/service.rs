//! What the configuration, systemd's word and the marks of updates mean. Pure.

use super::finding::Finding;
use super::machine::Update;
use super::subject::Subject;
use super::systemd::Unit;
use crate::config::{ConfigError, Problem};

pub(super) const SEE_CONFIGURATION: &str = "sudo drk-relay check-config zeigt jeden Fehler mit Zeile und Abhilfe";
pub(super) const AS_ROOT: &str = "mit sudo aufrufen";
pub(super) const SEE_JOURNAL: &str = "sudo journalctl -u drk-relay -n 50 und sudo drk-relay events zeigen, warum";
pub(super) const ENABLE: &str = "sudo systemctl enable --now drk-relay";
pub(super) const INSTALL: &str = "das Paket drk-relay installieren; eine zweite Nummer braucht drk-relay@NAME";
pub(super) const RESTART: &str = "sudo systemctl restart drk-relay";
pub(super) const WAIT_FOR_JUDGE: &str = "fünf Minuten warten; bleibt es so: sudo systemctl start drk-relay-update";
pub(super) const ROLLED_BACK: &str =
    "sudo journalctl -u drk-relay -u drk-relay-update ansehen und drk-relay support-bundle schicken; die bisherige Version arbeitet weiter";

/// What is said where a configuration would be needed to look.
pub(super) const UNCONFIGURED: &str = "dazu muss die Konfiguration brauchbar und lesbar sein";
/// So often it may have been started again before somebody should look.
const RESTARTS: u32 = 3;

/// `warnings`: how many things work, but deserve a look.
pub(super) fn configuration(found: Result<usize, &ConfigError>, is_root: bool) -> Finding {
    let of = Subject::Configuration;
    match found {
        Ok(0) => Finding::ok(of, "in Ordnung"),
        Ok(1) => Finding::warning(of, "in Ordnung, aber mit einem Hinweis", SEE_CONFIGURATION).with("hints", 1),
        Ok(hints) => Finding::warning(of, format!("in Ordnung, aber mit {hints} Hinweisen"), SEE_CONFIGURATION).with("hints", hints),
        Err(error) if !is_root && error.is_about_rights() => {
            Finding::unknown(of, "ihre Geheimnisse darf dieser Benutzer nicht lesen").remedied(AS_ROOT)
        }
        Err(error) => {
            let problems = error.problems();
            let first = problems.first();
            let line = first.and_then(Problem::line).map_or(String::new(), |line| format!(" (Zeile {line})"));
            let what = first.map_or("", |problem| problem.what().trim_end_matches('.'));
            if let [only] = problems {
                let remedy = only.remedy().trim_end_matches('.').to_owned();
                return Finding::fault(of, format!("{what}{line}"), remedy).with("problems", 1);
            }
            let text = format!("{} Fehler, der erste: {what}{line}", problems.len());
            Finding::fault(of, text, SEE_CONFIGURATION).with("problems", problems.len())
        }
    }
}

/// `unit`: nothing if systemd cannot be asked. `name`: nothing if this configuration belongs to no service. `runs`: a relay answers.
pub(super) fn service(name: Option<&str>, unit: Option<&Unit>, runs: bool) -> Finding {
    let of = Subject::Service;
    let Some(name) = name else { return Finding::not_applicable(of, "diese Konfiguration gehört zu keinem Dienst (/etc/drk-relay)") };
    let Some(unit) = unit else { return Finding::unknown(of, "systemctl antwortet nicht") };
    let restarts = unit.restarts.unwrap_or(0);
    let status = unit.status.map_or(String::new(), |status| format!(", Exit-Code {status}"));
    let disabled = !unit.enabled.starts_with("enabled") && !unit.enabled.is_empty();
    let finding = match unit.active.as_str() {
        _ if unit.load == "not-found" && runs => Finding::warning(of, format!("{name} gibt es nicht; das Relay läuft anders"), INSTALL),
        _ if unit.load == "not-found" => Finding::fault(of, format!("{name} gibt es nicht"), INSTALL),
        "active" if disabled => Finding::warning(of, format!("{name} läuft, startet aber nach einem Neustart nicht von selbst"), ENABLE),
        "active" if restarts > RESTARTS => {
            Finding::warning(of, format!("{name} läuft, wurde aber {restarts} Mal neu gestartet"), SEE_JOURNAL)
        }
        "active" if !unit.watched => Finding::warning(of, format!("{name} läuft, aber ohne Watchdog"), INSTALL),
        "active" => Finding::ok(of, format!("{name} läuft, mit Watchdog")),
        "activating" if unit.sub == "auto-restart" => {
            Finding::fault(of, format!("{name} startet immer wieder neu ({}{status})", unit.result), SEE_JOURNAL)
        }
        "activating" | "reloading" => Finding::warning(of, format!("{name} startet gerade"), SEE_JOURNAL),
        "failed" => Finding::fault(of, format!("{name} ist gescheitert ({}{status})", unit.result), SEE_JOURNAL),
        _ if runs => Finding::warning(of, format!("{name} läuft nicht; das Relay läuft anders"), ENABLE),
        _ => Finding::fault(of, format!("{name} läuft nicht"), ENABLE),
    };
    unit.restarts.into_iter().fold(finding, |finding, restarts| finding.with("restarts", restarts))
}

/// `running`: the version of the relay that answers.
pub(super) fn version(running: Option<&str>) -> Finding {
    let (of, own) = (Subject::Version, env!("CARGO_PKG_VERSION"));
    let finding = match running {
        Some(running) if running != own => Finding::warning(of, format!("installiert ist {own}, es läuft noch {running}"), RESTART),
        Some(_) => Finding::ok(of, format!("{own}, auch im laufenden Relay")),
        None => Finding::ok(of, format!("{own} (installiert)")),
    };
    let finding = finding.with("installed", own);
    running.into_iter().fold(finding, |finding, running| finding.with("running", running))
}

pub(super) fn update(found: &Update) -> Finding {
    let of = Subject::Update;
    match found {
        Update::Settled => Finding::ok(of, "keines offen"),
        Update::Pending => {
            Finding::warning(of, "eines ist eingespielt und muss sich noch bewähren; die vorige Version liegt bereit", WAIT_FOR_JUDGE)
        }
        Update::RolledBack(back) => Finding::warning(of, format!("zurückgenommen: {}", back.sentence()), ROLLED_BACK),
        Update::Hidden => Finding::unknown(of, "der Ordner /var/lib/drk-relay-update ist nicht lesbar").remedied(AS_ROOT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::super::tests::is;
    use super::*;
    use crate::port::update::{RolledBack, Why};

    #[test]
    fn a_configuration_that_cannot_work_is_said_with_its_first_line() {
        is(&configuration(Ok(0), true), Outcome::Ok, "in Ordnung", None);
        is(&configuration(Ok(1), true), Outcome::Warning, "in Ordnung, aber mit einem Hinweis", Some(SEE_CONFIGURATION));
        is(&configuration(Ok(2), true), Outcome::Warning, "in Ordnung, aber mit 2 Hinweisen", Some(SEE_CONFIGURATION));
        let missing = ConfigError::single("relay.toml", "Es fehlt etwas.", "ergänzen");
        is(&configuration(Err(&missing), true), Outcome::Fault, "Es fehlt etwas", Some("ergänzen"));
        assert_eq!(configuration(Err(&missing), false).outcome, Outcome::Fault);
        let denied = ConfigError::single("relay.toml", "/etc/credstore/x darf dieser Benutzer nicht lesen (als root aufrufen).", "…");
        let text = "ihre Geheimnisse darf dieser Benutzer nicht lesen";
        is(&configuration(Err(&denied), false), Outcome::Unknown, text, Some(AS_ROOT));
        assert_eq!(configuration(Err(&denied), true).outcome, Outcome::Fault, "root may read everything: then it is about something else");
    }

    #[test]
    fn a_service_runs_or_says_why_not() {
        let unit = |active: &str| Unit {
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: "running".to_owned(),
            enabled: "enabled".to_owned(),
            result: "exit-code".to_owned(),
            status: Some(1),
            watched: true,
            restarts: Some(0),
            ..Unit::default()
        };
        let of = |unit: &Unit, runs| service(Some("drk-relay.service"), Some(unit), runs);
        is(&of(&unit("active"), true), Outcome::Ok, "drk-relay.service läuft, mit Watchdog", None);
        let text = "drk-relay.service läuft, startet aber nach einem Neustart nicht von selbst";
        is(&of(&Unit { enabled: "disabled".to_owned(), ..unit("active") }, true), Outcome::Warning, text, Some(ENABLE));
        let text = "drk-relay.service läuft, wurde aber 4 Mal neu gestartet";
        is(&of(&Unit { restarts: Some(4), ..unit("active") }, true), Outcome::Warning, text, Some(SEE_JOURNAL));
        let text = "drk-relay.service läuft, aber ohne Watchdog";
        is(&of(&Unit { watched: false, ..unit("active") }, true), Outcome::Warning, text, Some(INSTALL));
        let text = "drk-relay.service startet immer wieder neu (exit-code, Exit-Code 1)";
        is(&of(&Unit { sub: "auto-restart".to_owned(), ..unit("activating") }, false), Outcome::Fault, text, Some(SEE_JOURNAL));
        is(&of(&unit("activating"), false), Outcome::Warning, "drk-relay.service startet gerade", Some(SEE_JOURNAL));
        let text = "drk-relay.service ist gescheitert (exit-code, Exit-Code 1)";
        is(&of(&unit("failed"), false), Outcome::Fault, text, Some(SEE_JOURNAL));
        is(&of(&unit("inactive"), false), Outcome::Fault, "drk-relay.service läuft nicht", Some(ENABLE));
        is(&of(&unit("inactive"), true), Outcome::Warning, "drk-relay.service läuft nicht; das Relay läuft anders", Some(ENABLE));
        let gone = Unit { load: "not-found".to_owned(), ..unit("inactive") };
        is(&of(&gone, false), Outcome::Fault, "drk-relay.service gibt es nicht", Some(INSTALL));
        is(&of(&gone, true), Outcome::Warning, "drk-relay.service gibt es nicht; das Relay läuft anders", Some(INSTALL));
        is(&service(Some("x"), None, false), Outcome::Unknown, "systemctl antwortet nicht", None);
        let text = "diese Konfiguration gehört zu keinem Dienst (/etc/drk-relay)";
        is(&service(None, None, false), Outcome::NotApplicable, text, None);
    }

    #[test]
    fn versions_and_updates_are_named() {
        let own = env!("CARGO_PKG_VERSION");
        is(&version(Some(own)), Outcome::Ok, &format!("{own}, auch im laufenden Relay"), None);
        is(&version(None), Outcome::Ok, &format!("{own} (installiert)"), None);
        let text = format!("installiert ist {own}, es läuft noch 0.0.9");
        is(&version(Some("0.0.9")), Outcome::Warning, &text, Some(RESTART));
        is(&update(&Update::Settled), Outcome::Ok, "keines offen", None);
        let text = "eines ist eingespielt und muss sich noch bewähren; die vorige Version liegt bereit";
        is(&update(&Update::Pending), Outcome::Warning, text, Some(WAIT_FOR_JUDGE));
        let (from, to) = ("1.2.0".to_owned(), "1.3.0".to_owned());
        let back = Update::RolledBack(RolledBack { from, to, why: Why::NotReady });
        let text = "zurückgenommen: Version 1.3.0 ist nicht bereit geworden, 1.2.0 läuft weiter";
        is(&update(&back), Outcome::Warning, text, Some(ROLLED_BACK));
        is(&update(&Update::Hidden), Outcome::Unknown, "der Ordner /var/lib/drk-relay-update ist nicht lesbar", Some(AS_ROOT));
    }
}
