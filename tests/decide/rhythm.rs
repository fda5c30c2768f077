//! When real publishers are called overdue: every publication of four streams of the Robert Koch-Institut and four local health
//! authorities, against what a naive reminder would have done.
//!
//! An *alarm* is a gap between two publications in which the deadline passed; it is *false* if the next publication came within three hours
//! of it, as `figures-publishers-devices.md` 1.3 counts. A *silence* is a gap with more than two days on which, by hindsight, the
//! stream published (three of the four days of that kind before the gap, and after it). *In time* is told who would have heard of it before
//! the third publication that really followed, had the stream stopped right here.

#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use drk_relay::domain::figures::holidays::{Land, is_holiday};
use drk_relay::domain::figures::rhythm::{Calendar, Due, Rhythm};
use drk_relay::domain::time::{Timestamp, local};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday, time};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};

const TIMES: &str = "../shared/data/publication_times.csv";
const REPLAY: &str = "../shared/data/replay_local_mqtt.ndjson";
/// Who clears itself within so many seconds should not have been raised.
const SOON: u32 = 3 * 3600;

/// Who says when the next publication is overdue.
#[derive(Clone, Copy, Debug)]
enum Policy {
    /// So many hours after the latest publication.
    Rolling(u32),
    /// At six in the evening, from Monday to Friday without holidays.
    Evening,
    /// What the relay does.
    Rhythm,
}

const POLICIES: [(&str, Policy); 4] = [
    ("rolling 24 h", Policy::Rolling(24)),
    ("rolling 30 h", Policy::Rolling(30)),
    ("18:00 workdays", Policy::Evening),
    ("rhythm", Policy::Rhythm),
];

struct Stream {
    name: String,
    land: Land,
    published: Vec<Timestamp>,
}

#[derive(Default, Clone, Copy)]
struct Count {
    alarms: u32,
    soon: u32,
    silences: u32,
    unseen: u32,
    /// Publications after which the stream might have stopped, and those after which that would have been noticed in time.
    stops: u32,
    in_time: u32,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.alarms += other.alarms;
        self.soon += other.soon;
        self.silences += other.silences;
        self.unseen += other.unseen;
        self.stops += other.stops;
        self.in_time += other.in_time;
    }
}

#[test]
fn real_publishers_are_called_overdue_when_they_are() {
    let Some(streams) = streams() else {
        println!("SKIPPED: {TIMES} and {REPLAY} are not there, nothing was measured");
        return;
    };
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    println!("{:<20} {:<16} alarms  false  silences unseen  in time", "stream", "policy");
    let mut sums = [Count::default(); POLICIES.len()];
    for stream in &streams {
        for ((name, policy), sum) in POLICIES.into_iter().zip(&mut sums) {
            let count = stream.count(policy, &zone);
            print(&stream.name, name, count);
            sum.add(count);
            assert!(count.unseen == 0 || !matches!(policy, Policy::Rhythm), "{}: a silence that nobody was told of", stream.name);
        }
    }
    for ((name, _), sum) in POLICIES.iter().zip(sums) {
        print("all", name, sum);
    }
    let [day, thirty, evening, ours] = sums;
    assert!(ours.silences >= 5, "no silences to be seen");
    assert!(ours.soon * 50 < day.soon, "hardly better than a timer of 24 hours");
    assert!(ours.alarms * 2 < thirty.alarms && ours.soon < thirty.soon, "hardly better than a timer of 30 hours");
    assert!(ours.alarms < evening.alarms && ours.soon < evening.soon, "hardly better than an alarm clock");
    assert!(ours.in_time * 100 >= ours.stops * 97, "who stops is noticed late");
    assert!(evening.stops - evening.in_time > 3 * (ours.stops - ours.in_time), "an alarm clock notices as early");
}

fn print(stream: &str, policy: &str, count: Count) {
    let Count { alarms, soon, silences, unseen, stops, in_time } = count;
    let share = 100.0 * f64::from(in_time) / f64::from(stops);
    println!("{stream:<20} {policy:<16} {alarms:>6} {soon:>6} {silences:>9} {unseen:>6} {share:>6.1} %");
}

