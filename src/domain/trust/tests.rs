//! What the judge makes of clocks, marks, answers and stamps.

use super::*;
use proptest::prelude::*;

const FLOOR: Timestamp = Timestamp(1_795_000_000);
/// The true offset: the machine was switched on at this moment.
const TRUE: i64 = 1_795_305_600_000;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const YEAR: i64 = 365 * 24 * HOUR;
const ROUND_TRIP: u64 = 200;

/// One machine: how long it has been on, how far its own clock is wrong, and what it has been told.
struct Machine {
    trust: Trust,
    up: Uptime,
    /// Of the system's clock, against the true time.
    wrong: i64,
    mark: Option<Mark>,
}

impl Machine {
    /// Just switched on, with a clock that is wrong by so much.
    fn on(wrong: i64) -> Machine {
        Machine { trust: Trust::new(FLOOR), up: Uptime(10_000), wrong, mark: None }
    }

    /// One whose clock a time server has set, and proven so.
    fn synchronised() -> Machine {
        let mut machine = Machine::on(0);
        machine.synchronise(0);
        machine.look();
        machine.trust.settle(machine.up);
        assert_eq!(machine.trust.standing(), Standing::Trusted(Proof::Server(Service::Timesyncd)));
        machine
    }

    /// The same, and Meta agrees.
    fn confirmed() -> Machine {
        let mut machine = Machine::synchronised();
        machine.says(&[0, 0, 0]);
        machine
    }

    fn shown(&self) -> Millis {
        Millis(u64::try_from(TRUE + signed(self.up.0) + self.wrong).expect("after 1970"))
    }

    fn pass(&mut self, millis: i64) -> &mut Machine {
        self.up = self.up.plus(u64::try_from(millis).expect("forwards"));
        self
    }

    /// A time server sets the clock, to something that is wrong by so much.
    fn synchronise(&mut self, wrong: i64) -> &mut Machine {
        self.wrong = wrong;
        self.mark = Some(Mark { service: Service::Timesyncd, at: self.shown() });
        self
    }

    fn look(&mut self) -> &mut Machine {
        let shown = self.shown();
        self.trust.look(self.up, shown, self.mark);
        self
    }

    /// Somebody sets the clock, and it is looked at.
    fn set(&mut self, wrong: i64) -> Standing {
        self.wrong = wrong;
        self.pass(2 * SECOND).look();
        self.trust.standing()
    }

    /// Meta answers, by a clock that is wrong by so many seconds each time.
    fn says(&mut self, wrong: &[i64]) -> &mut Machine {
        for wrong in wrong {
            let asked = self.pass(300).up;
            let heard = self.pass(ROUND_TRIP.cast_signed()).up;
            let date = (TRUE + signed(asked.0) + 100).div_euclid(SECOND) + wrong;
            self.trust.dated(Timestamp(u32::try_from(date).expect("this century")), asked, heard);
        }
        self
    }

    /// Told that it is not trusted, the clock may move.
    fn settle(&mut self) -> Standing {
        self.look();
        self.trust.settle(self.up);
        self.trust.standing()
    }

    /// How far ours is wrong.
    fn error(&self) -> i64 {
        signed(self.trust.shows(self.up, self.shown()).0) - TRUE - signed(self.up.0)
    }

    fn is_right(&self) -> bool {
        self.trust.is_trusted() && self.error().abs() <= FOLLOW
    }
}

#[test]
fn a_clock_that_nothing_has_proven_shows_what_the_system_shows() {
    for wrong in [-56 * YEAR, -YEAR, 0, 30 * 24 * HOUR, 12 * YEAR] {
        let mut machine = Machine::on(wrong);
        machine.look().pass(10 * HOUR);
        assert_eq!(machine.settle(), Standing::Untrusted(Why::Unproven));
        assert_eq!(machine.error(), wrong);
    }
}

#[test]
fn a_time_server_proves_it_unless_its_mark_is_of_another_time() {
    let table = [
        // How old the mark is, and whether it proves anything.
        (0, true),
        (HOUR, true),
        (3 * 2_048 * SECOND, true),
        (3 * 2_048 * SECOND + 1, false),
        // The clock was set back since, or is in another year than the mark.
        (-SECOND, true),
        (-SECOND - 1, false),
        (-YEAR, false),
        (YEAR, false),
    ];
    for (age, proves) in table {
        let mut machine = Machine::on(0);
        let at = Millis(u64::try_from(signed(machine.shown().0) - age).expect("after 1970"));
        machine.mark = Some(Mark { service: Service::Chrony, at });
        machine.settle();
        assert_eq!(machine.trust.is_trusted(), proves, "{age}");
    }
    let mut machine = Machine::on(-YEAR);
    machine.synchronise(-YEAR).settle();
    assert!(!machine.trust.is_trusted(), "before the program was made");
}

