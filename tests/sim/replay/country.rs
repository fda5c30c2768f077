//! `cases_total` as the Robert Koch-Institut published it for Germany, version by version (`../shared/data/de_as_published.csv`), as the
//! relay's core gets it. The other columns are not read.

use super::file::Line;
use drk_relay::domain::event::{Figure, ReceiptTopic, ReplyTo};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::Name;
use drk_relay::domain::time::{Day, Millis};

/// Where it is, seen from the top of the project.
pub(super) const PATH: &str = "../shared/data/de_as_published.csv";

/// What is counted.
pub(super) const METRIC: &str = "cases_total";

/// All its publications, oldest first, each about the day on which it was published; `None` if the file is not there.
pub(super) fn lines() -> Option<Vec<Line>> {
    let text = std::fs::read_to_string(format!("{}/{PATH}", env!("CARGO_MANIFEST_DIR"))).ok()?;
    let feed = Name::new("germany").expect("a name");
    let publication = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let at: jiff::Timestamp = fields[0].parse().expect("a time");
        let as_of = Some(Day::of(fields[1][..10].parse().expect("a date")));
        let total = Value::new(fields[3].parse().expect("a number"), 0).expect("a total");
        let values = vec![(Name::new(METRIC).expect("a name"), total)];
        let receipt = Some(ReplyTo::Receipts(ReceiptTopic::new(feed.clone(), None)));
        let figure = Figure { as_of, receipt, ..Figure::new(feed.clone(), values) };
        Line { at: Millis(u64::try_from(at.as_millisecond()).expect("after 1970")), figure }
    };
    Some(text.lines().skip(1).map(publication).collect())
}
