//! Why a connection ended or never came about, how loudly that is said, and how long to wait before the next attempt. Connects nothing.

use super::line::Broken;
use crate::config::MqttConfig;
use rumqttc::{ConnectReturnCode, ConnectionError};
use std::time::Duration;
use tracing::{debug, error, info, warn};

/// First and longest wait before another attempt.
pub(super) const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// More unacknowledged publishes than we keep: the broker has them, and sends them again.
    #[error("more figures than the relay can take: the broker sends them again")]
    Window,
    /// The broker does not answer SUBSCRIBE.
    #[error("the broker does not answer the subscription")]
    Unheard,
    /// The broker does not let us in.
    #[error("the broker refuses us ({0:?}): check user, password and client id")]
    Refused(ConnectReturnCode),
    /// The line.
    #[error("{0}")]
    Line(Broken),
    /// What came over it: rumqttc's words.
    #[error("{0}")]
    Protocol(String),
}

impl Lost {
    /// What rumqttc says; what the line says, if that is the cause.
    pub(super) fn new(error: ConnectionError, broken: Option<Broken>) -> Lost {
        match (error, broken) {
            (ConnectionError::ConnectionRefused(code), _) => Lost::Refused(code),
            (_, Some(broken)) => Lost::Line(broken),
            // Its text would show the packet.
            (ConnectionError::NotConnAck(_), None) => Lost::Protocol("the broker answered CONNECT with something else".to_owned()),
            (
                error @ (ConnectionError::MqttState(_)
                | ConnectionError::NetworkTimeout
                | ConnectionError::FlushTimeout
                | ConnectionError::Io(_)
                | ConnectionError::RequestsDone),
                None,
            ) => Lost::Protocol(error.to_string()),
        }
    }

    /// What the technician is told who asks how the relay fares.
    pub(super) fn sentence(&self) -> String {
        match self {
            Lost::Window => "es kamen mehr Zahlen, als das Relay annehmen kann; der Broker schickt sie noch einmal".to_owned(),
            Lost::Unheard => "der Broker antwortet nicht auf das Abonnieren".to_owned(),
            Lost::Refused(code) => format!("der Broker lehnt ab ({code:?}). Abhilfe: user, password_file und client_id prüfen"),
            Lost::Line(broken) => broken.sentence(),
            Lost::Protocol(why) => format!("die Verbindung zum Broker ist gestört ({why})"),
        }
    }

    /// Whether trying again soon is pointless: somebody must change something first.
    fn needs_somebody(&self) -> bool {
        match self {
            Lost::Refused(ConnectReturnCode::ServiceUnavailable) => false,
            Lost::Refused(_) => true,
            Lost::Line(broken) => match broken {
                Broken::Distrust(_) | Broken::Host | Broken::Unusable(_) => true,
                Broken::Name(_) | Broken::Silent | Broken::Io(_) | Broken::Proxy(_) | Broken::Closed | Broken::Handshake(_) => false,
            },
            Lost::Window | Lost::Unheard | Lost::Protocol(_) => false,
        }
    }
}

/// What is said of the link: every change once, and a reason that goes on at powers of two. Waits in between.
#[derive(Debug)]
pub(super) struct Attempts {
    /// A connection is up.
    up: bool,
    /// Failures since the link proved good.
    failed: u64,
    /// The last reason.
    why: String,
    back_off: BackOff,
}

impl Attempts {
    pub(super) fn new() -> Attempts {
        Attempts { up: false, failed: 0, why: String::new(), back_off: BackOff::new() }
    }

    pub(super) fn connected(&mut self, config: &MqttConfig, session_present: bool) {
        self.up = true;
        info!(host = %config.host, port = config.port, session_present, "connected to the MQTT broker");
    }

    /// The connection has lasted for a keep-alive. A CONNACK alone proves little: two relays under one client id get one a second.
    pub(super) fn proved(&mut self) {
        (self.failed, self.back_off) = (0, BackOff::new());
        self.why.clear();
    }

    /// Says what has to be said, and how long to wait. Error: somebody must change something at the broker or in the configuration. Warn:
    /// look, if it goes on.
    pub(super) fn lost(&mut self, lost: &Lost, random: u32) -> Duration {
        let pause = if lost.needs_somebody() { self.back_off.longest(random) } else { self.back_off.next(random) };
        let (why, again) = (lost.to_string(), pause.as_secs_f32());
        let was_up = std::mem::replace(&mut self.up, false);
        self.failed += 1;
        let failed = self.failed;
        let news = failed.is_power_of_two() || why != self.why;
        match (lost.needs_somebody(), was_up) {
            (true, _) if news => error!(why, failed, again, "no connection to the MQTT broker"),
            (false, true) if failed == 1 => info!(why, again, "the connection to the MQTT broker is lost"),
            (false, _) if news => warn!(why, failed, again, "no connection to the MQTT broker"),
            (_, true) => info!(why, failed, again, "the connection to the MQTT broker is lost"),
            (_, false) => debug!(why, failed, again, "no connection to the MQTT broker"),
        }
        self.why = why;
        pause
    }
}

/// How long to wait before the next attempt: doubling, and between half and all of it, so that a hundred relays do not knock at once.
#[derive(Debug)]
struct BackOff(Duration);

impl BackOff {
    fn new() -> BackOff {
        BackOff(BACK_OFF.0)
    }

    fn next(&mut self, random: u32) -> Duration {
        let pause = spread(self.0, random);
        self.0 = (self.0 * 2).min(BACK_OFF.1);
        pause
    }

    fn longest(&mut self, random: u32) -> Duration {
        self.0 = BACK_OFF.1;
        spread(self.0, random)
    }
}

fn spread(longest: Duration, random: u32) -> Duration {
    let half = longest / 2;
    half + half * random / u32::MAX
}

#[cfg(test)]
mod tests {
    use super::super::tls::Distrust;
    use super::*;

    #[test]
    fn the_back_off_doubles_to_a_minute_and_is_spread() {
        let mut back_off = BackOff::new();
        let waits: Vec<u64> = (0..8).map(|_| back_off.next(u32::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BackOff::new().next(0), Duration::from_millis(500));
    }

    #[test]
    fn what_only_a_person_can_change_is_tried_once_a_minute() {
        let mut attempts = Attempts::new();
        for lost in
            [Lost::Refused(ConnectReturnCode::NotAuthorized), Lost::Line(Broken::Distrust(Distrust::Issuer)), Lost::Line(Broken::Host)]
        {
            attempts.proved();
            assert!(attempts.lost(&lost, 0) >= BACK_OFF.1 / 2, "{lost}");
        }
        for lost in [Lost::Refused(ConnectReturnCode::ServiceUnavailable), Lost::Line(Broken::Closed), Lost::Window, Lost::Unheard] {
            attempts.proved();
            assert!(attempts.lost(&lost, 0) <= BACK_OFF.0, "{lost}");
        }
    }
}
