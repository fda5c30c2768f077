//! Messages per calendar month: how many have left, for how many people they suffice, and what still leaves when they run short (promise
//! 9). Counts and judges; holds nothing back itself, that is for `outbox` and `conversation`.
//!
//! A message is charged when it leaves, before anybody knows what becomes of it, and refunded when it is certain that it did not arrive:
//! whatever crashes or is lost in between, the cap is never exceeded. Meta charges for what it delivers; by whose midnight its months
//! begin is not documented. So a message near a boundary counts in both months, and while both may be Meta's, the tighter one decides.

mod month;

pub use month::{Beyond, Budget, Month, Room};

use super::rules::Rules;
use super::state::State;
use super::time::{Day, Millis};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// The few numbers that must never run backwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// The next message's id. Stored, because a removed row must not give its number to another message.
    pub next_outbox: u64,
    /// Everyone who could be reached has this revision: what is newer is still being handed out.
    pub reached: u32,
    /// Publications that left a second time, because nobody knew whether they had arrived: duplicates, perhaps.
    pub repeated: u32,
}

/// What Meta says that a message costs (WhatsApp docs: pricing, the `pricing` object of statuses).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Price {
    /// Nothing: it is one of the month's free ones, or was free for another reason.
    Free,
    /// It is charged.
    Paid,
}

/// How the month's messages stand against the cap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// They suffice, by what the subscribers of today will need.
    #[default]
    Enough,
    /// They will not suffice to the end of the month.
    Short,
    /// Only answers to people who write leave any more.
    Reserve,
    /// Nothing leaves any more until the month turns.
    Spent,
}

/// What Meta does with the month's messages, other than expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surprise {
    /// It charges before the free ones have been used up, by our count.
    Charged,
    /// It takes messages and does not deliver them: as if there were no payment method.
    CutOff,
}

/// What goes first when messages run short, the least dispensable in front.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Worth {
    /// What we owe whoever asks for it: that a stop was obeyed, what is stored, that the service has ended.
    Owed,
    /// What somebody new is told, what confirms an agreement, and help.
    First,
    /// Everything else: figures, reminders, answers on demand.
    Usual,
}

/// Messages that Meta carries free of charge, for each business number and calendar month (WhatsApp docs: pricing, from 2026-10-01).
pub const FREE: u32 = 1_000;
/// Of a hundred messages so many are kept for people who write: what is [`Worth::Owed`] or [`Worth::First`].
const RESERVE: u64 = 3;
/// … and of these so many for what is [`Worth::Owed`].
const RESERVE_OWED: u64 = 1;
/// What a loyal subscriber of one daily feed costs a month, at most: 31 publications and 6 reminders or answers (DESIGN.md, promise 9).
/// Admits nobody who would have to be dropped later.
const SUBSCRIBER: u32 = 37;
/// What one costs on average: 32.8 with the real figures of four health authorities (`tests/sim/replay`). For forecasts: the most would
/// cry wolf.
const EXPECTED: u32 = 33;
/// What each further daily feed adds for those who take all of them.
const FURTHER_FEED: u32 = 31;
/// Days of the longest month: what the numbers above are for.
const DAYS: u32 = 31;

/// Messages that somebody who takes every feed costs a month, at most, if each comes once a day.
pub fn messages_per_person(rules: &Rules) -> u32 {
    SUBSCRIBER.saturating_add(further(rules))
}

/// How many people there is room for, if everyone takes every feed; `None`: no limit.
pub fn places(rules: &Rules) -> Option<usize> {
    rules.monthly_messages.map(|messages| (messages / messages_per_person(rules)) as usize)
}

fn further(rules: &Rules) -> u32 {
    let feeds = u32::try_from(rules.feeds.len().saturating_sub(1)).unwrap_or(u32::MAX);
    feeds.saturating_mul(FURTHER_FEED)
}

/// Whether one more may be admitted beside `others`: there is a place, and what is left of the month suffices for all of them.
pub fn admits(state: &State, rules: &Rules, now: Millis, others: usize) -> bool {
    let Some((cap, places)) = rules.monthly_messages.zip(places(rules)) else { return true };
    others < places && forecast(state, rules, now, others + 1) <= u64::from(cap)
}

/// Messages that will have left by the end of the local month, if so many people are subscribed from now on.
pub fn forecast(state: &State, rules: &Rules, now: Millis, people: usize) -> u64 {
    let each = u64::from(EXPECTED.saturating_add(further(rules)));
    let needed = (people as u64).saturating_mul(each).saturating_mul(u64::from(days_left(now, &rules.zone))) / u64::from(DAYS);
    u64::from(state.budget.charged(now)).saturating_add(needed)
}

/// Days of the local month that are still to come, today among them.
fn days_left(now: Millis, zone: &TimeZone) -> u32 {
    let today = local(now, zone).date();
    let left = Day::of(today.last_of_month()).0 - Day::of(today).0 + 1;
    u32::try_from(left).unwrap_or(1)
}

