//! The gate alone, on real figures: how many good ones it holds, and whether anything bad gets by. Everything around it (what subscribers
//! get) is judged in the replays.
//!
//! **Bad** is a total of less than half the largest before it in its feed: a digit lost, a thousands point read as a comma, another column.
//! **Good** is what a human releases, and everything that is not held and not bad.

use super::country;
use super::file::{self, Line};
use super::rulings::{Ruling, Rulings, bad};
use drk_relay::domain::figures::Value;
use drk_relay::domain::figures::gate::{Baseline, Judgement, judge};
use drk_relay::domain::ids::Name;
use drk_relay::domain::rules::FeedRules;
use drk_relay::domain::time::{Day, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// Good figures that may be held, in percent (issue 7).
pub(super) const HELD_MAX: f64 = 2.0;

/// What was thought of one publication.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Thought {
    Plausible,
    /// A total fell a little.
    Lower,
    /// Held, because of the first metric that is in doubt.
    Held(&'static str, Ruling),
}

/// A run over one file.
struct Run {
    feeds: BTreeMap<Name, FeedRules>,
    rulings: Rulings,
    baselines: BTreeMap<(Name, Name), Baseline>,
    thoughts: BTreeMap<(Name, Millis), Thought>,
}

impl Run {
    fn of(lines: &[Line]) -> Run {
        let feeds: BTreeMap<Name, FeedRules> = file::feeds(lines).into_iter().map(|rules| (rules.name.clone(), rules)).collect();
        let rulings = Rulings::about(&feeds.keys().cloned().collect());
        let mut run = Run { feeds, rulings, baselines: BTreeMap::new(), thoughts: BTreeMap::new() };
        for line in lines {
            let thought = run.think(line);
            run.thoughts.insert((line.figure.feed.clone(), line.at), thought);
        }
        run.rulings.settle();
        run
    }

    fn think(&mut self, line: &Line) -> Thought {
        let (feed, day) = (&line.figure.feed, line.figure.as_of.expect("dated"));
        let (mut thought, mut restart) = (Thought::Plausible, false);
        for (name, value) in &line.figure.values {
            let rules = self.feeds[feed].metric(name).expect("configured");
            match judge(&rules.gate, rules.kind, self.baselines.get(&(feed.clone(), name.clone())), day, *value) {
                Judgement::Plausible => {}
                Judgement::Lower => thought = thought.max(Thought::Lower),
                Judgement::Implausible(suspicion) => {
                    if !matches!(thought, Thought::Held(..)) {
                        thought = Thought::Held(suspicion.code(), self.rulings.on(feed, day));
                    }
                }
            }
        }
        match thought {
            Thought::Held(_, Ruling::Discard) => return thought,
            Thought::Held(_, Ruling::Rebaseline) => restart = true,
            Thought::Held(_, Ruling::Release) | Thought::Plausible | Thought::Lower => {}
        }
        for (name, value) in &line.figure.values {
            self.believe(feed, name, (day, *value), restart);
        }
        thought
    }

    fn believe(&mut self, feed: &Name, metric: &Name, (day, value): (Day, Value), restart: bool) {
        let baseline = self.baselines.entry((feed.clone(), metric.clone())).or_insert_with(|| Baseline::new(day, value));
        if restart {
            baseline.restart(day, value);
        } else {
            baseline.accept(day, value);
        }
    }

    /// Prints the counts, and says how many percent of the good publications were held.
    fn report(&self, what: &str) -> f64 {
        let mut counts: BTreeMap<&Thought, u32> = BTreeMap::new();
        for thought in self.thoughts.values() {
            *counts.entry(thought).or_default() += 1;
        }
        let held = |ruling| {
            counts.iter().filter(|(thought, _)| matches!(thought, Thought::Held(_, of) if *of == ruling)).map(|(_, n)| n).sum::<u32>()
        };
        let [released, discarded, rebaselined] = [Ruling::Release, Ruling::Discard, Ruling::Rebaseline].map(held);
        let good = self.thoughts.len() as u32 - discarded - rebaselined;
        let share = 100.0 * f64::from(released) / f64::from(good);
        println!("{what}: {} publications, {good} of them good; held of these {released}, {share:.2} %", self.thoughts.len());
        for (thought, count) in counts {
            println!("{count:>6} {thought:?}");
        }
        share
    }
}

#[test]
fn real_totals_of_four_authorities() {
    let (Some(lines), Some(falls)) = (file::lines(), falls()) else {
        println!("skipped: {} is not there", file::PATH);
        return;
    };
    let run = Run::of(&lines);
    assert!(run.report("four authorities") <= HELD_MAX);
    let bad = bad(&lines, &Name::new("cases_total").expect("a name"));
    println!("{} totals of less than half of what there has been", bad.len());
    assert!(bad.len() > 40, "the file has them");
    for line in bad {
        let thought = &run.thoughts[&(line.figure.feed.clone(), line.at)];
        assert!(matches!(thought, Thought::Held(..)), "{line:?}: {thought:?}");
    }
    let mut classes: BTreeMap<(String, Thought), u32> = BTreeMap::new();
    for (feed, at, class) in falls {
        let thought = run.thoughts[&(feed, at)].clone();
        assert_ne!(thought, Thought::Plausible, "a fall that is neither held nor a correction, at {at:?}");
        let correction = thought == Thought::Lower;
        assert!(class.starts_with("genuine") || !correction, "{class} as a correction");
        *classes.entry((class, thought)).or_default() += 1;
    }
    for ((class, thought), count) in &classes {
        println!("{count:>6} {class}: {thought:?}");
    }
    assert_eq!(classes.values().sum::<u32>(), 24);
}

/// Each fall of a total: feed, when, and what it probably is.
pub(super) fn falls() -> Option<Vec<(Name, Millis, String)>> {
    let path = format!("{}/../shared/data/local_anomalies.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).ok()?;
    let fall = |line: &str| {
        let mut fields = line.splitn(8, ',');
        let authority = match fields.next().expect("an authority") {
            "eic" => "kv-eichsfeld",
            "wak" => "kv-wartburg",
            "erfurt" => "kv-erfurt",
            "weimar" => "kv-weimar",
            other => panic!("{other}"),
        };
        let at: jiff::Timestamp = fields.nth(2).expect("utc").parse().expect("a time");
        let class = fields.nth(3).expect("a class").trim_matches('"').to_owned();
        (Name::new(authority).expect("a name"), Millis(u64::try_from(at.as_millisecond()).expect("after 1970")), class)
    };
    Some(text.lines().skip(1).map(fall).collect())
}

#[test]
fn the_total_of_a_country() {
    let Some(lines) = country::lines() else {
        println!("skipped: {} is not there", country::PATH);
        return;
    };
    let run = Run::of(&lines);
    assert!(run.report("Germany") <= HELD_MAX);
    let fallen: Vec<_> = lines.windows(2).filter(|pair| pair[1].figure.values[0].1 < pair[0].figure.values[0].1).collect();
    println!("{} falls", fallen.len());
    for pair in fallen {
        assert_ne!(run.thoughts[&(pair[1].figure.feed.clone(), pair[1].at)], Thought::Plausible, "{pair:?}");
    }
    let worst = Millis("2026-07-28T05:30:29Z".parse::<jiff::Timestamp>().expect("a time").as_millisecond().cast_unsigned());
    let thought = &run.thoughts[&(lines[0].figure.feed.clone(), worst)];
    assert_eq!(*thought, Thought::Held("total-fell", Ruling::Discard), "twelve million people too few");
}

/// What a slip of the finger would have made of each good total of four authorities, as the next publication after the ones before.
#[test]
fn slips_of_the_finger_in_real_totals() {
    let Some(lines) = file::lines() else {
        println!("skipped: {} is not there", file::PATH);
        return;
    };
    let metric = Name::new("cases_total").expect("a name");
    let good = Run::of(&lines);
    let mut run = Run { thoughts: BTreeMap::new(), baselines: BTreeMap::new(), ..Run::of(&lines) };
    // How many were tried, and how many were taken for plausible: in totals below a hundred, and in larger ones.
    let mut slips: BTreeMap<(&str, bool), (u32, u32)> = BTreeMap::new();
    for line in &lines {
        let (feed, day) = (&line.figure.feed, line.figure.as_of.expect("dated"));
        let rules = run.feeds[feed].metric(&metric).expect("configured").clone();
        let total = line.figure.values.iter().find(|(name, _)| *name == metric).expect("always there").1.parts().0;
        let thought = &good.thoughts[&(feed.clone(), line.at)];
        let baseline = run.baselines.get(&(feed.clone(), metric.clone()));
        if let (Some(baseline), true) = (baseline, total > 0 && !matches!(thought, Thought::Held(..))) {
            for (what, slip) in mistyped(total) {
                let judgement = judge(&rules.gate, rules.kind, Some(baseline), day, Value::new(slip, 0).expect("small"));
                let (tried, missed) = slips.entry((what, total >= 100)).or_default();
                *tried += 1;
                *missed += u32::from(judgement == Judgement::Plausible);
                let harmless = total < 100 || ["swapped", "wrong"].contains(&what);
                assert!(harmless || matches!(judgement, Judgement::Implausible(_)), "{what}: {slip} instead of {total}: {judgement:?}");
            }
        }
        run.think(line);
    }
    println!("{:<10} {:>7} {:>8} {:>8}", "slip", "total", "tried", "missed");
    for ((what, large), (tried, missed)) in slips {
        println!(
            "{what:<10} {:>7} {tried:>8} {:>6.2} %",
            if large { "≥ 100" } else { "< 100" },
            100.0 * f64::from(missed) / f64::from(tried)
        );
    }
}

/// A digit lost, doubled, or another one; two swapped; a thousands point read as a comma.
fn mistyped(total: i64) -> BTreeSet<(&'static str, i64)> {
    let text = total.to_string();
    let mut slips = Vec::new();
    for at in 0..text.len() {
        slips.push(("lost", format!("0{}{}", &text[..at], &text[at + 1..])));
        slips.push(("doubled", format!("{}{}", &text[..=at], &text[at..])));
        if let Some(next) = text.get(at + 1..at + 2) {
            slips.push(("swapped", format!("{}{next}{}{}", &text[..at], &text[at..=at], &text[at + 2..])));
        }
        slips.extend((0..10).map(|digit| ("wrong", format!("{}{digit}{}", &text[..at], &text[at + 1..]))));
    }
    if total >= 1_000 {
        slips.push(("thousands", (total / 1_000).to_string()));
    }
    slips.into_iter().map(|(what, text)| (what, text.parse().expect("digits"))).filter(|(_, slip)| *slip != total).collect()
}
