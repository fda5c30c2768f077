//! A machine whose clock is wrong, in the simulated world: how long it takes until the relay knows the time, and that nothing leaves
//! before. The judge is the real one (`domain::trust`), asked as `port/clock` asks it; the world checks its promises after every step.

use super::process::RelayClock;
use super::world::{Transit, World};
use drk_relay::domain::event::Event;
use drk_relay::domain::state::Clock;
use drk_relay::domain::time::{Millis, Timestamp};
use drk_relay::domain::trust::{Mark, Proof, Service, Standing, Trust, Uptime};
use std::fmt;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;
/// How often the port looks, in milliseconds.
const LOOK: u64 = 2_000;
/// How finely time passes here.
const TICK: u64 = 250;
/// What is in progress by the time something goes wrong with a clock that was right.
const LATER: u64 = 600;
/// Subscribers.
const PEOPLE: u64 = 12;
/// How far a trusted clock may be wrong: less than the guard of five seconds, less the way to Meta.
const RIGHT: i64 = 2_000;

/// The internet, as far as the time is concerned.
#[derive(Clone, Copy)]
enum Line {
    /// There is none.
    Down,
    /// Meta answers after so many milliseconds, by a clock that is wrong by so many seconds at the n-th question.
    Up(u64, fn(u64) -> i64),
}

/// Meta as it is.
const HONEST: Line = Line::Up(200, |_| 0);

/// A Pi that has just been switched on in a branch with subscribers.
struct Machine {
    world: World,
    trust: Trust,
    /// True time minus uptime.
    booted: u64,
    /// The system's clock against the true time.
    wrong: i64,
    mark: Option<Mark>,
    line: Line,
    questions: u64,
    told: bool,
    seen: Report,
}

/// What is to be known of it.
#[derive(Clone, Copy, Default)]
struct Report {
    /// When it was trusted first, in milliseconds since the start, and by what.
    first: Option<(u64, Option<Proof>)>,
    doubts: u32,
    /// When the present doubt began.
    since: u64,
    longest: u64,
    worst: i64,
    sent: usize,
}

impl Machine {
    /// Switched on with a clock that is wrong by so much; people have subscribed before.
    fn on(start: Start, line: Line) -> Machine {
        let mut world = World::crowd(11, PEOPLE);
        world.everybody_subscribes();
        world.pass(2 * 3_600_000);
        world.crash(&[]);
        // Nobody but the judge says when the clock is right.
        world.transit.retain(|_, transit| !matches!(transit, Transit::Trust));
        world.departures = Some(Vec::new());
        let booted = world.now.0;
        let wrong = match start {
            Start::In1970 => -world.now.0.cast_signed(),
            Start::Wrong(wrong) => wrong,
        };
        world.set_clock(wrong);
        // Made a month ago.
        let floor = Timestamp(world.now.second().0 - 30 * 86_400);
        let trust = Trust::new(floor);
        Machine { world, trust, booted, wrong, mark: None, line, questions: 0, told: false, seen: Report::default() }
    }

    fn up(&self) -> Uptime {
        Uptime(self.world.now.0 - self.booted)
    }

    fn system(&self) -> Millis {
        Millis(self.world.now.0.saturating_add_signed(self.wrong))
    }

    /// How far ours is wrong.
    fn error(&self) -> i64 {
        self.trust.shows(self.up(), self.system()).0.cast_signed() - self.world.now.0.cast_signed()
    }

    /// A time server sets the clock, right or wrong.
    fn synchronise(&mut self, wrong: i64) {
        self.wrong = wrong;
        self.mark = Some(Mark { service: Service::Timesyncd, at: self.system() });
    }

    /// Neither clock counts while a virtual machine is paused.
    fn paused(&mut self, millis: u64) {
        // By such a clock a window is open that is not; who knows nothing of the pause cannot keep a promise.
        self.world.ledger.excuses.clock_lies();
        let (begin, end) = (self.world.now, self.world.now.plus(millis));
        self.world.now = end;
        self.world.ledger.excuses.absent(begin, end);
        self.booted += millis;
        self.wrong -= millis.cast_signed();
        self.show();
    }

    /// The machine sleeps: the uptime counts on, and so does the system's clock.
    fn sleeps(&mut self, millis: u64) {
        let (begin, end) = (self.world.now, self.world.now.plus(millis));
        self.world.now = end;
        self.world.ledger.excuses.absent(begin, end);
    }

    /// What happens to it.
    fn turns(&mut self, turn: Turn) {
        match turn {
            Turn::Set(wrong) => self.wrong = wrong,
            Turn::Server(wrong) => self.synchronise(wrong),
            Turn::Line(line) => self.line = line,
            Turn::Sleep(millis) => self.sleeps(millis),
            Turn::Pause(millis) => self.paused(millis),
        }
    }

