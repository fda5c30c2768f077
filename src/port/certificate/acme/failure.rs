//! Why there is no certificate: told apart as far as somebody can do something about it, in sentences for technicians.

use super::super::pair::Unusable;
use super::super::standing::day;
use crate::domain::time::Timestamp;
use instant_acme::{Error, Problem};
use std::io;

/// Bytes of what the authority says that are passed on.
const DETAIL: usize = 300;
/// How the names of ACME's problems begin (RFC 8555 6.7).
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There is no way to it.
    #[error("the authority cannot be reached: {0}")]
    Unreachable(String),
    /// Its own certificate does not prove that it is the authority.
    #[error("the authority's own certificate is not valid")]
    Distrusted,
    /// Its clock shows another time than ours.
    #[error("the authority's clock shows {0:?}")]
    Clock(Timestamp),
    /// It refuses, says why (the problem's name, and its words), and for how many seconds it does not want to be asked again.
    #[error("refused: {kind}: {detail}")]
    Refused { kind: String, detail: String, hold: u32 },
    /// It answers something that is not ACME.
    #[error("not understood: {0}")]
    Strange(String),
    /// It needs longer than we wait.
    #[error("not ready in time")]
    Slow,
    /// It does not offer the one challenge that works through the way in.
    #[error("no TLS-ALPN-01 challenge is offered")]
    NoChallenge,
    /// What it sent does not fit.
    #[error("the certificate cannot be shown: {0}")]
    Unusable(Unusable),
    /// Nothing can be kept.
    #[error("account or certificate cannot be kept: {0}")]
    Folder(#[from] io::Error),
    /// No key can be made.
    #[error("no key or request can be made: {0}")]
    Key(String),
}

impl From<rcgen::Error> for Failure {
    fn from(error: rcgen::Error) -> Failure {
        Failure::Key(error.to_string())
    }
}

impl Failure {
    /// What the library says. `hold`: what the latest refusal's `Retry-After` asked for, in seconds.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what the library cannot do anything about, neither can we; and it may add more")]
    pub(super) fn of(error: Error, hold: u32) -> Failure {
        match error {
            Error::Api(problem) => Failure::refused(&problem, hold),
            Error::Timeout(_) => Failure::Slow,
            // What our own HTTP client has put in.
            Error::Other(inner) => {
                inner.downcast::<Failure>().map_or_else(|other| Failure::Strange(short(&other.to_string())), |inner| *inner)
            }
            error => Failure::Strange(short(&error.to_string())),
        }
    }

    /// A problem document, with what it says about our name in particular.
    pub(super) fn refused(problem: &Problem, hold: u32) -> Failure {
        let details: Vec<_> =
            problem.subproblems.iter().filter_map(|part| part.detail.as_deref()).chain(problem.detail.as_deref()).collect();
        let kind = problem.r#type.as_deref().unwrap_or_default();
        Failure::Refused { kind: short(kind.strip_prefix(PREFIX).unwrap_or(kind)), detail: short(&details.join("; ")), hold }
    }

    /// The problem's name, if it is one.
    pub(super) fn kind(&self) -> &str {
        match self {
            Failure::Refused { kind, .. } => kind,
            Failure::Unreachable(_) | Failure::Distrusted | Failure::Clock(_) | Failure::Strange(_) | Failure::Slow => "",
            Failure::NoChallenge | Failure::Unusable(_) | Failure::Folder(_) | Failure::Key(_) => "",
        }
    }

