//! Whole steps of the relay on a store in memory: what its loop does in which order, which no single decision shows.

use drk_relay::domain::budget::Toll;
use drk_relay::domain::conversation::{Person, Reminder, Subscription, Talk};
use drk_relay::domain::decision::{Change, Effect};
use drk_relay::domain::event::{Event, Heard, Said};
use drk_relay::domain::figures::{Feed, Publication, Settling};
use drk_relay::domain::ids::{Address, Bsuid, FeedId, Identity, InstanceId, Name, OutboxId, PersonHash, PersonId, Wamid, WamidHash};
use drk_relay::domain::outbox::{Delivery, Doubt, Entry, Kind, QUEUE, QUEUE_FOR_ANSWERS};
use drk_relay::domain::pacing::Throttle;
use drk_relay::domain::rules::{FeedRules, MetricKind, MetricRules, RATE, Rules};
use drk_relay::domain::state::Counters;
use drk_relay::domain::time::{Day, Timestamp};
use drk_relay::domain::window::{REMIND_AFTER, WINDOW, Window};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use jiff::tz::TimeZone;
use redb::backends::InMemoryBackend;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(1_795_305_600);
const HELP: Kind = Kind::Help { ask: true };

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
    [Change::Person(PersonId(id), person), Change::Address(PersonId(id), address(id))]
}

fn address(id: u32) -> Address {
    Address::Bsuid(Bsuid::new(&format!("DE.{id}")).expect("short"))
}

/// This person's message, under the same number.
fn message(id: u32, kind: Kind, latest: Timestamp, delivery: Delivery) -> Change {
    let entry = Entry { person: PersonId(id), kind, delivery, doubt: Doubt::None, toll: Toll::default(), closes: latest.plus(WINDOW) };
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

/// A feed of which a publication is complete at [`NOW`].
fn settling() -> Change {
    let settling = Settling::new(Day::of(jiff::civil::date(2026, 11, 22)), BTreeMap::new(), NOW);
    Change::Feed(FeedId(1), Box::new(Feed { settling: Some(settling), ..Feed::new(name("klinik")) }))
}

/// To whom messages leave, in this order.
fn receivers(effects: &[Effect]) -> Vec<Address> {
    let receiver = |effect: &Effect| match effect {
        Effect::Send(send) => Some(send.to.clone()),
        Effect::MarkRead(_) | Effect::Receipt(_) => None,
    };
    effects.iter().filter_map(receiver).collect()
}

/// To whom messages leave within so many milliseconds of [`NOW`].
fn within(millis: u64, changes: Vec<Change>) -> Vec<Address> {
    let (mut relay, mut effects) = first_step(changes);
    while let Some(now) = relay.next_deadline(NOW.millis()).filter(|at| *at < NOW.millis().plus(millis)) {
        effects.extend(relay.step(now, &[]).expect("in memory"));
    }
    relay.check();
    receivers(&effects)
}

/// So many people who wait for an answer.
fn crowd(people: u32, delivery: Delivery) -> impl Iterator<Item = Change> {
    queue(HELP, people, delivery)
}

/// A message of this kind for each of so many people.
fn queue(kind: Kind, people: u32, delivery: Delivery) -> impl Iterator<Item = Change> {
    (1..=people).flat_map(move |id| person(id, NOW, asked(NOW)).into_iter().chain([message(id, kind, NOW, delivery)]))
}

/// While an account is refused for hours, or a crowd writes at once.
#[test]
fn a_queue_full_of_answers_holds_back_neither_reminders_nor_figures() {
    let people = u32::try_from(QUEUE_FOR_ANSWERS).expect("few");
    let resting = Delivery::Resting { until: NOW.plus(60), attempt: 1 };
    let late = person(0, NOW.minus(REMIND_AFTER), Talk::Subscribed { subscription: subscription(0), reminder: Reminder::Pending });
    let mut changes: Vec<Change> = crowd(people, resting).chain(late).collect();
    changes.push(Change::Feed(FeedId(0), Box::new(Feed::new(name("corona")))));
    changes.push(settling());
    let (relay, effects) = first_step(changes);
    assert_eq!(relay.state().feeds[&FeedId(1)].settling, None, "the figures wait for the answers");
    assert_eq!(receivers(&effects), [address(0)], "the reminder waits for the answers");
}

/// An hour after a herd's windows have closed, all its messages are forgotten in the same second.
#[test]
fn what_is_forgotten_does_not_hold_up_what_leaves() {
    let closed = NOW.minus(WINDOW + 2 * 3_600);
    let lapsed = || Talk::Lapsed { subscription: subscription(0) };
    let delivered = |id: u32| Delivery::Delivered { at: closed, wamid: WamidHash(id.into()) };
    let herd = (1..=1_000).flat_map(|id| person(id, closed, lapsed()).into_iter().chain([message(id, HELP, closed, delivered(id))]));
    let waiting = person(0, NOW, asked(NOW)).into_iter().chain([message(0, HELP, NOW, Delivery::Queued { attempt: 0 })]);
    let (relay, effects) = first_step(herd.chain(waiting).collect());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Send(_))), "the answer waits");
    assert!(relay.state().outbox.iter().count() < 1_000, "and something is forgotten");
}

