//! The circuit breaker: when Meta does not let our account send, nothing leaves but one probe now and then. Without it every message of a
//! broadcast would run into the same refusal, which Meta counts against the number. Holds nothing back itself: `outbox` asks it when.
//!
//! ```text
//!              refused: the account                          `until`, one message leaves
//!   (closed) ───────────────────────▶ held, `until` in a minute ───────────────────────▶ half open: the probe is on its way
//!      ▲                                ▲                                                  │ │ │
//!      │                                └─ refused again: twice as long, at most an hour ──┘ │ │
//!      │                                └─ no answer, or Meta has a hiccup: a minute more ───┘ │
//!      └──────────────────────────── accepted, or refused for its own sake ────────────────────┘
//! ```
//!
//! What is answered before `until` left before the hold and says nothing about what came later: a port gives up an attempt after 20
//! seconds, the shortest hold is a minute.

use super::fault::{Fault, of_code};
use crate::domain::decision::Change;
use crate::domain::event::Outcome;
use crate::domain::state::{Clock, State};
use crate::domain::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The first probe comes after this many seconds; the wait doubles with every probe that fails.
const FIRST_PROBE: u32 = 60;
/// The wait stops doubling here: an hour after the technician has repaired it, messages flow by themselves.
const LAST_PROBE: u32 = 3_600;
/// A failed status that is older than this many seconds tells of a trouble that may be over: Meta repeats webhooks for seven days.
const NEWS: u32 = 3_600;

/// Sending is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// Why.
    pub why: Why,
    /// Since when, by our clock.
    pub since: Timestamp,
    /// When one message may try.
    pub until: Timestamp,
    /// Probes that failed.
    failed: u8,
}

/// Why sending is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Why {
    /// Meta answered with this code (WhatsApp docs: error-codes).
    Code(u32),
    /// Meta announced a restriction (WhatsApp docs: webhooks reference, account_update).
    Restriction,
}

impl Why {
    /// What happened and what to do, in German, for technicians.
    pub fn sentence(self) -> String {
        let code = match self {
            Why::Restriction => {
                return "Meta hat die Nummer vorübergehend gesperrt. Abhilfe: Hinweise im WhatsApp Manager lesen.".to_owned();
            }
            Why::Code(code) => code,
        };
        let (what, remedy) = match code {
            0 | 190 => ("Das Zugriffstoken ist abgelaufen oder ungültig", "ein neues Token des Systemnutzers hinterlegen"),
            3 | 10 | 200..=299 | 131_005 => ("Dem Zugriffstoken fehlen Rechte", "dem Systemnutzer whatsapp_business_messaging geben"),
            368 | 131_031 | 131_048 => ("Meta hat das Konto oder die Nummer eingeschränkt", "Hinweise im WhatsApp Manager lesen"),
            131_042 => ("Meta kann nicht abrechnen", "die Zahlungsmethode im WhatsApp Manager prüfen"),
            _ => ("Die Nummer ist nicht sendebereit", "Anmeldung und Anzeigename der Nummer im WhatsApp Manager prüfen"),
        };
        format!("{what} (Meta, Code {code}): es wird nichts gesendet. Abhilfe: {remedy}.")
    }
}

impl Hold {
    fn first(now: Timestamp, why: Why) -> Hold {
        Hold { why, since: now, until: now.plus(FIRST_PROBE), failed: 0 }
    }

    /// The probe was refused like the message that began it.
    fn again(self, now: Timestamp, why: Why) -> Hold {
        let failed = self.failed.saturating_add(1);
        let doublings = 2_u32.checked_pow(failed.into()).unwrap_or(u32::MAX);
        Hold { why, until: now.plus(FIRST_PROBE.saturating_mul(doublings).min(LAST_PROBE)), failed, ..self }
    }

    /// The probe found out nothing.
    fn postponed(self, now: Timestamp) -> Hold {
        Hold { until: now.plus(FIRST_PROBE), ..self }
    }
}

/// What the answer to a send says about the account.
pub(super) fn after(state: &State, now: Millis, outcome: Outcome) -> Option<Change> {
    let now = now.second();
    let Some(held) = state.hold else { return opens(now, outcome).map(|hold| Change::Hold(Some(hold))) };
    if now < held.until {
        return None;
    }
    let next = match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Rejected { code, transient } => match of_code(code, transient) {
            Fault::Account => Some(held.again(now, Why::Code(code))),
            // Meta has come as far as the person or the content: the account may send.
            Fault::TooFastForOne | Fault::Closed | Fault::Final => None,
            // Whether it would have come that far is not known.
            Fault::Passing | Fault::Unclear | Fault::TooFast | Fault::TooMany => Some(held.postponed(now)),
        },
        Outcome::Unknown => Some(held.postponed(now)),
        // Meta has not been asked: the next message may ask.
        Outcome::Later | Outcome::TooLate => Some(held),
    };
    (next != state.hold).then_some(Change::Hold(next))
}

