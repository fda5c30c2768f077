//! Many people whose windows close in the same second, and nothing goes wrong but that there are so many. Counts what becomes of them,
//! beside the same herd under a policy that sends every reminder at 23:59:00. Says nothing about how many should have been asked.

use super::choices::Choices;
use super::people::Person;
use super::world::{Departure, START, World, rules};
use drk_relay::domain::budget::{Budget, FREE, Price, Toll};
use drk_relay::domain::conversation::{self, Reminder, Subscription, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::{FeedId, FeedSet, Name, PersonId};
use drk_relay::domain::pacing::Bucket;
use drk_relay::domain::rules::{RATE, Rules};
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::window::Window;
use drk_relay::store::Store;
use std::collections::BTreeSet;
use std::fmt;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
/// People in one commit.
const PAGE: usize = 5_000;
/// Everyone's windows close so long after the world has begun: time enough for any pacing.
const UNTIL_THE_CLOSING: u64 = 120 * MINUTE;
/// Figures arrive so long before the closing, if they do.
const FIGURES_BEFORE: u64 = 10 * MINUTE;
/// The last second in which a message may be written is this long before the closing, in milliseconds.
const GUARD: u64 = 5_000;
/// Everything that the figures of two feeds bring has left within so much more than the rate requires.
const SETTLED: u64 = 10 * MINUTE;

/// What has become of a herd. Nobody was written to outside their window: there the world ends.
#[derive(Debug)]
pub(crate) struct Fate {
    /// People.
    pub(crate) people: u64,
    /// Whose window closed without a question that Meta had taken.
    pub(crate) missed: u64,
    /// Who was sent a reminder and nothing else, a publication and nothing else, both.
    pub(crate) only_reminded: usize,
    pub(crate) only_published: usize,
    pub(crate) both: usize,
    /// Messages to somebody who had been asked already, while somebody else had not been asked yet.
    pub(crate) overtaken: usize,
    /// How long before 23:59:00 reminders left, in seconds: on average over all of them, and at most.
    pub(crate) pulled_mean: f64,
    pub(crate) pulled_most: f64,
    /// Messages in the second that had the most.
    pub(crate) most_in_a_second: usize,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fate { people, missed, only_reminded, only_published, both, overtaken, pulled_mean, pulled_most, most_in_a_second } = self;
        write!(
            f,
            "{people} people: {missed} missed, 0 outside; {only_reminded} got a reminder, {only_published} a publication, {both} both; "
        )?;
        write!(f, "{overtaken} were asked again before everyone was asked; reminders pulled forward by {pulled_mean:.1} s on average, ")?;
        write!(f, "{pulled_most:.1} s at most; {most_in_a_second} messages in a second at most")
    }
}

/// Whom a policy misses that begins at 23:59:00: the same bucket, and nothing else in the way.
pub(crate) fn missed_without_pacing(people: u64) -> u64 {
    let (nominal, last) = (Millis(DAY - MINUTE), Millis(DAY - GUARD + 999));
    let (mut bucket, mut now, mut sent) = (Bucket::default(), nominal, 0);
    while sent < people {
        now = bucket.ready_at(now, RATE, 1);
        if now > last {
            break;
        }
        bucket = bucket.take(now, RATE);
        sent += 1;
    }
    people - sent
}

/// How far the reminders of so many people have to be pulled forward before 23:59:00 on average, in seconds, at `rate` messages a second,
/// if the last of them leaves `spare` seconds after it.
pub(crate) fn least_pull(people: u64, rate: f64, spare: f64) -> f64 {
    (0..people).map(|nth| (nth as f64 / rate - spare).max(0.0)).sum::<f64>() / people.max(1) as f64
}

/// A herd whose windows close in the same second, two hours after the world has begun.
pub(crate) fn herd(people: u32, figures: bool) -> Fate {
    let mut world = gathered(people, UNTIL_THE_CLOSING);
    let closing = START.plus(UNTIL_THE_CLOSING);
    let nominal = Millis(closing.0 - MINUTE);
    world.pass(UNTIL_THE_CLOSING - FIGURES_BEFORE);
    if figures {
        world.publish_now();
    }
    world.pass(FIGURES_BEFORE + 30 * MINUTE);
    world.compare();
    let departures = world.departures.take().unwrap_or_default();
    let who = |reminder: bool| departures.iter().filter(|left| left.reminder == reminder).map(|left| left.person).collect::<BTreeSet<_>>();
    let (reminded, published) = (who(true), who(false));
    let pulls: Vec<f64> = departures.iter().filter(|left| left.reminder).map(|left| nominal.since(left.at) as f64 / 1_000.0).collect();
    Fate {
        people: people.into(),
        missed: world.ledger.missing.unwrap_or(0),
        only_reminded: reminded.difference(&published).count(),
        only_published: published.difference(&reminded).count(),
        both: reminded.intersection(&published).count(),
        overtaken: overtaken(&departures),
        pulled_mean: pulls.iter().sum::<f64>() / pulls.len().max(1) as f64,
        pulled_most: pulls.iter().copied().fold(0.0, f64::max),
        most_in_a_second: busiest_second(&departures),
    }
}

