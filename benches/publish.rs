//! From the last metric of a publication to the first send that `Relay::step` hands out, commit included, with 100,000 subscribers who all
//! lack it: on a real file, and on a disk in memory, where no fsync hides the work. Beside it in the same run: the least that it needs to
//! know, one walk over everyone that sorts them by closing. Ends with exit code 1 above the limit.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and stops where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod support;

use drk_relay::domain::decision::Effect;
use drk_relay::domain::event::{Event, Figure};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::{MetricKind, MetricRules, Rules};
use drk_relay::relay::Relay;
use drk_relay::store::Store;
use std::time::{Duration, Instant};
use support::{INSTANCE, Meter, Mix, NOW};

const PEOPLE: u32 = 100_000;
/// Issue "part 3".
const LIMIT: Duration = Duration::from_millis(50);
/// Each from the same store; the median counts, the worst is printed.
const ROUNDS: usize = 7;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let (full, path) = (directory.path().join("full.redb"), directory.path().join("relay.redb"));
    let mut store = Store::open(&full, INSTANCE).expect("opens");
    support::town(&mut store, PEOPLE, NOW, Mix::Rested);
    store.close().expect("closes");
    let on_file = rounds(|| {
        std::fs::copy(&full, &path).expect("copies");
        Store::open(&path, INSTANCE).expect("opens")
    });
    let bytes = std::fs::read(&full).expect("reads");
    let in_memory = rounds(|| Store::on(Meter::holding(bytes.clone()), INSTANCE).expect("opens"));
    let mut failed = false;
    for (name, rounds) in [("a file", on_file), ("a disk in memory", in_memory)] {
        let median = |of: fn(&Round) -> Duration| {
            let mut times: Vec<Duration> = rounds.iter().map(of).collect();
            times.sort_unstable();
            (times[ROUNDS / 2], times[ROUNDS - 1])
        };
        let ((first, most), (walk, _)) = (median(|round| round.first), median(|round| round.walk));
        failed |= first > LIMIT;
        println!(
            "{PEOPLE} subscribers, {name}: complete to first send {first:.1?} (worst {most:.1?}, limit {LIMIT:?}), {:.1} times a walk that \
             sorts ({walk:.1?})",
            first.as_secs_f64() / walk.as_secs_f64(),
        );
    }
    std::process::exit(i32::from(failed));
}

struct Round {
    first: Duration,
    walk: Duration,
}

fn rounds(open: impl Fn() -> Store) -> Vec<Round> {
    (0..ROUNDS).map(|_| round(open())).collect()
}

/// Half of the publication arrives, and a second later the other half: a process that has just started lets messages leave one by one,
/// because it does not know how many have left right before (`Bucket::restarted`).
fn round(store: Store) -> Round {
    let rules = two_metrics();
    let figure = |metric: usize| {
        let feed = &rules.feeds[0];
        let values = vec![(feed.metrics[metric].name.clone(), Value::new(42, 0).expect("a figure"))];
        Event::Figure(Figure { as_of: Some(support::TODAY), ..Figure::new(feed.name.clone(), values) })
    };
    let mut relay = Relay::open(store, rules.clone()).expect("loads");
    let begun = relay.step(NOW.millis(), &[Event::Started, Event::ClockTrusted, figure(0)]).expect("commits");
    assert!(begun.is_empty() && !relay.state().broadcasting(), "half a publication is none");
    let clock = Instant::now();
    let mut closings: Vec<_> = relay.state().people.iter().map(|(id, person)| (person.window.closes(), id)).collect();
    closings.sort_unstable();
    std::hint::black_box(closings);
    let walk = clock.elapsed();
    let now = NOW.millis().plus(1_000);
    let clock = Instant::now();
    let effects = relay.step(now, &[figure(1)]).expect("commits");
    let first = clock.elapsed();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Send(_))), "the first step lets messages leave");
    Round { first, walk }
}

fn two_metrics() -> Rules {
    let mut rules = support::rules();
    let name = Name::new("incidence").expect("a valid name");
    rules.feeds[0].metrics.push(MetricRules::new(name, "Inzidenz", MetricKind::Count));
    rules
}
