//! A month of a branch whose messages are free as long as there are no more than a thousand: 20, 27, 40 and 200 people who want to hear of
//! the figures, all of them loyal. Nothing goes wrong but that there are so many. Judges that the cap holds (`sends` does, for every
//! message and by every midnight), who waits, and who is lost when it was set too late.

use super::HOUR;
use super::choices::Choices;
use super::people::{Habit, Person};
use super::world::{Transit, World, rules};
use drk_relay::domain::budget::{self, FREE, Standing, Surprise};
use drk_relay::domain::conversation::Talk;
use drk_relay::domain::event::{Said, Text};
use drk_relay::domain::ids::PersonId;
use drk_relay::domain::rules::Rules;
use drk_relay::domain::time::{Millis, local};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// 2026-11-01 00:00 in Berlin, and its days.
const NOVEMBER: Millis = Millis(1_793_487_600_000);
const DAYS: u64 = 30;
const DAY: u64 = 24 * HOUR;
/// People for whom a thousand messages suffice.
const PLACES: usize = 26;
/// How often the table looks, and the tunnel is probed.
const LOOK: u64 = HOUR / 6;

/// When the cap is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Since {
    /// Before anybody had heard of the relay.
    Beginning,
    /// On the first of the month: everybody is subscribed already.
    November,
}

/// What became of everybody.
#[derive(Debug, Default)]
struct Month {
    wanted: usize,
    /// At most at the same time.
    admitted: usize,
    waited: BTreeSet<PersonId>,
    /// Wrote and got no answer: there was no place, and the messages for strangers were used up.
    unanswered: usize,
    orphaned: BTreeSet<PersonId>,
    /// Left in November, by Berlin's clocks.
    sent: u32,
    publications: u64,
    reminders: u64,
    /// The first day on which messages stood so.
    first: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Month { wanted, admitted, waited, unanswered, orphaned, sent, publications, reminders, first } = self;
        let (waited, orphaned) = (waited.len(), orphaned.len());
        write!(
            f,
            "{wanted:>6} {admitted:>8} {waited:>6} {unanswered:>10} {orphaned:>8} {sent:>8} {publications:>12} {reminders:>9}   {first:?}"
        )
    }
}

/// One feed, and so many people.
fn branch(people: u64, cap: Option<u32>, seed: u64) -> World {
    let mut rules = Rules { monthly_messages: cap, ..rules() };
    rules.feeds.truncate(1);
    let mut world = World::with(Choices::seed(seed), (0..people).map(Person::new).collect(), rules, false, |_| ());
    world.habit = Habit::Loyal;
    // Without a cap a place costs nothing, and with one a silence is not our fault alone.
    world.ledger.flawless = false;
    world
}

fn says(world: &mut World, person: usize, text: &str, within: u64) {
    let delay = world.choices.below(within);
    world.after(delay, Transit::Speak(person, Said::Text(Text(text.into()))));
}

/// A month with a cap of a thousand.
fn live(people: u64, since: Since) -> Month {
    let cap = Some(FREE);
    let mut world = branch(people, if since == Since::Beginning { cap } else { None }, people);
    let mut month = Month { wanted: world.people.len(), ..Month::default() };
    if since == Since::November {
        world.pass(NOVEMBER.since(world.now) - 12 * HOUR);
        (0..world.people.len()).for_each(|person| says(&mut world, person, "Hallo", HOUR));
    }
    world.pass(NOVEMBER.since(world.now));
    if since == Since::November {
        world.rules.monthly_messages = cap;
        world.ledger.rules.monthly_messages = cap;
        // They are there already: no place is given to anybody.
        world.crash(&[]);
    }
    let before = (world.counted("publication"), world.counted("reminder"));
    for day in 0..DAYS {
        if day == 0 && since == Since::Beginning {
            (0..world.people.len()).for_each(|person| says(&mut world, person, "Hallo", 3 * DAY));
        }
        // Figures come in the morning, but not on Sundays, and the first of November is one.
        if day % 7 != 0 {
            let at = 8 * HOUR + world.choices.below(3 * HOUR);
            look(&mut world, &mut month, day, at);
            world.publish_now();
            look(&mut world, &mut month, day, DAY - at);
        } else {
            look(&mut world, &mut month, day, DAY);
        }
        // Who found no place tries again now and then.
        for (id, row) in world.relay.state().people.iter().map(|(id, row)| (id, row.clone())).collect::<Vec<_>>() {
            if matches!(row.talk, Talk::Waiting { .. }) && world.choices.chance(50) {
                let person = world.people.iter().position(|person| person.hash == row.hash).expect("somebody");
                says(&mut world, person, "Ja", HOUR);
                month.waited.insert(id);
            }
        }
    }
    month.unanswered = world.people.iter().filter(|person| person.received.is_none()).count();
    let local = local(NOVEMBER.plus(DAY), &world.rules.zone).date();
    month.sent = world.relay.state().budget.of(local).charged;
    (month.publications, month.reminders) = (world.counted("publication") - before.0, world.counted("reminder") - before.1);
    month
}

