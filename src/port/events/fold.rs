//! A flood of one message is one line with a count: what a place in the program says again within ten minutes is counted. Writes nothing.

use super::line::{Level, Line};
use crate::domain::time::Millis;

/// How long the same is counted before it is said again, in milliseconds.
const WINDOW: i64 = 600_000;
/// Places in the program that are remembered: more than there are that warn.
const PLACES: usize = 64;

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Fold(Vec<Said>);

#[derive(Debug)]
struct Said {
    /// When it was written down.
    first: jiff::Timestamp,
    level: Level,
    from: String,
    /// What was said again since; nothing if it was not.
    again: Option<Line>,
}

impl Fold {
    /// The line, if it is to be written down now. The same is what the same place says at the same level, whatever it says of it.
    pub(super) fn take(&mut self, line: Line) -> Option<Line> {
        if let Some(said) = self.0.iter_mut().find(|said| said.level == line.level && said.from == line.from) {
            let (at, times) = said.again.as_ref().map_or((line.at, 0), |again| (again.at, again.times));
            said.again = Some(Line { at, times: times + 1, ..line });
            return None;
        }
        let (first, level, from) = (line.at, line.level, line.from.clone());
        let overdue = (self.0.len() >= PLACES).then(|| self.0.remove(0).again).flatten();
        self.0.push(Said { first, level, from, again: None });
        // The oldest makes room; what was counted of it goes out in this one's stead, and this one is counted.
        match overdue {
            Some(overdue) => {
                self.0.last_mut()?.again = Some(line);
                Some(overdue)
            }
            None => Some(line),
        }
    }

    /// What has been counted for long enough, or all of it.
    pub(super) fn unfold(&mut self, now: Millis, all: bool) -> Vec<Line> {
        let now = i64::try_from(now.0).unwrap_or(i64::MAX);
        let mut lines = Vec::new();
        self.0.retain_mut(|said| {
            // Also if the clock was set back.
            let over = all || now.abs_diff(said.first.as_millisecond()) >= WINDOW.unsigned_abs();
            if over {
                lines.extend(said.again.take());
            }
            !over
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64, from: &str, text: &str) -> Line {
        Line::new(Millis(at), Level::Warn, None, from, text, Vec::new())
    }

    #[test]
    fn a_flood_of_one_message_is_one_line_with_a_count() {
        let mut fold = Fold::default();
        assert_eq!(fold.take(line(1, "mqtt:7", "weg 0")), Some(line(1, "mqtt:7", "weg 0")));
        assert_eq!((1..=1_000_000).filter_map(|at| fold.take(line(1 + at, "mqtt:7", &format!("weg {at}")))).count(), 0);
        assert_eq!(fold.take(line(3, "graph:9", "auch weg")), Some(line(3, "graph:9", "auch weg")), "somebody else is heard");
        assert_eq!(fold.unfold(Millis(500_000), false), []);
        assert_eq!(fold.unfold(Millis(700_000), false), [Line { times: 1_000_000, ..line(2, "mqtt:7", "weg 1000000") }]);
        assert_eq!(fold.take(line(700_001, "mqtt:7", "weg")), Some(line(700_001, "mqtt:7", "weg")), "and is said anew");
        fold.take(line(700_002, "mqtt:7", "noch"));
        assert_eq!(fold.unfold(Millis(0), false), [line(700_002, "mqtt:7", "noch")], "the clock was set back");
    }

    #[test]
    fn places_are_bounded_and_nothing_is_lost() {
        let (mut fold, mut written) = (Fold::default(), 0);
        for at in 0..10_000 {
            written += fold.take(line(at, &format!("{}", at % 100), "x")).map_or(0, |line| line.times);
            assert!(fold.0.len() <= PLACES);
        }
        written += fold.unfold(Millis(0), true).iter().map(|line| line.times).sum::<u64>();
        assert_eq!(written, 10_000);
    }
}