/// How the messages of the month stand at `now`.
pub fn standing(state: &State, rules: &Rules, now: Millis) -> Standing {
    let Some(cap) = rules.monthly_messages else { return Standing::Enough };
    match means(state.budget, rules, now) {
        None => Standing::Spent,
        Some(Worth::Owed | Worth::First) => Standing::Reserve,
        Some(Worth::Usual) if forecast(state, rules, now, state.people.admitted()) > u64::from(cap) => Standing::Short,
        Some(Worth::Usual) => Standing::Enough,
    }
}

/// The least that may still leave at `now`, and everything that goes before it; `None`: nothing.
pub fn means(budget: Budget, rules: &Rules, now: Millis) -> Option<Worth> {
    let suffices =
        |worth: &Worth| rules.monthly_messages.is_none_or(|cap| cap.saturating_sub(budget.charged(now)) > kept_back(cap, *worth));
    [Worth::Usual, Worth::First, Worth::Owed].into_iter().find(suffices)
}

/// Messages that something of this worth leaves for what goes before it.
fn kept_back(cap: u32, worth: Worth) -> u32 {
    let percent = match worth {
        Worth::Owed => 0,
        Worth::First => RESERVE_OWED,
        Worth::Usual => RESERVE,
    };
    u32::try_from(u64::from(cap) * percent / 100).unwrap_or(u32::MAX)
}

/// The local wall-clock time of `now`.
pub fn local(now: Millis, zone: &TimeZone) -> jiff::civil::DateTime {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(now.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::decision::Change;
    use crate::domain::ids::Name;
    use crate::domain::rules::{FeedRules, MetricKind, MetricRules};

    /// 2026-11-10 12:00 in Berlin.
    const NOW: Millis = Millis(1_794_308_400_000);

    fn rules(cap: Option<u32>) -> Rules {
        let name = |text: &str| Name::new(text).expect("a name");
        let metric = MetricRules::new(name("cases"), "Fälle", MetricKind::Count);
        let zone = TimeZone::get("Europe/Berlin").expect("bundled");
        let rules = Rules::new("DRK", "hier", "dort", zone, vec![FeedRules::new(name("corona"), "Corona", vec![metric])]);
        Rules { monthly_messages: cap, ..rules }
    }

    /// After so many messages.
    fn charged(times: u32) -> State {
        let mut state = State::default();
        let budget = (0..times).fold(Budget::default(), |budget, _| budget.charge(NOW));
        state.apply(&Change::Budget(budget));
        state
    }

    #[test]
    fn what_goes_first_when_it_runs_short() {
        let rules = rules(Some(1_000));
        for (left, least, standing) in [
            (31, Some(Worth::Usual), Standing::Enough),
            (30, Some(Worth::First), Standing::Reserve),
            (11, Some(Worth::First), Standing::Reserve),
            (10, Some(Worth::Owed), Standing::Reserve),
            (1, Some(Worth::Owed), Standing::Reserve),
            (0, None, Standing::Spent),
        ] {
            let state = charged(1_000 - left);
            let found = (means(state.budget, &rules, NOW), super::standing(&state, &rules, NOW));
            assert_eq!(found, (least, standing), "{left} left");
        }
    }

    #[test]
    fn caps_of_any_size_keep_something_back_and_never_overflow() {
        let all = [Worth::Owed, Worth::First, Worth::Usual];
        for (cap, kept) in [(0, [0, 0, 0]), (1, [0, 0, 0]), (73, [0, 0, 2]), (1_000, [0, 10, 30]), (u32::MAX, [0, 42_949_672, 128_849_018])]
        {
            assert_eq!(all.map(|worth| kept_back(cap, worth)), kept, "{cap}");
        }
        let spent = charged(1);
        assert_eq!(standing(&spent, &rules(Some(1)), NOW), Standing::Spent);
        assert_eq!(standing(&spent, &rules(None), NOW), Standing::Enough);
        assert_eq!(forecast(&spent, &rules(None), NOW, usize::MAX), u64::MAX / 31 + 1);
    }

    /// 27 people for 1,000 messages: they pay for a month of 31 days, and for the rest of one only as far as others have left something.
    #[test]
    fn a_place_needs_its_share_of_what_is_left() {
        let rules = rules(Some(1_000));
        assert!(admits(&charged(0), &rules, NOW, 26));
        assert!(!admits(&charged(0), &rules, NOW, 27), "no place");
        // On the 10th 21 days are left: 33 × 21 / 31 messages for each.
        assert_eq!(forecast(&charged(0), &rules, NOW, 27), 603);
        assert!(admits(&charged(397), &rules, NOW, 26));
        assert!(!admits(&charged(398), &rules, NOW, 26), "a place, but not for the rest of this month");
    }

    #[test]
    fn the_last_day_of_a_month_is_the_local_one() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let before = Millis(1_793_487_599_000); // 2026-10-31 23:59:59 in Berlin
        assert_eq!([before, before.plus(1_000)].map(|at| days_left(at, &berlin)), [1, 30]);
        assert!((1..=DAYS).contains(&days_left(Millis(u64::MAX), &berlin)));
    }
}
