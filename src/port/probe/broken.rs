//! Which part of the chain is broken, and what to do about it. Tries nothing.

use crate::port::outward::NoWay;
use rustls::{AlertDescription, CertificateError};
use std::io;

/// A part of the chain, from Meta's side to ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Our own way outside: a proxy in between.
    Egress,
    /// The name.
    Dns,
    /// The connection to the relay host's public port.
    Tcp,
    /// The certificate.
    Tls,
    /// What listens there and hands connections on.
    RelayHost,
    /// The connection between relay host and device.
    Tunnel,
    /// This relay.
    Device,
}

impl Part {
    /// What technicians call it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Egress => "Weg nach draußen",
            Part::Dns => "DNS",
            Part::Tcp => "TCP",
            Part::Tls => "TLS",
            Part::RelayHost => "Relay-Host",
            Part::Tunnel => "Tunnel",
            Part::Device => "Gerät",
        }
    }
}

/// Why the relay did not reach itself.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// There is no connection to the public address.
    #[error("{0}")]
    Way(NoWay),
    /// The certificate is not one that Meta would believe.
    #[error("the certificate: {0}")]
    Certificate(rustls::Error),
    /// Whoever answers there does not want to talk TLS with us.
    #[error("alert {0:?}")]
    Alert(AlertDescription),
    /// Cut while nothing had been said yet, or in the midst of it.
    #[error("cut: {0}")]
    Cut(io::Error),
    /// No answer in time.
    #[error("no answer in time")]
    Silent,
    /// No HTTP.
    #[error("the answer is no HTTP")]
    Nonsense,
    /// The same, and where that must be.
    #[error("{detail}")]
    Placed {
        /// Where.
        part: Part,
        /// What was seen.
        detail: String,
    },
}

impl Broken {
    pub(super) fn at(part: Part, detail: &str) -> Broken {
        Broken::Placed { part, detail: detail.to_owned() }
    }

    /// A handshake that failed: by what was shown, or by being cut.
    pub(super) fn tls(error: io::Error) -> Broken {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => Broken::Certificate(rustls::Error::InvalidCertificate(why.clone())),
            Some(rustls::Error::AlertReceived(alert)) => Broken::Alert(*alert),
            Some(rustls::Error::InvalidMessage(_)) => Broken::at(Part::RelayHost, "what answers there speaks no TLS"),
            _ => Broken::Cut(error),
        }
    }

    /// The same, if whoever came to our door meanwhile was this call (`visited`) and the tunnel is `up` (nothing: there is none of ours).
    pub(super) fn placed(self, visited: bool, up: Option<bool>) -> Broken {
        let part = match (&self, visited, up) {
            (Broken::Way(_) | Broken::Certificate(_) | Broken::Placed { .. }, ..) => return self,
            (_, true, _) => Part::Device,
            (_, false, Some(false)) => Part::Tunnel,
            // The host ended it by itself: it does not know the name, or nobody listens on its socket.
            (Broken::Alert(_) | Broken::Cut(_) | Broken::Nonsense, false, _) => Part::RelayHost,
            (Broken::Silent, false, Some(true)) => Part::Tunnel,
            (Broken::Silent, false, None) => Part::RelayHost,
        };
        Broken::Placed { part, detail: self.to_string() }
    }

    /// Where it is broken.
    pub fn part(&self) -> Part {
        match self {
            Broken::Way(NoWay::Name(_)) => Part::Dns,
            Broken::Way(NoWay::Refused(_) | NoWay::Silent) => Part::Tcp,
            Broken::Way(NoWay::ProxyAway(_) | NoWay::Proxy(_)) => Part::Egress,
            Broken::Certificate(_) => Part::Tls,
            // Whoever has not seen who came to the door: it is there that TLS ends.
            Broken::Alert(_) => Part::Device,
            Broken::Cut(_) | Broken::Silent | Broken::Nonsense => Part::RelayHost,
            Broken::Placed { part, .. } => *part,
        }
    }

    /// Whether a new session of the tunnel might help.
    pub(super) fn is_behind_the_host(&self) -> bool {
        match self.part() {
            // Whatever is wrong with the device, it came through.
            Part::Egress | Part::Dns | Part::Tcp | Part::Tls | Part::Device => false,
            Part::RelayHost | Part::Tunnel => true,
        }
    }

    /// For technicians: which part, what is seen, what to do. `host` is the public name.
    pub fn sentence(&self, host: &str) -> String {
        let part = self.part();
        let remedy = match part {
            Part::Egress => {
                "läuft der Proxy, und erlaubt er dieses Ziel? Mit egress.mode = \"tunnel\": steht der Tunnel, und erlaubt PermitOpen auf \
                 dem Relay-Host dieses Ziel?"
            }
            Part::Dns => "den A- und AAAA-Eintrag dieses Namens prüfen, und das Netz hier",
            Part::Tcp => "läuft auf dem Relay-Host HAProxy oder nginx, und lässt seine Firewall Port 443 zu?",
            Part::Tls => self.certificate(),
            Part::RelayHost => "kennt HAProxy oder nginx dort diesen Namen, und zeigt er auf den Socket des Tunnels?",
            Part::Tunnel => "siehe Tunnel; er wird von selbst neu aufgebaut",
            Part::Device => "siehe Zertifikat und Logs dieses Geräts: journalctl -u drk-relay",
        };
        format!("{}: {host} führt nicht bis hierher ({self}). Abhilfe: {remedy}", part.name())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "rustls has dozens, and adds more in minor versions")]
    fn certificate(&self) -> &'static str {
        let Broken::Certificate(rustls::Error::InvalidCertificate(why)) = self else { return "das Zertifikat prüfen" };
        match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "das Zertifikat ist abgelaufen: siehe Zertifikat",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "geht die Uhr hier richtig?",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "es ist für einen anderen Namen: führt dieser auf dem Relay-Host wirklich hierher?"
            }
            CertificateError::UnknownIssuer => "es ist von keiner Stelle, der Meta glaubt; oder jemand bricht unterwegs TLS auf",
            _ => "das Zertifikat ist nicht brauchbar: ein neues ausstellen lassen",
        }
    }
}
