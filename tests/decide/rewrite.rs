//! When the store's file is made anew. Knows no file.

use drk_relay::domain::decide;
use drk_relay::domain::event::{Event, Key};
use drk_relay::domain::rewrite::{AGAIN, EVERY, Rewrite};
use drk_relay::domain::rules::Rules;
use drk_relay::domain::state::State;
use drk_relay::domain::time::{Millis, Timestamp};

/// 2026-10-24 20:00 in Berlin: the next night has an hour more.
const NOW: Timestamp = Timestamp(1_792_864_800);

fn happens(state: &mut State, at: Timestamp, event: &Event) {
    let decision = decide(state, &rules(), at.millis(), event);
    decision.changes.iter().for_each(|change| state.apply(change));
    assert!(decision.effects.is_empty(), "nobody hears of it");
}

fn rules() -> Rules {
    Rules::new("DRK Musterstadt", "07751 5550100", "drk.example", jiff::tz::TimeZone::UTC, Vec::new())
}

fn due(state: &State) -> Option<Timestamp> {
    state.deadline(&rules(), Key::Rewrite)
}

#[test]
fn a_file_of_unknown_age_waits_half_a_day_from_the_first_trusted_clock() {
    let mut state = State::default();
    happens(&mut state, Timestamp(60), &Event::Started);
    assert_eq!(due(&state), None, "in 1970 nothing is due");
    happens(&mut state, NOW, &Event::ClockTrusted);
    assert_eq!(due(&state), Some(NOW.plus(12 * 3600)));
}

#[test]
fn it_comes_every_twelve_hours_whatever_the_clocks_do() {
    let mut state = State::default();
    happens(&mut state, NOW, &Event::ClockTrusted);
    let mut at = NOW;
    for _ in 0..6 {
        at = due(&state).expect("it comes again");
        happens(&mut state, at, &Event::Due(Key::Rewrite));
        assert_eq!((state.rewrite, due(&state)), (Rewrite::UnderWay, None));
        at = at.plus(7);
        happens(&mut state, at, &Event::Rewritten);
        assert_eq!((state.rewrite, state.rewritten), (Rewrite::Resting, Some(at)));
    }
    assert_eq!(at, NOW.plus(6 * (12 * 3600 + 7)));
}

#[test]
fn one_that_fails_is_tried_again_in_time() {
    let mut state = State::default();
    happens(&mut state, NOW, &Event::ClockTrusted);
    let mut at = due(&state).expect("it comes");
    for _ in 0..10 {
        happens(&mut state, at, &Event::Due(Key::Rewrite));
        happens(&mut state, at, &Event::RewriteFailed);
        assert_eq!(due(&state), Some(at.plus(AGAIN)));
        at = at.plus(AGAIN);
    }
    happens(&mut state, at, &Event::Due(Key::Rewrite));
    happens(&mut state, at, &Event::Rewritten);
    assert_eq!(due(&state), Some(at.plus(EVERY)));
    assert!(at.since(NOW) < 24 * 3600, "ten failures, and whoever was erased after the last one is still gone within the day");
}

/// The clock was a year ahead when the file was made anew, or is a year behind now.
#[test]
fn a_time_that_has_not_come_yet_is_no_reason_to_wait_for_it() {
    let mut state = State { rewritten: Some(NOW.plus(365 * 24 * 3600)), ..State::default() };
    happens(&mut state, NOW, &Event::ClockTrusted);
    assert_eq!(due(&state), Some(NOW.plus(EVERY)));
    let mut state = State { rewritten: Some(NOW.minus(365 * 24 * 3600)), ..State::default() };
    happens(&mut state, NOW, &Event::ClockTrusted);
    assert!(due(&state).is_some_and(|at| at.millis() < Millis(u64::from(NOW.0) * 1000)), "long overdue");
}
