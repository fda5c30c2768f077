//! Whether the time is known, and what it is (promise 11). Reads no clock and asks nobody: ports tell what they see, and do what follows.
//!
//! Everything is measured against the *uptime*, which nobody can set. A clock that nobody sets keeps its *offset* from it, so a step of any
//! clock is a change of its offset, and nothing else is. Our clock is an offset of its own:
//!
//! ```text
//!                  a mark of the time server, or Meta's `Date`
//!   untrusted ──────────────────────────────────────────────────▶ trusted
//!       ▲   (shows the system's clock, or what it showed before)     │  (uptime + offset; follows by FOLLOW at most)
//!       └────────────────────────────────────────────────────────────┘
//!         the system's clock was stepped; Meta says otherwise; a webhook is from the future; nothing confirmed it for hours
//! ```
//!
//! - It moves by more than [`FOLLOW`] only in [`Trust::settle`], which is for an untrusted clock: whoever acts by it knows that already.
//! - No single `Date` moves anything: three of the latest five have to agree ([`dates`]).
//! - Windows are Meta's: where its clock and the time server differ, Meta's counts.
//! - A webhook's stamp is a lower bound and proves nothing: it makes us ask.

mod dates;
mod sentence;
#[cfg(test)]
mod tests;

pub use dates::Bounds;
pub use sentence::span;

use super::time::{Millis, Timestamp};
use super::window::AHEAD;
use dates::Dates;

/// In milliseconds. A trusted clock follows the system's so far, and no further without a proof: a time server steps by less in daily
/// operation (timesyncd slews what is below 0.4 s), and the guard of five seconds forgives it.
pub const FOLLOW: i64 = 2_000;
/// In milliseconds. By less than this Meta's clock is not followed: its servers differ by as much, and the guard forgives it.
const LEAST: i64 = 1_000;
/// In milliseconds. A mark that is older proves nothing: three of timesyncd's longest intervals (`PollIntervalMaxSec=`, 34 min 8 s). The
/// clock may have been set by hand since.
const FRESH: u64 = 3 * 2_048_000;
/// In milliseconds. A mark may be ahead of the system's clock by this much: it is read after the clock, and a file's time is coarse.
const COARSE: u64 = 1_000;
/// A time server alone is not believed more than so many seconds (400 days) after the last time that is known: people would be erased whose
/// windows seem long closed. Meta is asked; without it nothing leaves anyway.
const FAR: u32 = 400 * 86_400;
/// In milliseconds. A clock that nothing has confirmed for so long is in doubt: at 200 ppm it is wrong by 4.3 s then, and the guard is 5.
const STALE: u64 = 6 * 3_600_000;
/// In milliseconds. When Meta has refuted a stamp from the future, none is asked about for so long: the webhook is repeated for days.
const LATELY: u64 = 3_600_000;
/// In milliseconds. While all is well Meta is asked this often, besides what its answers say anyway.
const HOURLY: u64 = 3_600_000;
/// In milliseconds, from one question to the next: the first, doubled each time up to the second. A line that comes back is noticed within
/// half a minute.
const PAUSE: (u64, u64) = (250, 30_000);

/// Milliseconds by a clock that nobody can set and that counts while the machine sleeps. Only differences mean anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Uptime(pub u64);

impl Uptime {
    /// `self` plus `millis`.
    pub fn plus(self, millis: u64) -> Uptime {
        Uptime(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    pub fn since(self, earlier: Uptime) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Who sets the system's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// systemd-timesyncd.
    Timesyncd,
    /// chrony.
    Chrony,
}

/// What a time server leaves behind when it has set the clock: another one each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Whose.
    pub service: Service,
    /// When, by the clock that was set.
    pub at: Millis,
}

/// By what the clock is known to be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A time server has set it.
    Server(Service),
    /// Meta's own clock.
    Meta,
    /// Somebody said so in relay.toml.
    Said,
}

