//! The scripted human: what is said of each publication of the real files that is held, and why. Whoever changes the gate so that something
//! else is held has to look at it and write down what a human would say.

use super::file::Line;
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::Day;
use std::collections::{BTreeMap, BTreeSet};

/// What the human decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Ruling {
    /// It is right, and is sent.
    Release,
    /// It is wrong.
    Discard,
    /// Something else is counted from now on.
    Rebaseline,
}

/// The table, and what of it has been needed.
pub(super) struct Rulings {
    table: BTreeMap<(Name, Day), Ruling>,
    needed: BTreeSet<(Name, Day)>,
    missing: BTreeSet<(Name, Day)>,
}

impl Rulings {
    /// Those about these feeds.
    pub(super) fn about(feeds: &BTreeSet<Name>) -> Rulings {
        let lines = include_str!("rulings.txt").lines().filter(|line| !line.starts_with('#'));
        let table = lines.map(parse).filter(|((feed, _), _)| feeds.contains(feed)).collect();
        Rulings { table, needed: BTreeSet::new(), missing: BTreeSet::new() }
    }

    /// What is said of the publication of that day. What nobody has ruled on is released, and complained of in the end.
    pub(super) fn on(&mut self, feed: &Name, day: Day) -> Ruling {
        let key = (feed.clone(), day);
        let ruling = self.table.get(&key).copied();
        if ruling.is_some() { &mut self.needed } else { &mut self.missing }.insert(key);
        ruling.unwrap_or(Ruling::Release)
    }

    /// Each publication that was held has been ruled on.
    pub(super) fn settle_held(&self) {
        assert!(self.missing.is_empty(), "held without a ruling: {:#?}", self.missing);
    }

    /// Each publication that was held has been ruled on, and each ruling was needed.
    pub(super) fn settle(&self) {
        let shown = |(feed, day): &(Name, Day)| format!("{feed} {}", day.date());
        let missing: Vec<String> = self.missing.iter().map(shown).collect();
        let unused: Vec<String> = self.table.keys().filter(|key| !self.needed.contains(key)).map(shown).collect();
        assert!(missing.is_empty() && unused.is_empty(), "held without a ruling: {missing:#?}, never held: {unused:#?}");
    }
}

/// Publications with a total of less than half the largest before it in its feed: a digit lost, a thousands point read as a comma, another
/// column, until the table says that this is what is counted from now on.
pub(super) fn bad<'a>(lines: &'a [Line], total: &Name) -> Vec<&'a Line> {
    let rulings = Rulings::about(&lines.iter().map(|line| line.figure.feed.clone()).collect());
    let mut largest: BTreeMap<&Name, Value> = BTreeMap::new();
    let mut bad = Vec::new();
    for line in lines {
        let (feed, day) = (&line.figure.feed, line.figure.as_of.expect("dated"));
        let value = line.figure.values.iter().find(|(name, _)| name == total).expect("always there").1;
        let before = *largest.entry(feed).or_insert(value);
        if 2 * value.parts().0 < before.parts().0 {
            bad.push(line);
        }
        let anew = rulings.table.get(&(feed.clone(), day)) == Some(&Ruling::Rebaseline);
        largest.insert(feed, if anew { value } else { before.max(value) });
    }
    bad
}

fn parse(line: &str) -> ((Name, Day), Ruling) {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_else(|| panic!("feed, day, ruling, reason: {line}"));
    let (feed, day) = (Name::new(word()).expect("a feed"), Day::of(word().parse().expect("a date")));
    let ruling = match word() {
        "release" => Ruling::Release,
        "discard" => Ruling::Discard,
        "rebaseline" => Ruling::Rebaseline,
        other => panic!("{other} is no ruling: {line}"),
    };
    assert!(!word().is_empty(), "without a reason: {line}");
    ((feed, day), ruling)
}
