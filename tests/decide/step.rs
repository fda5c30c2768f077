//! Whole steps of the relay on a store in memory: what its loop does in which order, which no single decision shows.

use drk_relay::domain::budget::Counters;
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::{Change, Effect};
use drk_relay::domain::event::Event;
use drk_relay::domain::figures::{Feed, Settling};
use drk_relay::domain::ids::{Address, Bsuid, FeedId, InstanceId, Name, OutboxId, PersonHash, PersonId, WamidHash};
use drk_relay::domain::outbox::{Delivery, Doubt, Entry, Kind, QUEUE_FOR_ANSWERS};
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, Rules};
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::domain::window::{REMIND_AFTER, WINDOW, Window};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use jiff::tz::TimeZone;
use redb::backends::InMemoryBackend;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(1_795_305_600);

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn rules() -> Rules {
    let feed = |feed| {
        let metric = MetricRules::new(name("cases"), "Fälle", MetricKind::Count);
        FeedRules::new(name(feed), "Fälle", vec![metric])
    };
    Rules::new("DRK", "07751 5550100", "https://drk.example", TimeZone::UTC, vec![feed("corona"), feed("klinik")])
}

/// A person and their address.
fn person(id: u32, latest: Timestamp, talk: Talk) -> [Change; 2] {
    let person = Person { hash: PersonHash(id.into()), alias: None, window: Window::opened(latest), talk, burst: None };
    let address = Address::Bsuid(Bsuid::new(&format!("DE.{id}")).expect("short"));
    [Change::Person(PersonId(id), person), Change::Address(PersonId(id), address)]
}

/// This person's message, under the same number.
fn message(id: u32, latest: Timestamp, delivery: Delivery) -> Change {
    let entry = Entry { person: PersonId(id), kind: Kind::Help { ask: true }, delivery, doubt: Doubt::None, closes: latest.plus(WINDOW) };
    Change::Outbox(OutboxId(id.into()), entry)
}

fn asked(at: Timestamp) -> Talk {
    Talk::Asked { answered: at, revision: 0, stopped: None, before: None }
}

fn subscription(feed: u8) -> Subscription {
    let feeds = [FeedId(feed)].into_iter().collect();
    Subscription { feeds, wording: rules().texts.consent(2), consent: NOW.minus(WINDOW), yes: NOW.minus(WINDOW), revision: 0 }
}

/// What leaves in the first step of a relay that finds this in its store.
fn first_step(mut changes: Vec<Change>) -> (Relay, Vec<Effect>) {
    changes.push(Change::Counters(Counters { next_outbox: 1_000_000, ..Counters::default() }));
    let mut store = Store::on(InMemoryBackend::new(), InstanceId(7)).expect("a store");
    store.commit(&changes).expect("in memory");
    let mut relay = Relay::open(store, rules()).expect("readable");
    let effects = relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted]).expect("in memory");
    relay.check();
    (relay, effects)
}

/// While an account is refused for hours, or a crowd writes at once.
#[test]
fn a_queue_full_of_answers_holds_back_neither_reminders_nor_figures() {
    let crowd = u32::try_from(QUEUE_FOR_ANSWERS).expect("few");
    let resting = Delivery::Resting { until: NOW.plus(60), attempt: 1 };
    let mut changes: Vec<Change> = (1..=crowd)
        .flat_map(|id| person(id, NOW, asked(NOW)).into_iter().chain([message(id, NOW, resting)]))
        .chain(person(0, NOW.minus(REMIND_AFTER), Talk::Subscribed { subscription: subscription(0), reminder: Reminder::Pending }))
        .collect();
    let settling = Settling { as_of: Day::of(jiff::civil::date(2026, 11, 22)), values: BTreeMap::new(), until: NOW };
    let klinik = Feed { settling: Some(settling), ..Feed::new(name("klinik")) };
    changes.push(Change::Feed(FeedId(0), Box::new(Feed::new(name("corona")))));
    changes.push(Change::Feed(FeedId(1), Box::new(klinik)));
    let (relay, effects) = first_step(changes);
    assert_eq!(relay.state().feeds[&FeedId(1)].settling, None, "the figures wait for the answers");
    let asked = effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count();
    assert_eq!(asked, 1, "the reminder waits for the answers");
}

/// An hour after a herd's windows have closed, all its messages are forgotten in the same second.
#[test]
fn what_is_forgotten_does_not_hold_up_what_leaves() {
    let closed = NOW.minus(WINDOW + 2 * 3_600);
    let lapsed = || Talk::Lapsed { subscription: subscription(0) };
    let delivered = |id: u32| Delivery::Delivered { at: closed, wamid: WamidHash(id.into()) };
    let herd = (1..=1_000).flat_map(|id| person(id, closed, lapsed()).into_iter().chain([message(id, closed, delivered(id))]));
    let waiting = person(0, NOW, asked(NOW)).into_iter().chain([message(0, NOW, Delivery::Queued { attempt: 0 })]);
    let (relay, effects) = first_step(herd.chain(waiting).collect());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Send(_))), "the answer waits");
    assert!(relay.state().outbox.iter().count() < 1_000, "and something is forgotten");
}
