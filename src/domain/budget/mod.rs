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
use super::time::{Day, Millis, local};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What Meta says that a message costs (WhatsApp docs: pricing, the `pricing` object of statuses).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Price {
    /// Nothing: it is one of the month's free ones, or was free for another reason.
    Free,
    /// It is charged.
    Paid,
}

/// Whether a message is one of the month's free ones: by our count when it left, and then by what Meta says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Toll {
    /// It has not left, or it is, by our count.
    #[default]
    Within,
    /// It is not, by our count.
    Beyond,
    /// It is not, by our count, and it has arrived.
    Arrived,
    /// Meta has said what it costs.
    Said(Price),
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

/// What goes first when messages run short, the least dispensable in front. What was promised to subscribers is paid for to the end of the
/// month before anybody else is answered: else a crowd that finds no place would use it up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worth {
    /// What we owe whoever asks for it: that a stop was obeyed, what is stored, whom to call, that the service has ended.
    Owed,
    /// To those who take a place: that it was agreed, that there was an interruption.
    Confirmed,
    /// What somebody new is told first.
    First,
    /// What those are promised who take a place: figures and reminders.
    Promised,
    /// What a subscriber asks for.
    Answer,
    /// What anybody else asks for.
    Extra,
}

/// Messages that Meta carries free of charge, for each business number and calendar month (WhatsApp docs: pricing, from 2026-10-01).
pub const FREE: u32 = 1_000;
/// Of a hundred messages so many are kept back from everything but [`Worth::Owed`] and [`Worth::First`].
const RESERVE: u64 = 3;
/// … and so many from everything but [`Worth::Owed`].
const RESERVE_OWED: u64 = 1;
/// What a loyal subscriber of one daily feed costs a month, at most: 31 publications and 6 reminders or answers (DESIGN.md, promise 9).
/// By this people are admitted, so that nobody has to be dropped later.
const SUBSCRIBER: u32 = 37;
/// What one costs as a rule, which is 35 to 37 (DESIGN.md, promise 9); 32.8 with the real figures of four health authorities
/// (`tests/sim/replay`), and the two messages with which a subscription begins. For forecasts: the most would cry wolf.
const EXPECTED: u32 = 36;
/// What each further daily feed adds for those who take all of them.
const FURTHER_FEED: u32 = 31;
/// Days of the longest month: what the numbers above are for.
const DAYS: u32 = 31;

/// Messages that somebody who takes every feed costs a month, at most, if each comes once a day.
pub fn messages_per_person(rules: &Rules) -> u32 {
    SUBSCRIBER.saturating_add(further(rules))
}

/// How many people there is room for beside the reserve, if everyone takes every feed; `None`: no limit.
pub fn places(rules: &Rules) -> Option<usize> {
    rules.monthly_messages.map(|cap| (beside_reserve(cap) / messages_per_person(rules)) as usize)
}

fn further(rules: &Rules) -> u32 {
    let feeds = u32::try_from(rules.feeds.len().saturating_sub(1)).unwrap_or(u32::MAX);
    feeds.saturating_mul(FURTHER_FEED)
}

/// Whether one more may be admitted beside `others`: there is a place, and what is left of the month suffices for all of them.
pub fn admits(state: &State, rules: &Rules, now: Millis, others: usize) -> bool {
    let Some((cap, places)) = rules.monthly_messages.zip(places(rules)) else { return true };
    let today = local(now, &rules.zone).date();
    let spent = u64::from(state.budget.of(today).charged).saturating_add(needed(rules, today, others + 1, SUBSCRIBER));
    others < places && spent <= u64::from(beside_reserve(cap))
}

/// Messages that will have left by the end of the local month, if so many people are subscribed from now on.
pub fn forecast(state: &State, rules: &Rules, now: Millis, people: usize) -> u64 {
    let today = local(now, &rules.zone).date();
    u64::from(state.budget.of(today).charged).saturating_add(needed(rules, today, people, EXPECTED))
}

/// Messages that so many people cost until the end of the month, if each costs so many in a month of one daily feed.
fn needed(rules: &Rules, today: Date, people: usize, each: u32) -> u64 {
    let each = u64::from(each.saturating_add(further(rules)));
    (people as u64).saturating_mul(each).saturating_mul(u64::from(days_left(today))) / u64::from(DAYS)
}

/// Days of the month that are still to come, today among them.
fn days_left(today: Date) -> u32 {
    let left = Day::of(today.last_of_month()).0 - Day::of(today).0 + 1;
    u32::try_from(left).unwrap_or(1)
}