#[test]
fn metas_date_alone_suffices_from_any_year() {
    for wrong in [-56 * YEAR, -YEAR, -HOUR, 0, 30 * 24 * HOUR, 12 * YEAR] {
        let mut machine = Machine::on(wrong);
        machine.says(&[0, 0]);
        assert_eq!(machine.settle(), Standing::Untrusted(Why::Unproven), "two are too few");
        machine.says(&[0]);
        assert_eq!(machine.settle(), Standing::Trusted(Proof::Meta));
        assert!(machine.error().abs() <= 600, "{}", machine.error());
    }
    let mut machine = Machine::on(-YEAR);
    machine.says(&[-YEAR / SECOND; 5]);
    assert_eq!(machine.settle(), Standing::Untrusted(Why::Unproven), "before the program was made");
}

#[test]
fn what_the_system_shows_is_taken_where_meta_permits_it() {
    let mut machine = Machine::on(400);
    machine.says(&[0, 0, 0]).settle();
    assert_eq!(machine.error(), 400);
}

/// A person with `date -s`, a time server that lies, another one that is right.
#[test]
fn a_step_of_the_systems_clock_is_a_doubt_and_moves_nothing() {
    for step in [-YEAR, -HOUR, -3 * SECOND, 3 * SECOND, HOUR, YEAR] {
        for mut machine in [Machine::synchronised(), Machine::confirmed()] {
            assert_eq!(machine.set(step), Standing::Untrusted(Why::Stepped(step / SECOND)));
            assert_eq!((machine.settle(), machine.error()), (Standing::Untrusted(Why::Stepped(step / SECOND)), 0));
            assert!(machine.trust.asks().is_some_and(|at| at <= machine.up), "Meta is asked at once");
            machine.says(&[0, 0, 0]);
            assert_eq!((machine.settle(), machine.error()), (Standing::Trusted(Proof::Meta), 0), "the system's clock is wrong");
            machine.pass(HOUR).look();
            assert!(machine.is_right(), "and is not asked about again");
        }
    }
}

#[test]
fn small_steps_are_none_and_are_not_followed_without_a_mark() {
    let mut machine = Machine::synchronised();
    for _ in 0..10 {
        assert!(matches!(machine.set(machine.wrong + 190), Standing::Trusted(_)));
        assert_eq!(machine.error(), 0);
    }
    machine.synchronise(1_900).look();
    assert_eq!((machine.trust.is_trusted(), machine.error()), (true, 1_900), "a time server says so");
    machine.set(4_000);
    assert!(!machine.trust.is_trusted(), "further than it may follow");
}

#[test]
fn a_time_server_that_steps_is_believed_unless_meta_has_spoken() {
    let mut machine = Machine::on(-HOUR);
    machine.synchronise(-HOUR).settle();
    assert_eq!((machine.trust.is_trusted(), machine.error()), (true, -HOUR), "nobody knew better");
    machine.pass(SECOND).synchronise(0).look();
    assert_eq!((machine.trust.is_trusted(), machine.error()), (false, -HOUR), "it is told before it moves");
    machine.settle();
    assert_eq!((machine.trust.is_trusted(), machine.error()), (true, 0));

    let mut machine = Machine::confirmed();
    machine.pass(SECOND).synchronise(YEAR);
    assert!(matches!(machine.settle(), Standing::Untrusted(Why::Stepped(_))), "Meta is asked");
    machine.says(&[0, 0, 0]);
    assert_eq!((machine.settle(), machine.error()), (Standing::Trusted(Proof::Meta), 0));
    machine.pass(HOUR).synchronise(YEAR).look();
    assert!(machine.is_right(), "it may lie as often as it likes");
}

#[test]
fn a_clock_that_is_set_back_to_where_it_was_is_trusted_as_before() {
    let mut machine = Machine::synchronised();
    machine.set(HOUR);
    machine.set(500);
    assert_eq!((machine.settle(), machine.error()), (Standing::Trusted(Proof::Server(Service::Timesyncd)), 0));
}