    /// For technicians: what happened, and what to do. `name` is what the certificate is for.
    pub(super) fn sentence(&self, name: &str, now: Timestamp) -> String {
        match self {
            Failure::Unreachable(why) => {
                format!(
                    "die Zertifizierungsstelle ist nicht erreichbar ({why}). Abhilfe: Internetverbindung, Proxy und \
                     Firewall prüfen (ausgehend TCP 443)"
                )
            }
            Failure::Distrusted => {
                "das Zertifikat der Zertifizierungsstelle selbst ist nicht gültig. Abhilfe: die Uhrzeit des Geräts prüfen; \
                 bei einer eigenen Stelle oder einem Firmen-Proxy dessen Wurzelzertifikat eintragen"
                    .to_owned()
            }
            Failure::Clock(theirs) => format!(
                "die Uhr geht falsch: hier ist es {}, bei der Zertifizierungsstelle {}. Abhilfe: die Zeit mit einem Zeitserver abgleichen",
                day(now),
                day(*theirs)
            ),
            Failure::Refused { kind, detail, hold } => refusal(kind, detail, *hold, name, now),
            Failure::Strange(what) => format!(
                "die Zertifizierungsstelle antwortet nicht, wie ACME es will ({what}). Abhilfe: die Adresse des Verzeichnisses prüfen; \
                 sonst eine Störung dort abwarten"
            ),
            Failure::Slow => {
                format!("die Zertifizierungsstelle wird mit der Prüfung von {name} nicht fertig. Abhilfe: eine Störung dort abwarten")
            }
            Failure::NoChallenge => "die Zertifizierungsstelle bietet keine Prüfung über TLS-ALPN-01 an. Abhilfe: eine andere wählen, \
                 oder das Zertifikat aus Dateien nehmen"
                .to_owned(),
            Failure::Unusable(why) => {
                format!("was die Zertifizierungsstelle ausgestellt hat, ist nicht brauchbar: {why}. Abhilfe: eine Störung dort abwarten")
            }
            Failure::Folder(why) => {
                format!("Zertifikat und Konto lassen sich nicht speichern ({why}). Abhilfe: Rechte des Ordners und freien Platz prüfen")
            }
            Failure::Key(why) => format!("es lässt sich kein Schlüssel erzeugen ({why}). Abhilfe: das Gerät neu starten"),
        }
    }
}

/// RFC 8555 6.7, as far as there is something to be done.
fn refusal(kind: &str, detail: &str, hold: u32, name: &str, now: Timestamp) -> String {
    let what_to_do = match kind {
        "connection" | "unauthorized" | "tls" | "incorrectResponse" => format!(
            "Abhilfe: Zeigen die DNS-Einträge (A und AAAA) von {name} auf den Relay-Host? Ist dort Port 443 offen, und steht der Tunnel?"
        ),
        "dns" => format!("Abhilfe: Gibt es für {name} einen DNS-Eintrag (A oder AAAA)?"),
        "caa" => format!("Abhilfe: der CAA-Eintrag im DNS von {name} muss diese Zertifizierungsstelle erlauben, oder ganz fehlen"),
        "rateLimited" => {
            let until = if hold == 0 { String::new() } else { format!(", nicht vor {}", day(now.plus(hold))) };
            format!("das ist deren Obergrenze; es wird von selbst wieder versucht{until}")
        }
        "rejectedIdentifier" => format!("Abhilfe: für {name} stellt sie nichts aus. Stimmt der Name?"),
        "invalidContact" | "unsupportedContact" => "Abhilfe: die E-Mail-Adresse des Kontakts prüfen".to_owned(),
        "externalAccountRequired" => "Abhilfe: eine Zertifizierungsstelle wählen, die kein Kundenkonto verlangt".to_owned(),
        "invalidProfile" => "Abhilfe: das Profil prüfen oder weglassen".to_owned(),
        _ => "Abhilfe: es wird von selbst wieder versucht; bleibt es so, hilft deren Statusseite weiter".to_owned(),
    };
    format!("die Zertifizierungsstelle lehnt ab ({kind}: {detail}). {what_to_do}")
}

/// What somebody else says, on one line and not for ever.
fn short(text: &str) -> String {
    let clean = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    let mut short = String::new();
    for char in clean {
        if short.len() + char.len_utf8() > DETAIL {
            short.push('…');
            break;
        }
        short.push(char);
    }
    short
}
