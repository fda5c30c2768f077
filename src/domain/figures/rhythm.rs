//! When a feed usually publishes, and when its next publication is overdue. Learns from the latest weeks; raises no alarm, knows no figure.
//!
//! ```text
//!   latest word ──▶ first day after it on which the feed usually publishes ──▶ the hour by which it usually has, and some slack
//! ```
//!
//! Days and hours are those of the local clock on the wall, as publishers' are: an elapsed 24 hours are wrong twice a year, and a cron job
//! exceeds them every other day by seconds. What is measured against real publications stands in `tests/decide/rhythm.rs`.
//!
//! - **Days.** A weekday is usual if the feed published on the latest three of it, or, when these three disagree, on three quarters of the
//!   latest eight. A holiday is a Sunday: who publishes on Sundays is a machine, or somebody on call. So are 24 and 31 December, which the
//!   public service has off (TVöD § 6). If fewer than two thirds of the publications came on usual days, none is usual.
//! - **Hour.** 95 % of the days had published by then, and so had the latest three, so a feed that moves its hour is followed at once.
//! - **Slack.** As long as from the middle publication to that hour: at least three hours, at most six. (Two hours would raise a third more
//!   false alarms.)
//! - **Unlearned.** In the first three weeks, and as long as no day is usual: thirty hours after the latest word, or six hours longer than
//!   twice before in the latest ten gaps. So a weekly feed raises two alarms in its life that it need not have.

use super::holidays::{Land, is_holiday};
use crate::domain::time::{Day, Timestamp};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days with a publication that are remembered: eight weeks of a daily feed, a year of a weekly one.
const REMEMBERED: usize = 56;
/// Of each weekday so many are looked at.
const WEEKS: usize = 8;
/// A feed that has published for fewer days than this has not been seen on every weekday three times.
const LEARNED_AFTER: i32 = 3 * 7;
/// So many in a row decide what a weekday is.
const AGREEING: usize = 3;
/// Least slack, in minutes.
const SLACK_MIN: u16 = 3 * 60;
/// Most slack, in minutes.
const SLACK_MAX: u16 = 6 * 60;
/// Gaps that are looked at while nothing is learned.
const GAPS: usize = 10;
/// Days of the longest gap that is nothing unusual: what comes less often than every three months has no rhythm.
const GAP_MAX: i32 = 92;
/// While nothing is learned: hours beyond the usual gap.
const GRACE: i64 = 6;
/// A usual day is found within this many days, whichever it is: Easter, Christmas and New Year take three weeks from a weekly feed at most.
const AHEAD: i32 = 60;

/// When a feed should publish, as configured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Due {
    /// On the days and by the hour that were learned.
    #[default]
    Learned,
    /// By this local time on the days that were learned; before that from Monday to Friday without holidays.
    By(Time),
    /// Whenever it likes: it is never overdue.
    Never,
}

/// The calendar and the clock on the wall where the figures are made.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    /// Local time.
    pub zone: &'a TimeZone,
    /// Whose holidays; `None`: those of all Germany.
    pub land: Option<Land>,
}

impl Calendar<'_> {
    /// As which weekday a day counts.
    fn weekday(&self, date: Date) -> Weekday {
        let eve = matches!((date.month(), date.day()), (12, 24 | 31));
        if eve || is_holiday(self.land, date) { Weekday::Sunday } else { date.weekday() }
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let instant = self.zone.to_timestamp(local).ok()?;
        u32::try_from(instant.as_second()).ok().map(Timestamp)
    }
}

/// The latest publications of a feed, by the local clock, and its latest word. About 300 bytes at most.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Rhythm {
    /// The minute of the day of the first publication of each day; later ones of a day are updates. At most [`REMEMBERED`].
    days: BTreeMap<Day, u16>,
    /// The day that has been spoken for, and the minute of the day at which that was said.
    heard: Option<(Day, u16)>,
}

impl Rhythm {
    /// What was kept of a feed: when it published, and when it was last heard of; both by the local clock.
    pub fn of(published: impl IntoIterator<Item = DateTime>, heard: Option<DateTime>) -> Rhythm {
        let mut rhythm = Rhythm { days: published.into_iter().map(moment).collect(), heard: heard.map(moment) };
        rhythm.forget_oldest();
        rhythm
    }

