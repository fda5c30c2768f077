//! Many people whose windows close in the same second, and nothing goes wrong but that there are so many. Counts what becomes of them,
//! beside what a queue would make of it that sends every reminder at 23:59:00. Says nothing about how many should have been asked.

use super::choices::Choices;
use super::people::Person;
use super::world::{START, World, rules};
use drk_relay::domain::conversation::{self, Reminder, Subscription, Talk};
use drk_relay::domain::decision::Change;
use drk_relay::domain::ids::{FeedId, FeedSet, Name, PersonId};
use drk_relay::domain::rules::Rules;
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::window::Window;
use drk_relay::store::Store;
use std::fmt;

const MINUTE: u64 = 60_000;
/// People in one commit.
const PAGE: usize = 5_000;
/// Everyone's windows close so long after the world has begun: time enough for any pacing.
const UNTIL_THE_CLOSING: u64 = 120 * MINUTE;
/// Figures arrive so long before the closing, if they do.
const FIGURES_BEFORE: u64 = 10 * MINUTE;
/// The last second in which a message may be written is this long before the closing, in milliseconds.
const GUARD: u64 = 5_000;
/// Tokens that a full bucket holds: the same as the relay's.
const BURST: u64 = 10;

/// What has become of a herd.
#[derive(Debug)]
pub(crate) struct Fate {
    /// People.
    pub(crate) people: u64,
    /// Whose window closed without a question that Meta had taken.
    pub(crate) missed: u64,
    /// Messages that reached Meta outside a window. A world stops at the first.
    pub(crate) outside: u64,
    /// Who was sent what.
    pub(crate) reminders: u64,
    pub(crate) publications: u64,
    /// How long before 23:59:00 reminders left, in seconds: on average over all of them, and at most.
    pub(crate) pulled_mean: f64,
    pub(crate) pulled_most: f64,
    /// Messages in the second that had the most.
    pub(crate) most_in_a_second: usize,
    /// Events that the relay was told.
    pub(crate) events: u64,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fate { people, missed, outside, reminders, publications, .. } = self;
        write!(f, "{people} people: {missed} missed, {outside} outside, {reminders} reminders, {publications} publications, ")?;
        let (mean, most) = (self.pulled_mean, self.pulled_most);
        write!(
            f,
            "pulled forward by {mean:.1} s on average and {most:.1} s at most, {} messages in a second, {} events",
            self.most_in_a_second, self.events
        )
    }
}

/// What a policy without pacing would make of it, and what the best one could: computed, not simulated.
#[derive(Debug)]
pub(crate) struct Arithmetic {
    /// Whom a queue would miss that sends every reminder at 23:59:00.
    pub(crate) naive_missed: u64,
    /// How far reminders have to be pulled forward on average, in seconds, at a rate of so many a second.
    pub(crate) needed_mean: f64,
}

impl Arithmetic {
    /// For so many people, at `rate` messages a second; pacing plans with `planned`.
    pub(crate) fn of(people: u64, rate: f64, planned: f64) -> Arithmetic {
        let last_minute = (MINUTE - GUARD) as f64 / 1_000.0;
        let naive = (last_minute * rate) as u64 + BURST;
        // The kth from the end has to leave k intervals before the last permitted second.
        let needed = |nth: u64| (nth as f64 / planned - last_minute).max(0.0);
        let needed_mean = (0..people).map(needed).sum::<f64>() / people.max(1) as f64;
        Arithmetic { naive_missed: people.saturating_sub(naive), needed_mean }
    }
}

/// A herd whose windows close in the same second, two hours after the world has begun.
pub(crate) fn herd(people: u32, figures: bool) -> Fate {
    let mut world = gathered(people);
    let closing = START.plus(UNTIL_THE_CLOSING);
    let nominal = Millis(closing.0 - MINUTE);
    world.pass(UNTIL_THE_CLOSING - FIGURES_BEFORE);
    if figures {
        world.publish_now();
    }
    world.pass(FIGURES_BEFORE + 30 * MINUTE);
    world.compare();
    let departures = world.departures.take().unwrap_or_default();
    let reminders: Vec<f64> =
        departures.iter().filter(|(_, reminder)| *reminder).map(|(at, _)| nominal.since(*at) as f64 / 1_000.0).collect();
    Fate {
        people: people.into(),
        missed: world.ledger.missing.unwrap_or(0),
        outside: 0,
        reminders: world.counted("reminder"),
        publications: world.counted("publication"),
        pulled_mean: reminders.iter().sum::<f64>() / reminders.len().max(1) as f64,
        pulled_most: reminders.iter().copied().fold(0.0, f64::max),
        most_in_a_second: busiest_second(&departures),
        events: world.events,
    }
}

fn gathered(people: u32) -> World {
    let latest = Timestamp(START.plus(UNTIL_THE_CLOSING).second().0 - 24 * 3_600);
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
    let rows: Vec<Change> = (0..).zip(rules.feeds.iter().map(|feed| &feed.name)).map(feed).collect();
    store.commit(&rows).expect("a new store takes rows");
    let wording = rules.texts.consent(rules.feeds.len());
    let ids: Vec<(u32, &Person)> = (0..).zip(people).collect();
    for page in ids.chunks(PAGE) {
        let rows = page.iter().flat_map(|(id, person)| {
            let subscription = Subscription { feeds, wording, consent: latest, yes: latest, revision: 0 };
            let talk = Talk::Subscribed { subscription, reminder: Reminder::Pending };
            let row = conversation::Person { hash: person.hash, alias: None, window: Window { latest }, talk, burst: None };
            [Change::Person(PersonId(*id), row), Change::Address(PersonId(*id), person.address.clone())]
        });
        store.commit(&rows.collect::<Vec<_>>()).expect("a new store takes rows");
    }
}

/// Messages within the same second of which most have left.
fn busiest_second(departures: &[(Millis, bool)]) -> usize {
    let (mut most, mut first) = (0, 0);
    for (last, (at, _)) in departures.iter().enumerate() {
        while at.since(departures[first].0) >= 1_000 {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}