/// How the messages of the month stand at `now`.
pub fn standing(state: &State, rules: &Rules, now: Millis) -> Standing {
    let (purse, cap) = (Purse::new(state, rules, now), rules.monthly_messages.unwrap_or(u32::MAX));
    let enough = u64::from(beside_reserve(cap));
    match () {
        () if !purse.buys(Worth::Owed) => Standing::Spent,
        () if !purse.buys(Worth::Promised) => Standing::Reserve,
        () if rules.monthly_messages.is_some() && forecast(state, rules, now, state.people.admitted()) > enough => Standing::Short,
        () => Standing::Enough,
    }
}

/// What the messages that are left suffice for.
#[derive(Clone, Copy, Debug)]
pub struct Purse {
    /// Messages that are left.
    left: u64,
    /// Of these, beyond what the subscribers will need on average until the end of the month.
    beyond_average: u64,
    /// … and beyond what they will need at most.
    beyond_most: u64,
    reserve: u64,
    reserve_owed: u64,
}

impl Purse {
    /// One that suffices for everything.
    pub const ENDLESS: Purse = Purse { left: u64::MAX, beyond_average: u64::MAX, beyond_most: u64::MAX, reserve: 0, reserve_owed: 0 };

    /// At `now`. While two months may be Meta's, the tighter one decides; only in the local one is anything still to come.
    pub fn new(state: &State, rules: &Rules, now: Millis) -> Purse {
        let Some(cap) = rules.monthly_messages else { return Purse::ENDLESS };
        let today = local(now, &rules.zone).date();
        let needed = |each: u32| needed(rules, today, state.people.admitted(), each);
        let (average, most, this) = (needed(EXPECTED), needed(SUBSCRIBER), state.budget.of(today).number);
        let mut purse = Purse { reserve: percent(cap, RESERVE).into(), reserve_owed: percent(cap, RESERVE_OWED).into(), ..Purse::ENDLESS };
        for month in state.budget.at(now) {
            let left = u64::from(cap.saturating_sub(month.charged));
            let beyond = |needed: u64| if month.number == this { left.saturating_sub(needed) } else { left };
            purse.left = purse.left.min(left);
            purse.beyond_average = purse.beyond_average.min(beyond(average));
            purse.beyond_most = purse.beyond_most.min(beyond(most));
        }
        purse
    }

    /// Whether a message of this worth may leave.
    pub fn buys(&self, worth: Worth) -> bool {
        match worth {
            Worth::Owed => self.left > 0,
            Worth::Confirmed => self.left > self.reserve_owed,
            // The reserve is theirs, when the subscribers have used up the rest.
            Worth::First => self.left > self.reserve_owed && (self.beyond_average > self.reserve_owed || self.left <= self.reserve),
            Worth::Promised => self.left > self.reserve,
            Worth::Answer => self.beyond_average > self.reserve,
            Worth::Extra => self.beyond_most > self.reserve,
        }
    }

    /// One message less.
    #[must_use]
    pub fn spend(self) -> Purse {
        let less = |left: u64| if left == u64::MAX { left } else { left.saturating_sub(1) };
        let (left, beyond_average) = (less(self.left), less(self.beyond_average));
        Purse { left, beyond_average, beyond_most: less(self.beyond_most), ..self }
    }
}

/// What is there for everything.
fn beside_reserve(cap: u32) -> u32 {
    cap - percent(cap, RESERVE)
}