/// Lets time pass and looks at everybody now and then.
fn look(world: &mut World, month: &mut Month, day: u64, millis: u64) {
    let end = world.now.plus(millis);
    while world.now < end {
        // A probe of the tunnel proves that webhooks would come: or every silence might be our fault.
        world.call();
        world.pass(end.since(world.now).min(LOOK));
        let state = world.relay.state();
        month.admitted = month.admitted.max(state.people.admitted());
        for (id, row) in state.people.iter() {
            match row.talk {
                Talk::Waiting { .. } => drop(month.waited.insert(id)),
                Talk::Orphaned { .. } => drop(month.orphaned.insert(id)),
                Talk::New | Talk::Asked { .. } | Talk::Subscribed { .. } | Talk::Lapsed { .. } | Talk::Stopped { .. } => {}
            }
        }
        let standing = match budget::standing(state, &world.rules, world.now) {
            Standing::Enough => continue,
            Standing::Short => "short",
            Standing::Reserve => "reserve",
            Standing::Spent => "spent",
        };
        month.first.entry(standing).or_insert(day + 1);
    }
}

#[test]
fn a_thousand_messages_are_never_exceeded() {
    println!("wanted admitted waited unanswered orphaned messages publications reminders   first day");
    let told = |people, since| {
        let month = live(people as u64, since);
        println!("{month}   {since:?}");
        assert!(month.sent <= FREE, "{month}");
        month
    };
    for people in [20, 27, 40, 200] {
        let month = told(people, Since::Beginning);
        assert!(!month.first.contains_key("reserve"), "there is a message for every day: {month}");
        assert!(month.orphaned.is_empty(), "who was admitted is never dropped: {month}");
        assert!(
            (people.min(PLACES - 2)..=people.min(PLACES)).contains(&month.admitted),
            "places are given away, but not in a month that others have begun to use up: {month}"
        );
    }
    for people in [40, 200] {
        let month = told(people, Since::November);
        // Who has subscribed before anybody counted hears of it when they write again.
        assert!(month.first.contains_key("reserve") && month.orphaned.len() == people, "{month}");
    }
}

/// Without a payment method Meta takes what is not free and does not deliver it: it says nothing, and everybody would be taken for silent.
#[test]
fn a_cut_off_at_message_1001_is_noticed_within_ten_messages() {
    let mut world = branch(80, None, 1);
    world.meta.strictness.pays = false;
    world.ledger.silence.withholding = true;
    world.pass(NOVEMBER.plus(16 * HOUR).since(world.now));
    (0..world.people.len()).for_each(|person| says(&mut world, person, "Hallo", HOUR));
    let surprise = |world: &World| world.relay.state().budget.surprise(world.now);
    let looks = DAYS * DAY / LOOK;
    for number in 0..looks {
        if surprise(&world).is_some() {
            break;
        }
        if number % (DAY / LOOK) == 0 {
            world.publish_now();
        }
        world.call();
        world.pass(LOOK);
    }
    let spent = world.relay.state().budget.charged(world.now);
    println!("noticed at message {spent}");
    assert_eq!(surprise(&world), Some(Surprise::CutOff));
    assert!((FREE + 1..=FREE + 10).contains(&spent), "{spent} messages");
    // Nobody is taken for silent who got no question: they are lost by our fault, until they write again.
    for _ in 0..2 * DAY / LOOK {
        world.call();
        world.pass(LOOK);
    }
    let tried = world.relay.state().budget.charged(world.now) - spent;
    assert!((1..=49).contains(&tried), "one an hour tries, not {tried} in two days");
    // The payment method is entered: the next that tries arrives.
    world.meta.strictness.pays = true;
    let somebody = world.somebody();
    says(&mut world, somebody, "Zahlen", 1_000);
    world.pass(3 * HOUR);
    assert_eq!(surprise(&world), None, "it goes on by itself");
}
