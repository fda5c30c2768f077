//! `drk-relay backup` and `restore`: the document, whatever it is made of and whatever becomes of it, and the real binary, running,
//! stopped, killed and refused. What a power cut leaves is for `tests/sim/restore`.

mod command;
mod document;
mod killed;

use drk_relay::domain::backup::Backup;
use drk_relay::domain::budget::Budget;
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::figures::rhythm::Rhythm;
use drk_relay::domain::figures::{Feed, Publication, Settling, Value};
use drk_relay::domain::ids::{Address, Bsuid, FeedId, FeedSet, Name, PersonHash, PersonId, WamidHash};
use drk_relay::domain::notice::Notice;
use drk_relay::domain::state::Counters;
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::domain::window::Window;
use std::collections::BTreeMap;

/// 22 November 2026, 11:04:30 UTC.
const NOON: Timestamp = Timestamp(1_795_345_470);
/// The same minute by the clock on the wall in Berlin.
const LUNCH: jiff::civil::DateTime = jiff::civil::date(2026, 11, 22).at(12, 4, 0, 0);
/// What identifies somebody in the store below. No backup may contain any of it.
const HASH: u64 = 0x5eed_cafe_f00d_0001;
const BSUID: &str = "DE.10000000000000000101";

fn name(name: &str) -> Name {
    Name::new(name).expect("a name")
}

fn publication(revision: u32, day: i32, values: &[(&str, i64, u8)]) -> Publication {
    let value = |(metric, digits, decimals): &(&str, i64, u8)| (name(metric), Value::new(*digits, *decimals).expect("a value"));
    Publication::new(revision, Day(day), values.iter().map(value).collect())
}

/// Two feeds in the middle of something, and some counting.
fn backup() -> Backup {
    let corona = Feed {
        current: Some(publication(12, 20_779, &[("cases_new", 17, 0), ("incidence", 574, 1)])),
        previous: Some(publication(11, 20_778, &[("cases_new", 25, 0), ("incidence", 61, 0)])),
        settling: Some(Settling::new(Day(20_780), BTreeMap::from([(name("cases_new"), Value::new(3, 0).expect("3"))]), NOON)),
        early: BTreeMap::from([(None, BTreeMap::from([(name("incidence"), Value::new(-5, 3).expect("-0.005"))]))]),
        published: NOON,
        rhythm: Rhythm::of([LUNCH], Some(LUNCH)),
        due: Some(NOON.plus(30 * 3_600)),
        ..Feed::new(name("corona"))
    };
    Backup {
        feeds: vec![corona, Feed::new(name("rsv"))],
        notice: Notice::Announced { revision: 10, last_day: Day(20_818), over: Timestamp(1_798_758_000) },
        counters: Counters { next_outbox: 98_765, reached: 12, repeated: 3 },
        budget: (0..612).fold(Budget::default(), |budget, _| budget.charge(NOON.millis())),
    }
}

/// Somebody who is subscribed, has just written and is about to be answered.
fn somebody() -> Vec<Change> {
    let subscription = Subscription { feeds: FeedSet::default().with(FeedId(0)), wording: 1, consent: NOON, yes: NOON, revision: 12 };
    let talk = Talk::Subscribed { subscription, reminder: Reminder::Pending };
    let person = Person { hash: PersonHash(HASH), alias: Some(PersonHash(!HASH)), window: Window::opened(NOON), talk, burst: None };
    let address = Address::Bsuid(Bsuid::new(BSUID).expect("short"));
    vec![
        Change::Person(PersonId(0), person),
        Change::Address(PersonId(0), address),
        Change::Seen(WamidHash(HASH.rotate_left(8)), NOON.hour()),
    ]
}