/// Why it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Nothing has proven it since the start.
    Unproven,
    /// The system's clock was stepped by so many seconds, by whomever.
    Stepped(i64),
    /// Meta's clock is ahead by so many seconds at least, or behind.
    Differs(i64),
    /// A webhook was stamped so many seconds after it.
    Future(i64),
    /// Nothing has confirmed it for hours.
    Stale,
}

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is known to be right.
    Trusted(Proof),
    /// It is not.
    Untrusted(Why),
}

/// What the system showed at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    /// The offset of the system's clock.
    wall: i64,
    time: Millis,
    mark: Option<Mark>,
}

/// Everything that is known about the time.
#[derive(Clone, Debug)]
pub struct Trust {
    /// No time before this is right: the program was made then, or it was proven once.
    floor: Timestamp,
    standing: Standing,
    since: Uptime,
    /// Ours; `None`: never proven, so it is the system's.
    offset: Option<i64>,
    /// What was looked at last.
    seen: Option<Seen>,
    /// The system's offset when it was last judged, whether right or wrong: another one is a step.
    judged: i64,
    /// The mark that was known when the clock was last trusted: another one is news.
    mark: Option<Mark>,
    /// When something confirmed ours.
    confirmed: Uptime,
    /// When Meta did.
    by_meta: Option<Uptime>,
    dates: Dates,
    /// No offset below this is right without Meta's word, by the stamp of a webhook.
    bound: Option<i64>,
    /// When Meta said that such a stamp was nonsense.
    refuted: Option<Uptime>,
    /// When Meta is to be asked next, and how much later the time after that.
    next: Uptime,
    pause: u64,
}

impl Trust {
    /// A clock that has to be proven, and shows nothing before `floor` then.
    pub fn new(floor: Timestamp) -> Trust {
        Trust {
            floor,
            standing: Standing::Untrusted(Why::Unproven),
            since: Uptime(0),
            offset: None,
            seen: None,
            judged: 0,
            mark: None,
            confirmed: Uptime(0),
            by_meta: None,
            dates: Dates::default(),
            bound: None,
            refuted: None,
            next: Uptime(0),
            pause: PAUSE.0,
        }
    }