/// Windows are Meta's: where both are sure and differ, its clock counts.
#[test]
fn where_the_time_server_and_meta_differ_meta_counts() {
    let mut machine = Machine::synchronised();
    machine.says(&[2, 2]);
    assert_eq!(machine.error(), 0, "two are too few");
    machine.says(&[2]);
    assert!(machine.trust.is_trusted() && (900..=2_000).contains(&machine.error()), "a little: {}", machine.error());
    machine.synchronise(0).pass(SECOND).look();
    assert!((900..=2_000).contains(&machine.error()), "and stays there: {}", machine.error());

    let mut machine = Machine::synchronised();
    machine.says(&[60, 60, 60]);
    assert!(matches!(machine.trust.standing(), Standing::Untrusted(Why::Differs(58..=60))), "{:?}", machine.trust.standing());
    assert_eq!(machine.error(), 0);
    assert_eq!(machine.settle(), Standing::Trusted(Proof::Meta));
    assert!((59_000..=61_000).contains(&machine.error()), "{}", machine.error());
    machine.pass(HOUR).synchronise(0).look();
    assert!(machine.trust.is_trusted() && machine.error() > 59_000, "the time server does not win it back");
    assert!((-61_000..=-59_000).contains(&machine.trust.system_ahead()));
}

#[test]
fn servers_of_metas_that_disagree_move_nothing() {
    let mut machine = Machine::confirmed();
    for _ in 0..20 {
        machine.says(&[60, 60, 60, 0, 0]);
        assert_eq!((machine.trust.is_trusted(), machine.error()), (true, 0));
    }
    let mut machine = Machine::on(-YEAR);
    machine.says(&[1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    assert_eq!(machine.settle(), Standing::Untrusted(Why::Unproven), "jumps");
}

#[test]
fn a_webhook_from_the_future_makes_it_ask_and_no_more() {
    let stamp = |machine: &Machine, ahead: i64| Timestamp(u32::try_from((TRUE + signed(machine.up.0) + ahead) / SECOND).expect("in range"));
    let mut machine = Machine::synchronised();
    machine.trust.heard(machine.up, stamp(&machine, 299 * SECOND));
    assert!(machine.trust.is_trusted(), "Meta's clock may differ");
    machine.trust.heard(machine.up, stamp(&machine, 400 * SECOND));
    assert_eq!(machine.trust.standing(), Standing::Untrusted(Why::Future(400)));
    machine.pass(SECOND).synchronise(0);
    assert!(!matches!(machine.settle(), Standing::Trusted(_)), "the time server that was wrong is no proof");
    machine.says(&[400, 400, 400]).settle();
    assert!((399_000..=401_000).contains(&machine.error()), "{}", machine.error());

    // Nonsense: it costs one question, however often it is repeated.
    let mut machine = Machine::confirmed();
    machine.pass(2 * HOUR).synchronise(0).look();
    machine.trust.heard(machine.up, Timestamp(u32::MAX));
    assert!(!machine.trust.is_trusted());
    machine.says(&[0, 0, 0]).settle();
    for _ in 0..100 {
        machine.trust.heard(machine.up, Timestamp(u32::MAX));
        assert!(machine.is_right());
    }
}

#[test]
fn what_nothing_confirms_for_hours_is_in_doubt() {
    let mut machine = Machine::confirmed();
    machine.pass(6 * HOUR - HOUR).look();
    assert!(machine.is_right());
    machine.pass(HOUR + SECOND).look();
    assert_eq!(machine.trust.standing(), Standing::Untrusted(Why::Stale));
    let mut other = Machine::confirmed();
    other.pass(5 * HOUR).synchronise(0).look().pass(5 * HOUR).look();
    assert!(other.is_right(), "the time server is there");
    machine.synchronise(0);
    assert!(matches!(machine.settle(), Standing::Trusted(_)), "and comes back");
}

#[test]
fn meta_is_asked_at_once_then_ever_less_often_and_hourly_when_all_is_well() {
    let mut machine = Machine::on(-YEAR);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let at = machine.trust.asks().expect("it asks");
        pauses.push(at.since(machine.up));
        machine.up = machine.up.max(at);
        machine.trust.asked(machine.up);
    }
    assert_eq!(pauses, [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    machine.says(&[0, 0, 0]).settle();
    let rested = machine.trust.asks().expect("it asks").since(machine.up);
    assert_eq!(rested, HOURLY);
    machine.pass(HOUR);
    machine.trust.asked(machine.up);
    machine.says(&[0]);
    assert_eq!(machine.trust.asks().expect("it asks").since(machine.up), HOURLY);
    let mut said = Trust::said();
    said.look(Uptime(5), Millis(7), None);
    said.heard(Uptime(5), Timestamp(u32::MAX));
    assert_eq!((said.asks(), said.shows(Uptime(9), Millis(3)), said.is_trusted()), (None, Millis(3), true));
}

#[test]
fn only_what_meta_has_confirmed_is_written_down() {
    let mut machine = Machine::synchronised();
    assert_eq!(machine.trust.worth_keeping(machine.up, machine.shown()), None);
    machine.says(&[0, 0, 0]);
    assert_eq!(machine.trust.worth_keeping(machine.up, Millis(0)), Some(machine.shown().second()));
    machine.set(YEAR);
    assert_eq!(machine.trust.worth_keeping(machine.up, machine.shown()), None);
}

#[test]
fn the_last_second_that_a_clock_can_show_is_survived() {
    let mut trust = Trust::new(FLOOR);
    for (up, time) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
        trust.look(Uptime(up), Millis(time), Some(Mark { service: Service::Timesyncd, at: Millis(time) }));
        trust.dated(Timestamp(u32::MAX), Uptime(up), Uptime(up));
        trust.heard(Uptime(up), Timestamp(u32::MAX));
        trust.settle(Uptime(up));
        let _ = (trust.shows(Uptime(up), Millis(time)), trust.meta_ahead(Uptime(up)), trust.asks(), trust.system_ahead());
    }
}

/// One thing that is seen or heard.
#[derive(Clone, Debug)]
enum Fact {
    Set(i64),
    Synchronised(i64),
    Said(i64),
    Stamped(i64),
    Settled,
}

fn fact() -> impl Strategy<Value = Fact> {
    let wrong = || prop_oneof![Just(0), -3_000_i64..3_000, -YEAR..YEAR];
    prop_oneof![
        wrong().prop_map(Fact::Set),
        wrong().prop_map(Fact::Synchronised),
        prop_oneof![Just(0), -3_i64..3, -YEAR / SECOND..YEAR / SECOND].prop_map(Fact::Said),
        wrong().prop_map(Fact::Stamped),
        Just(Fact::Settled),
    ]
}

proptest! {
    /// Whatever happens: a clock that is trusted does not move by more than it may follow. Who acts by it is told before.
    #[test]
    fn it_moves_only_when_everybody_knows_that_it_is_not_trusted(facts in prop::collection::vec((fact(), 1_i64..8_000_000), 0..80)) {
        let mut machine = Machine::on(-YEAR);
        for (fact, pause) in facts {
            machine.pass(pause);
            let (mut trusted, before) = (machine.trust.is_trusted(), machine.error());
            match fact {
                Fact::Set(wrong) => { machine.set(wrong); }
                Fact::Synchronised(wrong) => { machine.synchronise(wrong).look(); }
                Fact::Said(wrong) => { machine.says(&[wrong]); }
                Fact::Stamped(wrong) => {
                    let stamp = (TRUE + signed(machine.up.0) + wrong) / SECOND;
                    machine.trust.heard(machine.up, Timestamp(u32::try_from(stamp).expect("in range")));
                }
                // A look may find a doubt. Who acts by the clock is told of that before it is settled.
                Fact::Settled => {
                    trusted &= machine.look().trust.is_trusted();
                    machine.settle();
                }
            }
            let moved = (machine.error() - before).abs();
            prop_assert!(!trusted || moved <= FOLLOW, "moved by {moved} ms");
        }
    }

    /// Two of any five answers may lie, as they like: once it is trusted it is right, and it gets there.
    #[test]
    fn as_long_as_the_majority_is_right_so_are_we(
        wrong in prop_oneof![Just(-56 * YEAR), Just(30 * 24 * HOUR), Just(12 * YEAR), -HOUR..HOUR],
        lies in prop::collection::vec((prop_oneof![-YEAR / SECOND..YEAR / SECOND, -10_i64..10], any::<bool>()), 60),
    ) {
        let mut machine = Machine::on(wrong);
        let mut lied = Vec::new();
        for (lie, lying) in lies {
            let lately = lied.iter().rev().take(4).filter(|lied| **lied).count();
            let lying = lying && lately < 2;
            lied.push(lying);
            machine.says(&[if lying { lie } else { 0 }]);
            machine.settle();
            prop_assert!(!machine.trust.is_trusted() || machine.error().abs() <= FOLLOW, "wrong by {} ms", machine.error());
        }
        prop_assert!(machine.trust.is_trusted());
    }
}