impl Stream {
    fn count(&self, policy: Policy, zone: &TimeZone) -> Count {
        let calendar = Calendar { zone, land: Some(self.land) };
        let locals: Vec<DateTime> = self.published.iter().map(|at| local(at.millis(), zone)).collect();
        let days: BTreeSet<Date> = locals.iter().map(|local| local.date()).collect();
        let (mut rhythm, mut count) = (Rhythm::default(), Count::default());
        for (index, (at, next)) in self.published.iter().zip(&self.published[1..]).enumerate() {
            rhythm.published(locals[index]);
            let due = match policy {
                Policy::Rolling(hours) => at.plus(hours * 3600),
                Policy::Evening => self.evening(locals[index].date(), zone),
                Policy::Rhythm => rhythm.due(Due::Learned, calendar).expect("something was published"),
            };
            let late = due < *next;
            count.alarms += u32::from(late);
            count.soon += u32::from(late && next.since(due) <= SOON);
            let silence = self.expected(&days, locals[index].date(), locals[index + 1].date()) > 2;
            count.silences += u32::from(silence);
            count.unseen += u32::from(silence && !late);
            // The first publication of each of the three days on which it was heard of again.
            let followed = days.range(locals[index].date().tomorrow().expect("a date")..).nth(2);
            if let Some(third) = followed.and_then(|day| locals.iter().position(|local| local.date() == *day)) {
                count.stops += 1;
                count.in_time += u32::from(due <= self.published[third]);
            }
        }
        count
    }

    fn evening(&self, after: Date, zone: &TimeZone) -> Timestamp {
        let mut days = after.series(1.day()).skip(1);
        let day = days.find(|day| self.kind(*day).to_monday_zero_offset() < 5).expect("a workday");
        let at = zone.to_timestamp(day.to_datetime(time(18, 0, 0, 0))).expect("a time");
        Timestamp(u32::try_from(at.as_second()).expect("after 1970"))
    }

    fn kind(&self, day: Date) -> Weekday {
        let eve = matches!((day.month(), day.day()), (12, 24 | 31));
        if eve || is_holiday(Some(self.land), day) { Weekday::Sunday } else { day.weekday() }
    }

    /// Days between these two on which the stream published by hindsight.
    fn expected(&self, days: &BTreeSet<Date>, from: Date, until: Date) -> usize {
        let between = from.series(1.day()).skip(1).take_while(|day| *day < until);
        let usual = |kind: Weekday, side: &mut dyn Iterator<Item = Date>| {
            let four: Vec<bool> = side.take(70).filter(|day| self.kind(*day) == kind).take(4).map(|day| days.contains(&day)).collect();
            four.len() == 4 && four.into_iter().filter(|published| *published).count() >= 3
        };
        between
            .filter(|day| usual(self.kind(*day), &mut from.series(-1.day())) && usual(self.kind(*day), &mut until.series(1.day())))
            .count()
    }
}

/// All streams, each in the order of time.
fn streams() -> Option<Vec<Stream>> {
    let read = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).ok();
    let (times, replay) = (read(TIMES)?, read(REPLAY)?);
    let mut streams: BTreeMap<(String, bool), Vec<Timestamp>> = BTreeMap::new();
    let instant = |text: &str| {
        let at: jiff::Timestamp = text.parse().expect("a time");
        Timestamp(u32::try_from(at.as_second()).expect("after 1970"))
    };
    for line in times.lines().skip(1) {
        let mut fields = line.split(',');
        let (name, at) = fields.next().zip(fields.next()).expect("stream and time");
        streams.entry((name.to_owned(), false)).or_default().push(instant(at));
    }
    for line in replay.lines() {
        let json: serde_json::Value = serde_json::from_str(line).expect("one JSON object a line");
        let word = |name: &str| json[name].as_str().expect("a word").to_owned();
        streams.entry((word("topic").replace("figures/", ""), true)).or_default().push(instant(&word("at")));
    }
    let stream = |((name, local), mut published): ((String, bool), Vec<Timestamp>)| {
        published.sort_unstable();
        Stream { name, land: if local { Land::Thueringen } else { Land::Berlin }, published }
    };
    Some(streams.into_iter().map(stream).collect())
}