    /// The system's clock, whatever it shows: somebody said that it is right.
    pub fn said() -> Trust {
        Trust { standing: Standing::Trusted(Proof::Said), ..Trust::new(Timestamp(0)) }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Since when.
    pub fn since(&self) -> Uptime {
        self.since
    }

    /// Whether it is known to be right.
    pub fn is_trusted(&self) -> bool {
        match self.standing {
            Standing::Trusted(_) => true,
            Standing::Untrusted(_) => false,
        }
    }

    /// No time before this is right.
    pub fn floor(&self) -> Timestamp {
        self.floor
    }

    /// What it shows at `at`, while the system's clock shows `system`.
    pub fn shows(&self, at: Uptime, system: Millis) -> Millis {
        match self.offset {
            Some(offset) => Millis(u64::try_from(signed(at.0).saturating_add(offset)).unwrap_or(0)),
            None => system,
        }
    }

    /// How far the system's clock was ahead of ours when it was last looked at, in milliseconds; negative if behind.
    pub fn system_ahead(&self) -> i64 {
        self.seen.zip(self.offset).map_or(0, |(seen, offset)| seen.wall.saturating_sub(offset))
    }

    /// How far Meta's clock is ahead of ours at least, in milliseconds; negative if behind, 0 if both may be right. `None`: not heard yet.
    pub fn meta_ahead(&self, at: Uptime) -> Option<i64> {
        let ours = self.offset.or(self.seen.map(|seen| seen.wall))?;
        self.dates.agreed(at).or(self.dates.latest(at)).map(|bounds| bounds.ahead(ours))
    }

    /// What may be written down as proven: no clock shows an earlier time after it. Only what Meta has confirmed lately: a time server that
    /// lies must not shut the truth out for ever.
    pub fn worth_keeping(&self, at: Uptime, system: Millis) -> Option<Timestamp> {
        let confirmed = self.by_meta.is_some_and(|confirmed| at.since(confirmed) <= STALE);
        (self.is_trusted() && confirmed).then(|| self.shows(at, system).second())
    }

    /// When Meta is to be asked; `None`: never.
    pub fn asks(&self) -> Option<Uptime> {
        match self.standing {
            Standing::Trusted(Proof::Said) => None,
            Standing::Trusted(_) | Standing::Untrusted(_) => Some(self.next),
        }
    }

    /// Meta is being asked.
    pub fn asked(&mut self, at: Uptime) {
        self.next = at.plus(self.pause);
        self.pause = (self.pause * 2).min(PAUSE.1);
    }

    /// What the system shows. A trusted clock follows a little, or is in doubt.
    pub fn look(&mut self, at: Uptime, system: Millis, mark: Option<Mark>) {
        let seen = Seen { wall: signed(system.0).saturating_sub(signed(at.0)), time: system, mark };
        self.seen = Some(seen);
        let Some(offset) = self.offset.filter(|_| self.is_trusted()) else { return };
        let apart = seen.wall.saturating_sub(offset);
        if apart.saturating_abs() <= FOLLOW {
            self.judged = seen.wall;
            if let Some(mark) = self.news(seen) {
                self.mark = Some(mark);
                self.confirmed = at;
                // A time server is finer than Meta's whole seconds, where both may be right.
                if self.dates.agreed(at).is_none_or(|bounds| bounds.ahead(seen.wall).abs() < LEAST) {
                    self.offset = Some(seen.wall);
                }
            }
        } else if seen.wall.saturating_sub(self.judged).saturating_abs() > FOLLOW {
            return self.doubt(at, Why::Stepped(apart / 1_000));
        }
        if at.since(self.confirmed) > STALE {
            self.doubt(at, Why::Stale);
        }
    }

    /// Meta's clock showed `date` at some moment between these two.
    pub fn dated(&mut self, date: Timestamp, asked: Uptime, heard: Uptime) {
        if date < self.floor || !self.dates.take(date, asked, heard) || !self.is_trusted() {
            return;
        }
        let (Some(offset), Some(agreed)) = (self.offset, self.dates.agreed(heard)) else { return };
        let ahead = agreed.ahead(offset);
        if ahead.abs() < LEAST {
            (self.confirmed, self.by_meta) = (heard, Some(heard));
            self.rest(heard);
        } else if self.dates.permit(heard, offset) {
            // One of Meta's servers thinks as we do. As long as they do not agree, nothing moves.
        } else if ahead.abs() <= FOLLOW {
            self.offset = Some(offset.saturating_add(ahead));
            (self.confirmed, self.by_meta) = (heard, Some(heard));
            self.rest(heard);
        } else {
            self.turn(heard, Standing::Untrusted(Why::Differs(ahead / 1_000)));
        }
    }

    /// A signed webhook says something that happened at `stamp`.
    pub fn heard(&mut self, at: Uptime, stamp: Timestamp) {
        let bound = signed(stamp.millis().0).saturating_sub(signed(at.0)).saturating_sub(i64::from(AHEAD) * 1_000);
        match self.standing {
            Standing::Trusted(Proof::Said) => {}
            Standing::Trusted(_) => {
                let lately = self.refuted.is_some_and(|refuted| at.since(refuted) <= LATELY);
                if let Some(offset) = self.offset.filter(|offset| bound > *offset && !lately) {
                    self.doubt(at, Why::Future(bound.saturating_sub(offset) / 1_000 + i64::from(AHEAD)));
                    self.bound = Some(bound);
                }
            }
            Standing::Untrusted(_) => self.bound = self.bound.max(Some(bound)),
        }
    }

    /// An untrusted clock is trusted if there is a proof, and moves to where that says. A trusted one stays as it is. Whoever acts by the
    /// clock must have been told before that it is not trusted.
    pub fn settle(&mut self, at: Uptime) {
        let (Standing::Untrusted(why), Some(seen)) = (self.standing, self.seen) else { return };
        if let Some(agreed) = self.dates.agreed(at) {
            self.by_meta = Some(at);
            let fits = |offset: &i64| agreed.ahead(*offset).abs() < LEAST;
            let middle = agreed.least.midpoint(agreed.most);
            let offset = self.offset.filter(fits).or(Some(seen.wall).filter(fits)).unwrap_or(middle);
            if matches!(why, Why::Future(_)) && self.offset == Some(offset) {
                self.refuted = Some(at);
            }
            return self.proven(at, offset, Proof::Meta, seen);
        }
        let back = |offset: &i64| matches!(why, Why::Stepped(_)) && seen.wall.saturating_sub(*offset).saturating_abs() <= FOLLOW;
        if let (Some(offset), Some(before)) = (self.offset.filter(back), self.proof()) {
            // It was stepped back to where it had been.
            let (confirmed, mark) = (self.confirmed, self.mark);
            self.proven(at, offset, before, seen);
            (self.confirmed, self.mark) = (confirmed, mark);
            return;
        }
        if let Some(mark) = self.news(seen).filter(|_| self.suffices(at, seen)) {
            self.proven(at, seen.wall, Proof::Server(mark.service), seen);
        }
    }

    /// A mark that was not known when the clock was last trusted, and that belongs to what the system shows.
    fn news(&self, seen: Seen) -> Option<Mark> {
        let belongs = |mark: &Mark| mark.at <= seen.time.plus(COARSE) && seen.time.since(mark.at) <= FRESH;
        seen.mark.filter(|mark| Some(*mark) != self.mark && belongs(mark))
    }

    /// Whether a new mark suffices as a proof: not against what Meta has said lately, and not before what cannot be.
    fn suffices(&self, at: Uptime, seen: Seen) -> bool {
        let unopposed = match self.standing {
            Standing::Untrusted(Why::Differs(_)) => false,
            Standing::Untrusted(Why::Stepped(_)) => self.by_meta.is_none_or(|confirmed| at.since(confirmed) > 4 * STALE),
            Standing::Untrusted(Why::Unproven | Why::Future(_) | Why::Stale) | Standing::Trusted(_) => true,
        };
        let contradicted = self.dates.latest(at).is_some_and(|bounds| bounds.ahead(seen.wall).abs() >= LEAST);
        let far = self.by_meta.is_none() && seen.time.second() > self.floor.plus(FAR);
        unopposed && !contradicted && !far && seen.time.second() >= self.floor && self.bound.is_none_or(|bound| seen.wall >= bound)
    }

    /// What it was trusted by before.
    fn proof(&self) -> Option<Proof> {
        match (self.by_meta, self.mark) {
            (Some(_), _) => Some(Proof::Meta),
            (None, Some(mark)) => Some(Proof::Server(mark.service)),
            (None, None) => None,
        }
    }

    fn proven(&mut self, at: Uptime, offset: i64, by: Proof, seen: Seen) {
        (self.offset, self.judged, self.mark, self.bound) = (Some(offset), seen.wall, seen.mark, None);
        self.confirmed = at;
        self.turn(at, Standing::Trusted(by));
    }

    /// What Meta said before the doubt does not resolve it.
    fn doubt(&mut self, at: Uptime, why: Why) {
        self.dates.forget();
        self.turn(at, Standing::Untrusted(why));
    }

    fn turn(&mut self, at: Uptime, standing: Standing) {
        (self.standing, self.since) = (standing, at);
        (self.next, self.pause) = (at, PAUSE.0);
        if self.is_trusted() {
            self.rest(at);
        }
    }

    /// Meta need not be asked for a while, if enough of its answers are known.
    fn rest(&mut self, at: Uptime) {
        if self.dates.suffice() {
            (self.next, self.pause) = (at.plus(HOURLY), PAUSE.0);
        }
    }
}

/// Clocks end in the year 292 million.
fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
