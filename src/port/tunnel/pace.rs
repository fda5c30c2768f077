//! How long things take and how soon they are tried again. Waits for nothing.

use std::time::Duration;

/// All times of a tunnel. Those of [`Pace::default`] are the ones at work; tests have less patience.
#[derive(Clone, Debug)]
pub struct Pace {
    /// For each step of building a session: the banner and the key exchange, the login, the forward.
    pub step: Duration,
    /// Without a word from the relay host for this long it is asked whether it is still there …
    pub keepalive: Duration,
    /// … and after so many questions without an answer it is not.
    pub unanswered: usize,
    /// A blocked write holds up these questions too, so it has a limit of its own. Longer than all of them together.
    pub inactivity: Duration,
    /// The first wait before another attempt; doubled each time …
    pub first: Duration,
    /// … up to this.
    pub longest: Duration,
    /// A session that lasted for this long has proved good: the next failure is the first one again.
    pub proved: Duration,
    /// What a person must heal is tried again after half of it to all of it.
    pub refused: Duration,
    /// A TCP port is denied for as long as sshd has not noticed that an earlier session is dead: tried again after this long …
    pub stale: Duration,
    /// … so many times, until it is taken for a refusal. Together longer than `ClientAliveInterval` times `ClientAliveCountMax` (45 s).
    pub stale_attempts: u32,
    /// Between the beginnings of two attempts at least, whoever asks for them.
    pub breath: Duration,
    /// For a connection to the outside, from asking the relay host until it is open. Less than
    /// [`crate::port::outward::CONNECT`], so that whoever asks hears that it is the tunnel, and does not give up before.
    pub open: Duration,
    /// For somebody to take a stream that the relay host forwards.
    pub handover: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            step: Duration::from_secs(20),
            keepalive: Duration::from_secs(15),
            unanswered: 3,
            inactivity: Duration::from_secs(90),
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            proved: Duration::from_secs(60),
            refused: Duration::from_secs(600),
            stale: Duration::from_secs(3),
            stale_attempts: 40,
            breath: Duration::from_secs(3),
            open: Duration::from_secs(15),
            handover: Duration::from_secs(5),
        }
    }
}

/// How long to wait before the next attempt.
#[derive(Debug)]
pub(super) struct BackOff {
    next: Duration,
    /// Times in a row that a TCP port was denied.
    denied: u32,
}

/// Who can heal it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Healing {
    /// It may pass by itself.
    Itself,
    /// It passes when sshd has noticed that an earlier session is dead; if it does not, a person must.
    Sshd,
    /// Somebody must change something.
    Person,
}

impl BackOff {
    pub(super) fn new(pace: &Pace) -> BackOff {
        BackOff { next: pace.first, denied: 0 }
    }

    /// The wait after a failure, between half and all of what it could be, so that a hundred relays do not knock at once. `Person` comes
    /// back as it went in, and `Sshd` as what it is taken for now.
    pub(super) fn pause(&mut self, pace: &Pace, healing: Healing, random: u32) -> (Healing, Duration) {
        let given_up = healing == Healing::Sshd && self.denied >= pace.stale_attempts;
        let healing = if given_up { Healing::Person } else { healing };
        let longest = match healing {
            Healing::Itself => {
                let next = self.next;
                self.next = (next * 2).min(pace.longest);
                self.denied = 0;
                next
            }
            Healing::Sshd => {
                self.denied += 1;
                pace.stale
            }
            Healing::Person => pace.refused,
        };
        let half = longest / 2;
        (healing, half + half * random / u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::outward;

    #[test]
    fn it_doubles_to_a_minute_and_is_spread() {
        let (pace, mut back_off) = (Pace::default(), BackOff::new(&Pace::default()));
        let waits: Vec<u64> = (0..8).map(|_| back_off.pause(&pace, Healing::Itself, u32::MAX).1.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BackOff::new(&pace).pause(&pace, Healing::Itself, 0).1, Duration::from_millis(500));
        let refused = [0, u32::MAX].map(|random| back_off.pause(&pace, Healing::Person, random).1.as_secs());
        assert_eq!(refused, [300, 600], "five to ten minutes");
    }

    #[test]
    fn a_port_that_stays_denied_becomes_a_refusal() {
        let (pace, mut back_off) = (Pace::default(), BackOff::new(&Pace::default()));
        let mut patient = Duration::ZERO;
        let refused = loop {
            match back_off.pause(&pace, Healing::Sshd, 0) {
                (Healing::Sshd, pause) => patient += pause,
                (healing, pause) => break (healing, pause.as_secs()),
            }
        };
        assert_eq!((refused, patient), ((Healing::Person, 300), Duration::from_secs(60)), "a minute at least: sshd needs 45 s");
    }

    #[test]
    fn a_blocked_write_ends_after_the_questions() {
        let pace = Pace::default();
        let dead = pace.keepalive * u32::try_from(pace.unanswered + 1).expect("a few");
        assert!(dead == Duration::from_secs(60) && dead < pace.inactivity);
    }

    #[test]
    fn who_wants_to_go_outside_hears_why_not() {
        // Reaching our own proxy takes no time.
        assert!(Pace::default().open + Duration::from_secs(1) < outward::CONNECT);
    }
}
