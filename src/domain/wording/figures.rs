//! Figures as people read them: title, date, and a line for each metric with its change. Decides not which.

use super::{Texts, german, length};
use crate::domain::figures::{Feed, Publication, Value, Values};
use crate::domain::ids::{FeedId, FeedSet};
use crate::domain::rules::{FeedRules, MetricRules, Rules};
use crate::domain::state::State;
use std::cmp::Ordering;
use std::fmt::Write;

/// One feed that is shown.
pub(super) struct Shown<'a> {
    rules: &'a FeedRules,
    feed: &'a Feed,
    /// What the reader has been told: a correction is said as one to whoever was told what was wrong.
    told: Option<u32>,
}

impl<'a> Shown<'a> {
    /// These feeds, in the order of the configuration.
    pub(super) fn all(state: &'a State, rules: &'a Rules, feeds: FeedSet) -> Vec<Shown<'a>> {
        Shown::these(state, rules, None, |id, _| feeds.contains(id))
    }

    /// Those of them that are newer than this revision.
    pub(super) fn newer(state: &'a State, rules: &'a Rules, feeds: FeedSet, since: u32) -> Vec<Shown<'a>> {
        let newer = Shown::these(state, rules, Some(since), |id, feed| feeds.contains(id) && feed.revision() > since);
        if newer.is_empty() { Shown::all(state, rules, feeds) } else { newer }
    }

    fn these(state: &'a State, rules: &'a Rules, told: Option<u32>, wanted: impl Fn(FeedId, &Feed) -> bool) -> Vec<Shown<'a>> {
        let known = rules.feeds.iter().filter_map(|rules| state.feed(&rules.name).map(|(id, feed)| (id, Shown { rules, feed, told })));
        known.filter(|(id, shown)| wanted(*id, shown.feed)).map(|(_, shown)| shown).collect()
    }

    fn lines(&self) -> usize {
        let current = self.feed.current.as_ref();
        current.map_or(0, |current| self.rules.metrics.iter().filter(|metric| current.values.contains_key(&metric.name)).count())
    }

    /// What was wrong of what the reader was told.
    fn was(&self) -> Option<&Values> {
        let correction = self.feed.current.as_ref()?.correction.as_ref()?;
        self.told.filter(|told| *told >= correction.since).map(|_| &correction.was)
    }
}

/// The feeds, one below the other. Where the room does not suffice, first the changes go, then the last lines of each, and `rest` stands
/// for them.
pub(super) fn figures(shown: &[Shown], texts: &Texts, room: usize, rest: &str) -> String {
    let shown: Vec<&Shown> = shown.iter().filter(|shown| shown.feed.current.is_some()).collect();
    if shown.is_empty() {
        return texts.no_figures();
    }
    let most = shown.iter().map(|shown| shown.lines()).max().unwrap_or(0);
    let shorter = (0..most).rev().map(|lines| (false, lines));
    let mut text = String::new();
    for (compared, lines) in [(true, most), (false, most)].into_iter().chain(shorter) {
        let blocks: Vec<String> = shown.iter().map(|shown| block(shown, texts, (compared, lines), rest)).collect();
        text = blocks.join("\n\n");
        if length(&text) <= room {
            break;
        }
    }
    text
}

fn block(shown: &Shown, texts: &Texts, (compared, lines): (bool, usize), rest: &str) -> String {
    let Some(current) = &shown.feed.current else { return String::new() };
    let previous = shown.feed.previous.as_ref().filter(|_| compared);
    let mut text = format!("*{}*\n{}", shown.rules.title, texts.as_of(&german::day(current.as_of)));
    // Without any number there is nothing that could have been wrong.
    let was = shown.was().filter(|_| lines > 0);
    if was.is_some() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}", texts.correction());
    }
    let mut all = shown.rules.metrics.iter().filter_map(|metric| Some((metric, *current.values.get(&metric.name)?)));
    for (metric, value) in all.by_ref().take(lines) {
        let unit = metric.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
        let was = was.and_then(|was| was.get(&metric.name)).map(|was| texts.corrected(&german::number(*was, metric.decimals)));
        let change = was.or_else(|| previous.and_then(|previous| change(previous, texts, metric, value)));
        let _ = write!(text, "\n{}: {}{unit}", metric.label, german::number(value, metric.decimals));
        if let Some(change) = change {
            let _ = write!(text, " ({change})");
        }
    }
    if all.next().is_some() {
        let _ = write!(text, "\n{rest}");
    }
    text
}

/// „8 weniger als am 21.11.“; nothing if the day before had no such metric.
fn change(previous: &Publication, texts: &Texts, metric: &MetricRules, value: Value) -> Option<String> {
    let change = value.minus(*previous.values.get(&metric.name)?)?;
    let (digits, decimals) = change.parts();
    let amount = german::number(Value::new(digits.checked_abs()?, decimals)?, metric.decimals);
    let day = german::day_and_month(previous.as_of);
    Some(match digits.cmp(&0) {
        Ordering::Greater => texts.change_more(&amount, &day),
        Ordering::Less => texts.change_less(&amount, &day),
        Ordering::Equal => texts.change_none(&day),
    })
}