fn opens(now: Timestamp, outcome: Outcome) -> Option<Hold> {
    match outcome {
        Outcome::Rejected { code, transient } if of_code(code, transient) == Fault::Account => Some(Hold::first(now, Why::Code(code))),
        Outcome::Accepted(_) | Outcome::Rejected { .. } | Outcome::Later | Outcome::TooLate | Outcome::Unknown => None,
    }
}

/// What a failed status says about the account. While sending is held it says nothing new: it is about a message from before.
pub(super) fn after_failure(state: &State, now: Millis, at: Timestamp, code: u32) -> Option<Change> {
    let fresh = now.second().since(at) <= NEWS;
    let opens = state.hold.is_none() && fresh && of_code(code, false) == Fault::Account;
    opens.then(|| Change::Hold(Some(Hold::first(now.second(), Why::Code(code)))))
}

/// Meta announces that we may not answer people until then. No probe before: every one would be another violation.
pub(super) fn restricted(state: &State, now: Timestamp, until: Option<Timestamp>) -> Option<Change> {
    let until = until.unwrap_or(now.plus(LAST_PROBE));
    // What begins by a clock that is not known to be right is set right with it.
    let since = state.hold.filter(|_| state.clock == Clock::Trusted).map_or(now, |hold| hold.since);
    let hold = Hold { why: Why::Restriction, since, until, failed: 0 };
    (until > now && state.hold != Some(hold)).then_some(Change::Hold(Some(hold)))
}