    /// So many seconds pass, and these things happen.
    fn live(&mut self, seconds: u64, turns: &[(u64, Turn)]) {
        let end = self.world.now.plus(seconds * 1_000);
        let mut turns = turns.iter().peekable();
        while self.world.now < end {
            while let Some((_, turn)) = turns.next_if(|(second, _)| *second <= self.up().0 / 1_000) {
                self.turns(*turn);
            }
            let before = self.sent();
            self.world.pass(TICK);
            self.asks();
            if self.up().0 % LOOK < TICK {
                self.looks();
            }
            if !self.told {
                self.seen.sent += self.sent() - before;
            }
        }
    }

    fn sent(&self) -> usize {
        self.world.departures.as_ref().map_or(0, Vec::len)
    }

    /// Meta is asked if it is time, and answers by the line.
    fn asks(&mut self) {
        if self.trust.asks().is_none_or(|at| at > self.up()) {
            return;
        }
        let asked = self.up();
        self.trust.asked(asked);
        self.questions += 1;
        if let Line::Up(way, wrong) = self.line {
            self.world.pass(way / 2);
            let date = self.world.now.second().0.cast_signed().cast_unsigned();
            let date = i64::from(date) + wrong(self.questions);
            self.world.pass(way / 2);
            let heard = self.up();
            self.trust.dated(Timestamp(u32::try_from(date.max(0)).expect("before 2106")), asked, heard);
            self.looks();
        }
    }

    fn looks(&mut self) {
        let (up, system) = (self.up(), self.system());
        self.trust.look(up, system, self.mark);
        if self.told && !self.trust.is_trusted() {
            self.told = false;
            (self.seen.doubts, self.seen.since) = (self.seen.doubts + 1, up.0);
            self.world.step("doubted", &[Event::ClockDoubted]);
            assert_eq!(self.world.relay.state().clock, Clock::Untrusted);
        }
        if !self.told {
            self.trust.settle(up);
            self.show();
            if let Standing::Trusted(by) = self.trust.standing() {
                self.told = true;
                self.seen.longest = self.seen.longest.max(up.0 - self.seen.since);
                self.seen.first.get_or_insert((up.0, Some(by)));
                self.world.step("trusted", &[Event::ClockTrusted]);
            }
        }
        if self.told {
            self.show();
            self.seen.worst = self.seen.worst.max(self.error().abs());
        }
    }

    /// The relay's clock shows what the judge says.
    fn show(&mut self) {
        let error = self.error();
        if !matches!(self.world.clock, RelayClock::Off(before) if before == error) {
            self.world.set_clock(error);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |millis: u64| {
            if millis >= 600_000 { format!("{:.1} h", millis as f64 / 3.6e6) } else { format!("{:.1} s", millis as f64 / 1e3) }
        };
        let (first, by) = self.first.map_or(("never".to_owned(), None), |(at, by)| (seconds(at), by));
        let by = match by {
            Some(Proof::Meta) => "Meta",
            Some(Proof::Server(_)) => "NTP",
            Some(Proof::Said) | None => "",
        };
        let Report { doubts, worst, sent, .. } = self;
        let longest = if *doubts == 0 { String::new() } else { seconds(self.longest) };
        write!(f, "{first:>8}  {by:<4}  {doubts:>6}  {longest:>8}  {:>7.1} s  {sent:>4}", *worst as f64 / 1e3)
    }
}

/// What happens to the machine.
#[derive(Clone, Copy)]
enum Turn {
    /// Somebody sets the system's clock wrong by so much.
    Set(i64),
    /// A time server does.
    Server(i64),
    Line(Line),
    Sleep(u64),
    Pause(u64),
}

/// What the clock shows when the machine is switched on.
#[derive(Clone, Copy)]
enum Start {
    In1970,
    Wrong(i64),
}

/// One story: what is wrong, and what must come of it.
struct Story {
    name: &'static str,
    start: Start,
    line: Line,
    /// What happens, in the seconds after the start.
    turns: Vec<(u64, Turn)>,
    /// It is trusted this many seconds after the start at the latest; `None`: never.
    within: Option<u64>,
    doubts: u32,
    /// For how many seconds it lasts.
    seconds: u64,
    /// A trusted clock is wrong by more for a while, and nothing can be done about it.
    lied_to: bool,
}

impl Story {
    /// A machine that is switched on, and the clock is wrong.
    fn boot(name: &'static str, start: Start, line: Line, turns: &[(u64, Turn)], within: Option<u64>) -> Story {
        Story { name, start, line, turns: turns.to_vec(), within, doubts: 0, seconds: 20_000, lied_to: false }
    }

