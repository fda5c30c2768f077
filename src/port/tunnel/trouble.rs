//! Why there is no tunnel, for logs and for technicians. Tries nothing again.

use super::keys;
use super::pace::Healing;
use crate::config::TunnelForward;
use crate::port::outward::NoWay;
use russh::keys::ssh_key::public::KeyData;
use std::fmt;

/// Where a session can get stuck.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Banner and key exchange.
    Greeting,
    /// Our key.
    Login,
    /// What the relay host is to forward.
    Forward,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Greeting => "key exchange",
            Step::Login => "login",
            Step::Forward => "forward",
        })
    }
}

/// Why there is no session, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The relay host was not reached.
    #[error("{0}")]
    Way(NoWay),
    /// It does not answer.
    #[error("no answer in time: {0}")]
    Silent(Step),
    /// Somebody answers who speaks no SSH, or another dialect.
    #[error("no SSH session: {0}")]
    Greeting(russh::Error),
    /// It has nothing in common with us.
    #[error("no common algorithm ({0}): the relay host is too old, or shows no Ed25519 key")]
    Algorithms(String),
    /// It is not the one whose key is pinned.
    #[error("the relay host shows another host key: {}, expected {}", keys::fingerprint(.shown), keys::fingerprint(.pinned))]
    HostKey {
        /// From the configuration.
        pinned: Box<KeyData>,
        /// What was shown.
        shown: Box<KeyData>,
    },
    /// It does not let us in.
    #[error("the relay host rejects our key")]
    Key {
        /// As whom.
        user: String,
        /// The line that would let us in.
        authorized: String,
    },
    /// It does not forward.
    #[error("the relay host denies the forward")]
    Denied(TunnelForward),
    /// The session has ended.
    #[error("the session ended: {0}")]
    Ended(String),
    /// Something in it was wrong.
    #[error("the session panicked")]
    Panicked,
    /// Nothing came through.
    #[error("torn down: nothing came through")]
    Rebuilt,
}

impl Trouble {
    /// What the technician is told who asks how the relay fares, and what to do.
    pub fn sentence(&self) -> String {
        match self {
            Trouble::Way(why) => why.sentence("der Relay-Host"),
            Trouble::Silent(step) => {
                let at = match step {
                    Step::Greeting => "beim Verbindungsaufbau (SSH)",
                    Step::Login => "bei der Anmeldung",
                    Step::Forward => "auf die Bitte um Weiterleitung",
                };
                format!("der Relay-Host antwortet {at} nicht. Abhilfe: Läuft dort sshd? Stimmt der Port?")
            }
            Trouble::Greeting(why) => format!("keine SSH-Verbindung zum Relay-Host ({why}). Abhilfe: Ist das der Port von sshd?"),
            Trouble::Algorithms(what) => format!(
                "der Relay-Host und das Relay haben kein gemeinsames Verfahren ({what}). Abhilfe: OpenSSH 8.5 oder neuer, und in \
                 sshd_config ein HostKey vom Typ ed25519"
            ),
            Trouble::HostKey { pinned, shown } => format!(
                "der Relay-Host zeigt einen anderen Schlüssel: {} statt {}. Das kann ein Angriff sein. Abhilfe: beim Betreiber nachfragen; \
                 nur wenn er den Schlüssel gewechselt hat, host_key in relay.toml auf „{}“ ändern",
                keys::fingerprint(shown),
                keys::fingerprint(pinned),
                keys::line(shown)
            ),
            Trouble::Key { user, authorized } => format!(
                "der Relay-Host nimmt unseren Schlüssel für den Benutzer „{user}“ nicht an. Abhilfe: dort in die authorized_keys dieses \
                 Benutzers: {authorized}"
            ),
            Trouble::Denied(TunnelForward::Unix(path)) => format!(
                "der Relay-Host leitet {path} nicht weiter. Abhilfe: in sshd_config „AllowStreamLocalForwarding remote“ und \
                 „StreamLocalBindUnlink yes“, aber nicht „AllowTcpForwarding no“, das auch Sockets verbietet; in authorized_keys \
                 „port-forwarding“; das Verzeichnis muss dem Benutzer gehören"
            ),
            Trouble::Denied(TunnelForward::Tcp(address, port)) => format!(
                "der Relay-Host leitet {address}:{port} nicht weiter. Abhilfe: Hält eine frühere Sitzung den Port noch, oder ein anderes \
                 Programm? Erlauben „AllowTcpForwarding“ in sshd_config und „permitlisten“ in authorized_keys ihn?"
            ),
            Trouble::Ended(why) => format!("die Verbindung zum Relay-Host ist abgerissen ({why}); sie wird neu aufgebaut"),
            Trouble::Panicked => "in der Verbindung zum Relay-Host ist ein Programmfehler aufgetreten; sie wird neu aufgebaut".to_owned(),
            Trouble::Rebuilt => "durch die Verbindung zum Relay-Host kam nichts mehr; sie wird neu aufgebaut".to_owned(),
        }
    }

    /// The key that the relay host shows instead of the pinned one: `ssh-ed25519 AAAA…`.
    pub fn shown(&self) -> Option<String> {
        match self {
            Trouble::HostKey { shown, .. } => Some(keys::line(shown)),
            Trouble::Way(_)
            | Trouble::Silent(_)
            | Trouble::Greeting(_)
            | Trouble::Algorithms(_)
            | Trouble::Key { .. }
            | Trouble::Denied(_)
            | Trouble::Ended(_)
            | Trouble::Panicked
            | Trouble::Rebuilt => None,
        }
    }

    /// Who can heal it.
    pub(super) fn healing(&self) -> Healing {
        match self {
            Trouble::Algorithms(_) | Trouble::HostKey { .. } | Trouble::Key { .. } | Trouble::Denied(TunnelForward::Unix(_)) => {
                Healing::Person
            }
            Trouble::Denied(TunnelForward::Tcp(..)) => Healing::Sshd,
            Trouble::Way(_) | Trouble::Silent(_) | Trouble::Greeting(_) | Trouble::Ended(_) | Trouble::Panicked | Trouble::Rebuilt => {
                Healing::Itself
            }
        }
    }
}