/// The share of the permitted rate that a broadcast to so many people uses, from its first message to its last. Their windows close a day
/// later.
pub(crate) fn broadcast(people: u32) -> f64 {
    let mut world = gathered(people, DAY);
    world.pass(MINUTE);
    world.publish_now();
    world.pass(u64::from(people) * 2 * 1_000 / u64::from(RATE) + SETTLED);
    let state = world.relay.state();
    assert!(!state.broadcasting() && state.outbox.queued() == 0, "the broadcast has not reached everybody");
    let departures = world.departures.take().unwrap_or_default();
    let ends = departures.first().zip(departures.last());
    let seconds = ends.map_or(0.0, |(first, last)| last.at.since(first.at) as f64 / 1_000.0);
    (departures.len() as f64 - 1.0) / (seconds * f64::from(RATE))
}

/// Messages to people who had got one before, as long as there were others who had not.
fn overtaken(departures: &[Departure]) -> usize {
    let mut asked = BTreeSet::new();
    let again: Vec<bool> = departures.iter().map(|left| !asked.insert(left.person)).collect();
    let last = again.iter().rposition(|again| !again).unwrap_or(0);
    again.iter().take(last).filter(|again| **again).count()
}

/// Subscribers whose windows close so long after the world has begun.
fn gathered(people: u32, until_the_closing: u64) -> World {
    let latest = Timestamp(START.plus(until_the_closing).second().0 - 24 * 3_600);
    let everyone: Vec<Person> = (0..u64::from(people)).map(Person::new).collect();
    let rules = rules();
    let rows = everyone.clone();
    let mut world = World::with(Choices::seed(1), everyone, rules.clone(), false, |store| fill(store, &rules, &rows, latest));
    world.ledger.missing = Some(0);
    world.departures = Some(Vec::new());
    world
}

/// Subscribers of every feed who have written last at `latest`.
fn fill(store: &mut Store, rules: &Rules, people: &[Person], latest: Timestamp) {
    let feeds: FeedSet = (0..).map(FeedId).take(rules.feeds.len()).collect();
    let feed = |(id, name): (u8, &Name)| Change::Feed(FeedId(id), Box::new(drk_relay::domain::figures::Feed::new(name.clone())));
    let mut rows: Vec<Change> = (0..).zip(rules.feeds.iter().map(|feed| &feed.name)).map(feed).collect();
    rows.push(Change::Budget(paying()));
    store.commit(&rows).expect("a new store takes rows");
    let wording = rules.texts.consent(rules.feeds.len());
    let ids: Vec<(u32, &Person)> = (0..).zip(people).collect();
    for page in ids.chunks(PAGE) {
        let rows = page.iter().flat_map(|(id, person)| {
            let subscription = Subscription { feeds, wording, consent: latest, yes: latest, revision: 0 };
            let talk = Talk::Subscribed { subscription, reminder: Reminder::Pending };
            let row = conversation::Person { hash: person.hash, alias: None, window: Window::opened(latest), talk, burst: None };
            [Change::Person(PersonId(*id), row), Change::Address(PersonId(*id), person.address.clone())]
        });
        store.commit(&rows.collect::<Vec<_>>()).expect("a new store takes rows");
    }
}

/// A month whose free messages are used up, and of which it is known that what is not free arrives: or the herd would wait for that, once.
fn paying() -> Budget {
    (0..=FREE).fold(Budget::default(), |budget, _| budget.charge(START)).priced(START.second(), Toll::Beyond, Price::Paid)
}

/// Messages within the same second of which most have left.
fn busiest_second(departures: &[Departure]) -> usize {
    let (mut most, mut first) = (0, 0);
    for (last, left) in departures.iter().enumerate() {
        while left.at.since(departures[first].at) >= 1_000 {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}