    /// When it first published on each day, the oldest first.
    pub fn publications(&self) -> impl Iterator<Item = DateTime> {
        self.days.iter().filter_map(|(day, minute)| at(*day, *minute))
    }

    /// When it was last heard of. The day may be tomorrow's, if that has been spoken for.
    pub fn heard(&self) -> Option<DateTime> {
        self.heard.and_then(|(day, minute)| at(day, minute))
    }

    /// Something new was published at this local time.
    pub fn published(&mut self, local: DateTime) {
        let (day, minute) = moment(local);
        self.forget_after(day);
        self.days.entry(day).or_insert(minute);
        self.forget_oldest();
        self.heard = self.heard.max(Some((day, minute)));
    }

    /// At this local time the publisher said that there will be nothing on that day: it is spoken for, and so is every day before it.
    /// Teaches nothing.
    pub fn no_report(&mut self, local: DateTime, about: Day) {
        let (day, minute) = moment(local);
        self.forget_after(day);
        self.heard = self.heard.max(Some((day.max(about), minute)));
    }

    /// Whether the publisher has said that there is nothing on this day, and nothing was published on it either.
    pub fn is_without_report(&self, day: Day) -> bool {
        self.heard.is_some_and(|(heard, _)| heard == day) && !self.days.contains_key(&day)
    }

    fn forget_oldest(&mut self) {
        while self.days.len() > REMEMBERED {
            self.days.pop_first();
        }
    }

    /// A day that has not come yet was written down by a clock that was ahead. Tomorrow may have been spoken for.
    pub fn forget_after(&mut self, today: Day) {
        let tomorrow = Day(today.0.saturating_add(1));
        drop(self.days.split_off(&tomorrow));
        let latest = self.days.last_key_value().map(|(day, minute)| (*day, *minute));
        self.heard = self.heard.filter(|(day, _)| *day <= tomorrow).or(latest);
    }

    /// When the publication after the latest word is overdue. `None` if it never is, or nothing was ever published.
    pub fn due(&self, due: Due, calendar: Calendar) -> Option<Timestamp> {
        let (day, minute) = self.heard?;
        let local = match (due, self.week(calendar)) {
            (Due::Never, _) => return None,
            (Due::Learned, None) => at(day, minute)?.checked_add((self.gap() * 24 + GRACE).hours()).ok()?,
            (Due::Learned, Some(week)) => at(week.next(day, calendar)?, self.hour()?.saturating_add(self.slack()?))?,
            (Due::By(time), week) => week.unwrap_or(Week::WORKING).next(day, calendar)?.date().to_datetime(time),
        };
        calendar.instant(local)
    }

    /// By which minute of the day the feed has usually published: what people may be told. `None` while that is not known.
    pub fn usually_by(&self, due: Due, calendar: Calendar) -> Option<u16> {
        match due {
            Due::Never => None,
            Due::By(time) => Some(minutes(time)),
            Due::Learned => self.week(calendar).and_then(|_| self.hour()),
        }
    }

    /// The weekdays on which it usually publishes, if that is known.
    fn week(&self, calendar: Calendar) -> Option<Week> {
        let (first, last) = (*self.days.first_key_value()?.0, *self.days.last_key_value()?.0);
        let weeks = i32::try_from(WEEKS).unwrap_or_default();
        let first = first.max(Day(last.0.saturating_sub(7 * weeks - 1)));
        if last.0.saturating_sub(first.0) < LEARNED_AFTER - 1 {
            return None;
        }
        let mut seen: [Vec<bool>; 7] = Default::default();
        for day in (first.0..=last.0).rev().map(Day) {
            seen[index(calendar.weekday(day.date()))].push(self.days.contains_key(&day));
        }
        let week = Week(seen.map(|latest| usual(&latest)));
        let (mut all, mut usual) = (0, 0);
        for (day, _) in self.days.range(first..) {
            all += 1;
            usual += usize::from(week.has(calendar.weekday(day.date())));
        }
        (usual * 3 >= all * 2).then_some(week)
    }