/// Promise 4: at the 64 a second that are planned with, 128 answers take two seconds; at 48, two and two thirds. Figures wait.
#[test]
fn a_reminder_begins_so_much_earlier_that_what_is_queued_can_go_before_it() {
    let begins = |kind: Kind, queued: u32, throttle: Option<Throttle>| {
        let resting = Delivery::Resting { until: NOW.plus(400), attempt: 1 };
        let latest = NOW.minus(REMIND_AFTER - 300);
        let subscriber = person(0, latest, Talk::Subscribed { subscription: subscription(0), reminder: Reminder::Pending });
        let (relay, _) = first_step(queue(kind, queued, resting).chain(subscriber).chain(throttle.map(Change::Throttle)).collect());
        relay.next_deadline(NOW.millis()).map(|at| at.since(NOW.millis()))
    };
    let (answer, figures) = (HELP, Kind::Publication { since: 0 });
    assert_eq!([begins(answer, 0, None), begins(answer, 128, None)], [Some(300_000), Some(298_000)]);
    assert_eq!(begins(figures, 128, None), Some(300_000));
    let cut = Throttle::cut(None, RATE, NOW.millis());
    assert_eq!(begins(answer, 128, cut), Some(297_333));
}

/// Otherwise a broadcast would take the room of those who are to be asked.
#[test]
fn reminders_wait_in_the_wheel_while_the_queue_is_full() {
    let asked = |queued: usize| {
        let resting = Delivery::Resting { until: NOW.plus(3_600), attempt: 1 };
        let late = person(0, NOW.minus(REMIND_AFTER), Talk::Subscribed { subscription: subscription(0), reminder: Reminder::Pending });
        let figures = queue(Kind::Publication { since: 0 }, u32::try_from(queued).expect("few"), resting);
        let (relay, _) = first_step(figures.chain(late).collect());
        relay.state().outbox.of(PersonId(0)).count()
    };
    assert_eq!([QUEUE - 1, QUEUE].map(asked), [1, 0]);
}

/// What is expected now leaves first, then questions, then figures, if there is time for all of it.
#[test]
fn answers_leave_before_reminders_and_these_before_figures() {
    let queued = Delivery::Queued { attempt: 0 };
    let talk = Talk::Subscribed { subscription: Subscription { revision: 1, ..subscription(0) }, reminder: Reminder::Sent };
    let kinds = [Kind::Publication { since: 0 }, Kind::Reminder, Kind::Help { ask: false }];
    let rows = (0..).zip(kinds).flat_map(|(id, kind)| {
        let entry =
            Entry { person: PersonId(id), kind, delivery: queued, doubt: Doubt::None, toll: Toll::default(), closes: NOW.plus(WINDOW - 9) };
        person(id, NOW.minus(9), talk.clone()).into_iter().chain([Change::Outbox(OutboxId(id.into()), entry)])
    });
    let current = Some(Publication::new(1, Day(0), BTreeMap::new()));
    let figures = Change::Feed(FeedId(0), Box::new(Feed { current, ..Feed::new(name("corona")) }));
    let left = within(1_000, rows.chain([figures]).collect());
    assert_eq!(left, [2, 1, 0].map(address));
}

/// After "too many" (130429) three quarters of 80 a second are left.
#[test]
fn what_meta_grants_is_what_leaves() {
    let waiting = || crowd(60, Delivery::Queued { attempt: 0 });
    let cut = Throttle::cut(None, RATE, NOW.millis()).map(Change::Throttle);
    let sent = [within(500, waiting().collect()), within(500, waiting().chain(cut).collect())];
    assert_eq!(sent.map(|left| left.len()), [40, 30]);
}

/// Promise 4: 6,000 answers take more than a minute.
#[test]
fn whoever_would_be_too_late_behind_the_queue_goes_first() {
    let latest = NOW.minus(WINDOW - 60);
    let subscriber = person(0, latest, Talk::Subscribed { subscription: subscription(0), reminder: Reminder::Sent });
    let (person, kind, closes) = (PersonId(0), Kind::Reminder, latest.plus(WINDOW));
    let reminder = Entry { person, kind, delivery: Delivery::Queued { attempt: 0 }, doubt: Doubt::None, toll: Toll::default(), closes };
    let queue = crowd(6_000, Delivery::Queued { attempt: 0 });
    let left = within(1_000, queue.chain(subscriber).chain([Change::Outbox(OutboxId(0), reminder)]).collect());
    assert_eq!(left.first(), Some(&address(0)), "the answers go first");
}

/// Promise 4: the figures ask, too, so those who have not been asked in their window need them more.
#[test]
fn of_windows_that_close_together_those_not_yet_asked_get_the_figures_first() {
    let reminders = [Reminder::Sent, Reminder::Spared, Reminder::Pending];
    let subscribers = (0..)
        .zip(reminders)
        .flat_map(|(id, reminder)| person(id, NOW.minus(3_600), Talk::Subscribed { subscription: subscription(1), reminder }));
    let left = within(1_000, subscribers.chain([settling()]).collect());
    assert_eq!(left, [2, 0, 1].map(address));
}

/// The process before may have sent a burst a moment ago.
#[test]
fn nothing_leaves_in_a_burst_after_a_start() {
    let (_, effects) = first_step(crowd(20, Delivery::Queued { attempt: 0 }).collect());
    assert!(receivers(&effects).len() <= 1, "{} at once", receivers(&effects).len());
}

/// WhatsApp docs: throughput. What people write takes the tokens that were saved up.
#[test]
fn what_people_write_counts_against_the_rate() {
    let until = NOW.plus(10);
    let leaves = |writers: u32| {
        let (mut relay, _) = first_step(crowd(40, Delivery::Resting { until, attempt: 1 }).collect());
        let wrote = |id: u32| {
            let (wamid, hash) = (Wamid::new(&format!("wamid.{id}")), WamidHash(id.into()));
            let from = Identity { hash: PersonHash(id.into()), alias: None };
            Event::Heard(Heard { from, address: address(id), wamid, hash, at: until, said: Said::Other })
        };
        let arrived: Vec<Event> = (100..100 + writers).map(wrote).collect();
        receivers(&relay.step(until.millis(), &arrived).expect("in memory")).len()
    };
    assert_eq!([0, 2, 20].map(leaves), [10, 8, 0]);
}