fn percent(cap: u32, percent: u64) -> u32 {
    u32::try_from(u64::from(cap) * percent / 100).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::{Person, Reminder, Subscription, Talk};
    use crate::domain::decision::Change;
    use crate::domain::ids::{FeedId, FeedSet, Name, PersonHash};
    use crate::domain::rules::{FeedRules, MetricKind, MetricRules};
    use crate::domain::time::Timestamp;
    use crate::domain::window::Window;
    use jiff::tz::TimeZone;

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

    /// The same with so many subscribers.
    fn subscribed(times: u32, people: u64) -> State {
        let mut state = charged(times);
        for number in 0..people {
            let subscription = Subscription {
                feeds: FeedSet::default().with(FeedId(0)),
                wording: 0,
                consent: Timestamp(1),
                yes: Timestamp(1),
                revision: 0,
            };
            let talk = Talk::Subscribed { subscription, reminder: Reminder::Pending };
            let window = Window::opened(NOW.second());
            let row = Person { hash: PersonHash(number), alias: None, window, talk, burst: None };
            state.apply(&Change::Person(state.people.next_id(), row));
        }
        state
    }

    /// What still leaves, the first letter of each worth, and how it stands.
    fn found(state: &State, rules: &Rules) -> (String, Standing) {
        let purse = Purse::new(state, rules, NOW);
        let all = [
            ('O', Worth::Owed),
            ('C', Worth::Confirmed),
            ('F', Worth::First),
            ('P', Worth::Promised),
            ('A', Worth::Answer),
            ('E', Worth::Extra),
        ];
        let bought = all.into_iter().filter(|(_, worth)| purse.buys(*worth)).map(|(letter, _)| letter).collect();
        (bought, standing(state, rules, NOW))
    }

    #[test]
    fn what_goes_first_when_it_runs_short() {
        let rules = rules(Some(1_000));
        for (left, leaves, standing) in [
            (31, "OCFPAE", Standing::Enough),
            (30, "OCF", Standing::Reserve),
            (11, "OCF", Standing::Reserve),
            (10, "O", Standing::Reserve),
            (1, "O", Standing::Reserve),
            (0, "", Standing::Spent),
        ] {
            assert_eq!(found(&charged(1_000 - left), &rules), (leaves.to_owned(), standing), "{left} left");
        }
    }

    /// On the 10th, 26 subscribers need 634 messages until the end of the month on average, and 651 at most.
    #[test]
    fn subscribers_are_paid_for_before_anybody_else_is_answered() {
        let rules = rules(Some(1_000));
        for (left, leaves, standing) in [
            (682, "OCFPAE", Standing::Enough),
            (681, "OCFPA", Standing::Enough),
            (665, "OCFPA", Standing::Enough),
            (664, "OCFP", Standing::Enough),
            (663, "OCFP", Standing::Short),
            (645, "OCFP", Standing::Short),
            (644, "OCP", Standing::Short),
            (31, "OCP", Standing::Short),
            (30, "OCF", Standing::Reserve),
        ] {
            assert_eq!(found(&subscribed(1_000 - left, 26), &rules), (leaves.to_owned(), standing), "{left} left");
        }
    }

    /// In the first hours of a month Meta may still count for the one before, which is nearly used up: what the new one needs is no matter
    /// of that.
    #[test]
    fn the_month_before_has_no_future() {
        let rules = rules(Some(1_000));
        let turn = Millis(1_796_079_600_000); // 2026-12-01 00:00 in Berlin
        let mut state = subscribed(0, 26);
        let budget = (0..940).fold(Budget::default(), |budget, _| budget.charge(NOW));
        state.apply(&Change::Budget(budget));
        let buys = |at: Millis, worth: Worth| Purse::new(&state, &rules, at).buys(worth);
        for worth in [Worth::Owed, Worth::Promised, Worth::First, Worth::Answer] {
            assert!(buys(turn, worth), "{worth:?}");
        }
        assert_eq!(forecast(&state, &rules, turn, 26), 936);
    }

    #[test]
    fn caps_of_any_size_keep_something_back_and_never_overflow() {
        for (cap, kept) in [(0, [0, 0]), (1, [0, 0]), (73, [0, 2]), (1_000, [10, 30]), (u32::MAX, [42_949_672, 128_849_018])] {
            assert_eq!([RESERVE_OWED, RESERVE].map(|share| percent(cap, share)), kept, "{cap}");
        }
        let spent = charged(1);
        assert_eq!(standing(&spent, &rules(Some(1)), NOW), Standing::Spent);
        assert_eq!(standing(&spent, &rules(None), NOW), Standing::Enough);
        assert!(forecast(&spent, &rules(None), NOW, usize::MAX) > u64::from(u32::MAX));
        assert!(Purse::ENDLESS.spend().buys(Worth::Extra));
    }

    /// 26 people for 1,000 messages: these pay for a month of 31 days, and for the rest of one as far as others have left something.
    #[test]
    fn a_place_needs_its_share_of_what_is_left() {
        let rules = rules(Some(1_000));
        assert!(admits(&charged(0), &rules, NOW, 25));
        assert!(!admits(&charged(0), &rules, NOW, 26), "no place");
        // On the 10th 21 days are left: 36 × 21 / 31 messages for each on average, 37 × 21 / 31 at most.
        assert_eq!(forecast(&charged(0), &rules, NOW, 26), 634);
        assert!(admits(&charged(970 - 651), &rules, NOW, 25));
        assert!(!admits(&charged(970 - 650), &rules, NOW, 25), "a place, but not for the rest of this month");
    }

    #[test]
    fn the_last_day_of_a_month_is_the_local_one() {
        let berlin = TimeZone::get("Europe/Berlin").expect("bundled");
        let before = Millis(1_793_487_599_000); // 2026-10-31 23:59:59 in Berlin
        let left = |at: Millis| days_left(local(at, &berlin).date());
        assert_eq!([before, before.plus(1_000)].map(left), [1, 30]);
        assert!((1..=DAYS).contains(&left(Millis(u64::MAX))));
    }
}