    /// The minute of the day by which it usually has published.
    fn hour(&self) -> Option<u16> {
        let latest = self.days.values().rev().take(AGREEING).max()?;
        Some(self.quantile(95)?.max(*latest))
    }

    fn slack(&self) -> Option<u16> {
        let spread = self.quantile(95)?.saturating_sub(self.quantile(50)?);
        Some(spread.clamp(SLACK_MIN, SLACK_MAX))
    }

    /// The minute of the day by which so many in a hundred days had published.
    fn quantile(&self, percent: usize) -> Option<u16> {
        let mut minutes: Vec<u16> = self.days.values().copied().collect();
        minutes.sort_unstable();
        minutes.get((minutes.len() * percent).div_ceil(100).checked_sub(1)?).copied()
    }

    /// Days between two publications that are nothing unusual: there were as many twice of late.
    fn gap(&self) -> i64 {
        let latest: Vec<Day> = self.days.keys().rev().take(GAPS + 1).copied().collect();
        let mut gaps: Vec<i32> = latest.windows(2).map(|pair| pair[0].0.saturating_sub(pair[1].0)).chain([1, 1]).collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() - 2).map_or(1, |gap| i64::from(*gap.min(&GAP_MAX)))
    }
}

/// Whether a weekday is usual, from whether something was published on the latest ones, newest first.
fn usual(latest: &[bool]) -> bool {
    let latest = &latest[..latest.len().min(WEEKS)];
    match latest.get(..AGREEING) {
        Some([true, true, true]) => true,
        Some([false, false, false]) => false,
        Some(_) | None => !latest.is_empty() && latest.iter().filter(|published| **published).count() * 4 >= latest.len() * 3,
    }
}

/// On which weekdays a feed publishes, from Monday.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Week([bool; 7]);

impl Week {
    const WORKING: Week = Week([true, true, true, true, true, false, false]);

    fn has(self, weekday: Weekday) -> bool {
        self.0[index(weekday)]
    }

    /// The first of its days after this one.
    fn next(self, day: Day, calendar: Calendar) -> Option<Day> {
        (1..=AHEAD).map(|ahead| Day(day.0.saturating_add(ahead))).find(|day| self.has(calendar.weekday(day.date())))
    }
}