/// The clock is known to be right: a hold that began, or was prolonged, by one that was ahead would last until that time has come. The end
/// of a restriction is Meta's word and stays, unless it was ours: then it began in the future, too.
pub(super) fn set_right(state: &State, now: Timestamp) -> Option<Change> {
    let hold = state.hold?;
    let ours = match hold.why {
        Why::Code(_) => true,
        Why::Restriction => hold.since > now,
    };
    let until = if ours { hold.until.min(now.plus(LAST_PROBE)) } else { hold.until };
    let righted = Hold { since: hold.since.min(now), until, ..hold };
    (righted != hold).then_some(Change::Hold(Some(righted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::WamidHash;

    const NOW: Timestamp = Timestamp(1_795_305_600);
    const ACCEPTED: Outcome = Outcome::Accepted(WamidHash(1));

    fn rejected(code: u32) -> Outcome {
        Outcome::Rejected { code, transient: false }
    }

    /// A breaker alone: facts in, its state out.
    #[derive(Default)]
    struct Breaker(State);

    impl Breaker {
        /// Held for the first time at [`NOW`].
        fn held() -> Breaker {
            let mut breaker = Breaker::default();
            assert_eq!(breaker.answer(NOW, rejected(190)).map(|hold| hold.until), Some(NOW.plus(60)));
            breaker
        }

        fn take(&mut self, change: Option<Change>) -> Option<Hold> {
            if let Some(change) = change {
                let before = self.0.hold;
                self.0.apply(&change);
                assert_ne!(self.0.hold, before, "a change that changes nothing is a commit for nothing");
            }
            self.0.hold
        }

        fn answer(&mut self, at: Timestamp, outcome: Outcome) -> Option<Hold> {
            let change = after(&self.0, at.millis(), outcome);
            self.take(change)
        }

        fn status(&mut self, now: Timestamp, at: Timestamp, code: u32) -> Option<Hold> {
            let change = after_failure(&self.0, now.millis(), at, code);
            self.take(change)
        }

        fn restrict(&mut self, now: Timestamp, until: Option<Timestamp>) -> Option<Hold> {
            self.0.apply(&Change::Clock(Clock::Trusted));
            let change = restricted(&self.0, now, until);
            self.take(change)
        }
    }

    #[test]
    fn only_the_account_is_a_reason() {
        for outcome in [ACCEPTED, Outcome::Later, Outcome::TooLate, Outcome::Unknown] {
            assert_eq!(Breaker::default().answer(NOW, outcome), None, "{outcome:?}");
        }
        for code in [1, 2, 4, 100, 131_026, 131_047, 131_056, 130_429, 999_999] {
            assert_eq!(Breaker::default().answer(NOW, rejected(code)), None, "{code}");
            assert_eq!(Breaker::default().status(NOW, NOW, code), None, "{code}");
        }
        for code in [0, 190, 131_042, 131_048] {
            let hold = Breaker::default().answer(NOW, rejected(code));
            assert_eq!(hold, Some(Hold { why: Why::Code(code), since: NOW, until: NOW.plus(60), failed: 0 }));
            assert_eq!(Breaker::default().status(NOW, NOW, code), hold);
        }
    }

    /// A weekend without a technician: 64 probes, and then some more, so that no counter runs over.
    #[test]
    fn the_wait_doubles_from_a_minute_to_an_hour_and_stays_there() {
        let mut breaker = Breaker::held();
        let mut now = NOW.plus(60);
        for probe in 1..600 {
            let hold = breaker.answer(now, rejected(10)).expect("held");
            let wait = [0, 120, 240, 480, 960, 1_920].get(probe).copied().unwrap_or(3_600);
            assert_eq!((hold.until.since(now), hold.since, hold.why), (wait, NOW, Why::Code(10)), "probe {probe}");
            now = hold.until;
        }
        assert_eq!(breaker.answer(now, ACCEPTED), None);
        assert_eq!(breaker.answer(now, rejected(190)).map(|hold| hold.until.since(now)), Some(60), "it begins anew");
    }

    /// 64 messages left together. Some were taken before the account was refused, others are refused after it, in any order.
    #[test]
    fn what_left_before_the_hold_neither_ends_nor_prolongs_it() {
        let mut breaker = Breaker::held();
        let held = breaker.0.hold;
        for outcome in [ACCEPTED, rejected(190), rejected(131_042), rejected(131_026), rejected(2), Outcome::Unknown, Outcome::Later] {
            assert_eq!(breaker.answer(NOW.plus(59), outcome), held, "{outcome:?}");
        }
        assert_eq!(breaker.answer(NOW.plus(60), ACCEPTED), None, "that was the probe");
    }

    #[test]
    fn what_a_probe_finds_out() {
        let at = NOW.plus(70);
        for outcome in [ACCEPTED, rejected(131_026), rejected(131_047), rejected(131_056), rejected(100)] {
            assert_eq!(Breaker::held().answer(at, outcome), None, "{outcome:?}: the account may send");
        }
        for outcome in [Outcome::Unknown, rejected(2), rejected(1), rejected(130_429)] {
            let hold = Breaker::held().answer(at, outcome).expect("held");
            assert_eq!((hold.until, hold.failed, hold.since), (at.plus(60), 0, NOW), "{outcome:?}: nothing");
        }
        for outcome in [Outcome::Later, Outcome::TooLate] {
            let mut breaker = Breaker::held();
            let held = breaker.0.hold;
            assert_eq!(breaker.answer(at, outcome), held, "{outcome:?}: the next message may ask at once");
        }
    }

    /// A broadcast was taken and fails message by message, minutes later.
    #[test]
    fn failed_statuses_hold_once_and_old_ones_not_at_all() {
        assert_eq!(Breaker::default().status(NOW, NOW.minus(3_601), 131_042), None);
        let mut breaker = Breaker::default();
        let held = breaker.status(NOW, NOW.minus(3_600), 131_042);
        assert_eq!(held.map(|hold| hold.until), Some(NOW.plus(60)));
        for later in [1, 59, 60, 61, 600] {
            assert_eq!(breaker.status(NOW.plus(later), NOW, 131_042), held, "it is about a message from before");
        }
        assert_eq!(breaker.answer(NOW.plus(600), ACCEPTED), None, "the probe has not waited any longer");
    }

    #[test]
    fn a_restriction_lasts_until_its_end() {
        let end = NOW.plus(30 * 86_400);
        let mut breaker = Breaker::held();
        let restricted = breaker.restrict(NOW.plus(5), Some(end));
        assert_eq!(restricted, Some(Hold { why: Why::Restriction, since: NOW, until: end, failed: 0 }));
        assert_eq!(breaker.restrict(NOW.plus(6), Some(end)), restricted, "said twice");
        for outcome in [ACCEPTED, rejected(368), rejected(131_026), Outcome::Unknown] {
            assert_eq!(breaker.answer(end.minus(1), outcome), restricted, "{outcome:?}");
        }
        assert_eq!(breaker.status(end.minus(1), end.minus(1), 368), restricted);
        let probed = breaker.answer(end, rejected(368)).expect("held");
        assert_eq!((probed.why, probed.until), (Why::Code(368), end.plus(120)));
        assert_eq!(breaker.restrict(NOW, Some(NOW)), Some(probed), "over before it was heard of");
        let hour = Breaker::default().restrict(NOW, None).expect("held");
        assert_eq!((hour.until, hour.why), (NOW.plus(3_600), Why::Restriction));
    }
}