    /// One whose clock is right and has been proven, and then something happens.
    fn run(name: &'static str, turns: impl IntoIterator<Item = (u64, Turn)>, doubts: u32) -> Story {
        Story { turns: turns.into_iter().collect(), doubts, seconds: 36_000, ..Story::boot(name, Start::Wrong(0), HONEST, &[], Some(5)) }
    }
}

fn boots() -> Vec<Story> {
    let two_lie = Line::Up(200, |question| if question % 5 < 2 { YEAR / SECOND } else { 0 });
    let jumps = Line::Up(200, |question| (question % 7).cast_signed() * 100);
    let (slow, later) = (Line::Up(2_000, |_| 0), 5 * 3_600);
    vec![
        Story::boot("1970, only Meta's Date", Start::In1970, HONEST, &[], Some(5)),
        Story::boot("2038, only Meta's Date", Start::Wrong(12 * YEAR), HONEST, &[], Some(5)),
        Story::boot("a month ahead, only Meta's Date", Start::Wrong(30 * DAY), HONEST, &[], Some(5)),
        Story::boot("right, only Meta's Date", Start::Wrong(0), HONEST, &[], Some(5)),
        Story::boot("1970, a slow line (2 s there and back)", Start::In1970, slow, &[], Some(10)),
        Story::boot("1970, NTP after 8 s, no Date at all", Start::In1970, Line::Down, &[(8, Turn::Server(0))], Some(11)),
        Story::boot("1970, NTP after 5 hours offline", Start::In1970, Line::Down, &[(later, Turn::Server(0))], Some(later + 3)),
        Story::boot("1970, Meta after 5 hours offline", Start::In1970, Line::Down, &[(later, Turn::Line(HONEST))], Some(later + 95)),
        Story::boot("1970, two of five Dates a year ahead", Start::In1970, two_lie, &[], Some(10)),
        Story::boot("1970, Dates that jump", Start::In1970, jumps, &[], None),
        Story::boot("2038, no Date, no NTP", Start::Wrong(12 * YEAR), Line::Down, &[], None),
        Story::boot("1970, NTP an hour behind, Meta right", Start::In1970, HONEST, &[(1, Turn::Server(-HOUR))], Some(5)),
    ]
}

fn runs() -> Vec<Story> {
    let often = (0..60).map(|time: u64| (LATER + 10 * time, Turn::Set((1 + time).cast_signed() * HOUR)));
    let lies = (LATER..36_000).step_by(64).map(|second| (second, Turn::Server(YEAR)));
    let behind = (0..36_000).step_by(64).map(|second| (second, Turn::Server(-90 * SECOND)));
    let pause = [(LATER, Turn::Pause(9 * 3_600_000)), (LATER + 60, Turn::Server(0))];
    vec![
        Story::run("stepped a year ahead", [(LATER, Turn::Set(YEAR))], 1),
        Story::run("stepped a year back", [(LATER, Turn::Set(-YEAR))], 1),
        Story::run("stepped every 10 s for 10 minutes", often, 60),
        Story::run("NTP lies by a year, while Meta answers", lies, 1),
        Story::run("NTP 90 s behind Meta, all the time", behind, 0),
        Story::run("asleep for 9 hours", [(LATER, Turn::Sleep(9 * 3_600_000))], 0),
        Story { lied_to: true, ..Story::run("virtual machine paused for 9 hours, then NTP", pause, 1) },
        Story::run("offline for 8 hours", [(LATER, Turn::Line(Line::Down)), (29_400, Turn::Line(HONEST))], 1),
    ]
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn tell(story: &Story) {
    let mut machine = Machine::on(story.start, story.line);
    machine.world.publish_now();
    machine.live(story.seconds, &story.turns);
    let seen = machine.seen;
    println!("{:<48} {seen}", story.name);
    let within = seen.first.map(|(at, _)| at);
    match story.within {
        Some(bound) => assert!(within.is_some_and(|at| at <= bound * 1_000), "{}: trusted after {within:?} ms", story.name),
        None => assert_eq!(within, None, "{}", story.name),
    }
    assert_eq!(seen.sent, 0, "{}: sent by an untrusted clock", story.name);
    assert_eq!(seen.doubts, story.doubts, "{}", story.name);
    assert!(story.lied_to || seen.worst <= RIGHT, "{}: trusted and wrong by {} ms", story.name, seen.worst);
    assert_eq!(machine.told, story.within.is_some(), "{}: at the end", story.name);
    if machine.told {
        // And then everything goes on as promised, to the last verdict.
        assert!(machine.sent() > 0, "{}: the figures were sent", story.name);
        machine.world.set_right();
        machine.world.set_clock(0);
        super::come_to_rest(&mut machine.world);
    }
}

#[test]
fn whatever_the_clock_shows_at_first_the_time_is_learned_and_nothing_leaves_before() {
    println!(
        "{:<48} {:>8}  {:<4}  {:>6}  {:>8}  {:>9}  sent while untrusted",
        "at the start", "trusted", "by", "doubts", "longest", "wrong by"
    );
    boots().iter().for_each(tell);
}

#[test]
fn whatever_happens_to_a_clock_that_runs_it_is_right_or_not_trusted() {
    println!("{:<48} {:>8}  {:<4}  {:>6}  {:>8}  {:>9}  sent while untrusted", "later", "trusted", "by", "doubts", "longest", "wrong by");
    runs().iter().for_each(tell);
}