fn index(weekday: Weekday) -> usize {
    match weekday {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

fn moment(local: DateTime) -> (Day, u16) {
    (Day::of(local.date()), minutes(local.time()))
}

pub(super) fn minutes(time: Time) -> u16 {
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or_default()
}

/// A minute of the day by the clock on the wall; from 1440 on it is on the next day.
fn at(day: Day, minute: u16) -> Option<DateTime> {
    day.date().to_datetime(Time::midnight()).checked_add(i64::from(minute).minutes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("bundled")
    }

    /// A feed that has published at this time on every day from one to another of which that is said.
    fn fed(from: Date, until: Date, time: Time, on: impl Fn(Date) -> bool) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for day in from.series(1.day()).take_while(|day| *day <= until).filter(|day| on(*day)) {
            rhythm.published(day.to_datetime(time));
        }
        rhythm
    }

    fn working(day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !is_holiday(Some(Land::Thueringen), day)
    }

    fn due_by(rhythm: &Rhythm, due: Due) -> Option<DateTime> {
        let zone = berlin();
        let due = rhythm.due(due, Calendar { zone: &zone, land: Some(Land::Thueringen) })?;
        let instant = jiff::Timestamp::from_second(i64::from(due.0)).expect("a time");
        Some(zone.to_datetime(instant))
    }

    fn due(rhythm: &Rhythm) -> DateTime {
        due_by(rhythm, Due::Learned).expect("something was published")
    }

    #[test]
    fn a_feed_of_which_nothing_is_known_is_not_overdue() {
        for policy in [Due::Learned, Due::By(time(18, 0, 0, 0)), Due::Never] {
            assert_eq!(due_by(&Rhythm::default(), policy), None);
        }
    }

    #[test]
    fn thirty_hours_while_nothing_is_learned() {
        let rhythm = fed(date(2026, 11, 2), date(2026, 11, 4), time(10, 30, 0, 0), |_| true);
        assert_eq!(due(&rhythm), date(2026, 11, 5).at(16, 30, 0, 0));
    }

    #[test]
    fn a_daily_feed_is_due_three_hours_after_its_hour() {
        let rhythm = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 30, 0, 0), |_| true);
        assert_eq!(due(&rhythm), date(2026, 11, 21).at(13, 30, 0, 0), "a Saturday");
        let zone = berlin();
        assert_eq!(rhythm.usually_by(Due::Learned, Calendar { zone: &zone, land: None }), Some(10 * 60 + 30));
    }

    #[test]
    fn a_feed_of_working_days_has_weekends_and_holidays() {
        for (until, next) in [
            (date(2026, 11, 20), date(2026, 11, 23)),
            // Reformationstag, a Saturday, and Allerheiligen, which is none in Thuringia.
            (date(2025, 10, 30), date(2025, 11, 3)),
            // Good Friday to Easter Monday.
            (date(2026, 4, 2), date(2026, 4, 7)),
            // Christmas Eve is off, and so is everything until the Monday after the second day.
            (date(2025, 12, 23), date(2025, 12, 29)),
            (date(2025, 12, 30), date(2026, 1, 2)),
        ] {
            let from = until.checked_sub(60.days()).expect("a date");
            let rhythm = fed(from, until, time(11, 0, 0, 0), working);
            assert_eq!(due(&rhythm), next.at(14, 0, 0, 0), "after {until}");
        }
    }

    #[test]
    fn the_clock_on_the_wall_counts_when_the_hour_changes() {
        for (day, next, elapsed) in [
            (date(2026, 3, 28), date(2026, 3, 29), 26),
            (date(2026, 10, 24), date(2026, 10, 25), 28),
            (date(2026, 10, 25), date(2026, 10, 26), 27),
        ] {
            let rhythm = fed(day.checked_sub(40.days()).expect("a date"), day, time(7, 0, 0, 0), |_| true);
            assert_eq!(due(&rhythm), next.at(10, 0, 0, 0));
            let zone = berlin();
            let published = zone.to_timestamp(day.at(7, 0, 0, 0)).expect("a time").as_second();
            let due = rhythm.due(Due::Learned, Calendar { zone: &zone, land: None }).expect("learned");
            assert_eq!((i64::from(due.0) - published) / 3600, elapsed, "hours after {day}");
        }
    }

    #[test]
    fn a_weekly_feed_is_learned_after_three_weeks() {
        let thursday = |day: Date| day.weekday() == Weekday::Thursday;
        let after = |until: Date| due(&fed(date(2026, 9, 3), until, time(13, 0, 0, 0), thursday));
        // Unlearned: the first two alarms are raised for nothing.
        assert_eq!(after(date(2026, 9, 3)), date(2026, 9, 4).at(19, 0, 0, 0));
        assert_eq!(after(date(2026, 9, 10)), date(2026, 9, 11).at(19, 0, 0, 0));
        assert_eq!(after(date(2026, 9, 17)), date(2026, 9, 24).at(19, 0, 0, 0), "as long as twice before, and six hours");
        assert_eq!(after(date(2026, 9, 24)), date(2026, 10, 1).at(16, 0, 0, 0), "learned");
        assert_eq!(after(date(2026, 12, 17)), date(2027, 1, 7).at(16, 0, 0, 0), "Christmas Eve and New Year's Eve are Thursdays");
    }

    #[test]
    fn a_feed_that_moves_its_hour_is_followed_at_once() {
        let mut rhythm = fed(date(2026, 9, 1), date(2026, 10, 31), time(3, 0, 0, 0), |_| true);
        assert_eq!(due(&rhythm), date(2026, 11, 1).at(6, 0, 0, 0));
        rhythm.published(date(2026, 11, 1).at(7, 0, 0, 0));
        assert_eq!(due(&rhythm), date(2026, 11, 2).at(10, 0, 0, 0));
        for day in 2..=30 {
            rhythm.published(date(2026, 11, day).at(7, 0, 0, 0));
        }
        assert_eq!(due(&rhythm), date(2026, 12, 1).at(10, 0, 0, 0));
    }

    #[test]
    fn a_weekend_that_is_given_up_is_unlearned_after_three() {
        let mut rhythm = fed(date(2026, 8, 1), date(2026, 9, 30), time(9, 0, 0, 0), |_| true);
        for day in date(2026, 10, 1).series(1.day()).take(23).filter(|day| working(*day)) {
            rhythm.published(day.at(9, 0, 0, 0));
        }
        // Friday 23 October, after three weekends without a word.
        assert_eq!(due(&rhythm).date(), date(2026, 10, 26));
    }

    #[test]
    fn later_publications_of_a_day_teach_nothing() {
        let mut rhythm = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 0, 0, 0), |_| true);
        rhythm.published(date(2026, 11, 20).at(22, 0, 0, 0));
        assert_eq!(due(&rhythm), date(2026, 11, 21).at(13, 0, 0, 0));
    }

    #[test]
    fn what_was_kept_comes_back() {
        let mut rhythm = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 30, 0, 0), working);
        rhythm.no_report(date(2026, 11, 20).at(11, 0, 0, 0), Day::of(date(2026, 11, 21)));
        assert_eq!(Rhythm::of(rhythm.publications(), rhythm.heard()), rhythm);
    }

    #[test]
    fn what_a_backup_may_say_does_no_harm() {
        let day = [i32::MIN, -1, 0, 20_000, i32::MAX].map(|day| (Day(day), u16::MAX));
        let rhythm = Rhythm { days: day.into_iter().collect(), heard: Some((Day(i32::MAX), u16::MAX)) };
        for policy in [Due::Learned, Due::By(time(18, 0, 0, 0))] {
            due_by(&rhythm, policy);
        }
    }

    #[test]
    fn no_report_speaks_for_its_day() {
        let mut rhythm = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 0, 0, 0), |_| true);
        rhythm.no_report(date(2026, 11, 21).at(8, 0, 0, 0), Day::of(date(2026, 11, 21)));
        assert_eq!(due(&rhythm), date(2026, 11, 22).at(13, 0, 0, 0));
        assert_eq!([20, 21, 22].map(|day| rhythm.is_without_report(Day::of(date(2026, 11, day)))), [false, true, false]);
        rhythm.no_report(date(2026, 11, 21).at(9, 0, 0, 0), Day::of(date(2026, 11, 22)));
        assert_eq!(due(&rhythm), date(2026, 11, 23).at(13, 0, 0, 0), "tomorrow is spoken for, too");
        rhythm.no_report(date(2026, 11, 21).at(9, 5, 0, 0), Day::of(date(2026, 11, 20)));
        assert_eq!(due(&rhythm), date(2026, 11, 23).at(13, 0, 0, 0), "what was said of the days after remains said");
    }

    #[test]
    fn a_fixed_hour_holds_on_the_days_that_were_learned() {
        let six = Due::By(time(18, 0, 0, 0));
        let after = |rhythm: &Rhythm| due_by(rhythm, six).expect("published");
        let daily = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 0, 0, 0), |_| true);
        assert_eq!(after(&daily), date(2026, 11, 21).at(18, 0, 0, 0));
        let working = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 0, 0, 0), working);
        assert_eq!(after(&working), date(2026, 11, 23).at(18, 0, 0, 0));
        let new = fed(date(2026, 11, 19), date(2026, 11, 20), time(10, 0, 0, 0), |_| true);
        assert_eq!(after(&new), date(2026, 11, 23).at(18, 0, 0, 0), "until then Monday to Friday");
        assert_eq!(due_by(&daily, Due::Never), None);
    }

    #[test]
    fn a_clock_that_was_ahead_is_forgotten() {
        let before = fed(date(2026, 10, 1), date(2026, 11, 20), time(10, 0, 0, 0), |_| true);
        let mut rhythm = before.clone();
        rhythm.published(date(2031, 1, 1).at(4, 0, 0, 0));
        rhythm.published(date(2026, 11, 21).at(10, 0, 0, 0));
        assert_eq!(due(&rhythm), date(2026, 11, 22).at(13, 0, 0, 0));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let rhythm = fed(date(2020, 1, 1), date(2026, 11, 20), time(23, 59, 0, 0), |_| true);
        assert_eq!(rhythm.days.len(), REMEMBERED);
        assert_eq!(due(&rhythm), date(2026, 11, 22).at(2, 59, 0, 0), "after midnight");
    }
}
