//! A long walk through everything at random: what the world asserts of every message holds, and in the end nothing is left.

use crate::world::{Net, World, edited, figure, rules, tapped, text};
use drk_relay::domain::conversation::Talk;
use drk_relay::domain::event::{Event, News, Outcome, Said};
use drk_relay::domain::outbox::Stage;
use drk_relay::domain::state::Clock;
use drk_relay::domain::time::{Day, Millis, Timestamp};

/// A small linear congruential generator: the same walk every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const START: u32 = 1_795_258_800; // 2026-11-21 12:00 in Berlin

fn said(dice: &mut Dice) -> Said {
    match dice.roll(12) {
        0 => text("Stopp"),
        1 => text("Zahlen"),
        2 => text("Hilfe"),
        3 => text("Nein"),
        4 => edited("Stopp"),
        5 => edited("Hallo"),
        6 => tapped("Stopp"),
        7 => Said::Other,
        8 | 9 => tapped("Ja"),
        _ => text("Ja"),
    }
}

fn step(world: &mut World, dice: &mut Dice, days: &mut i32) {
    match dice.roll(20) {
        0..=5 => {
            let back = [0, 0, 0, 1, 60, 3_600, 80_000, 86_390, 86_401, 92_000][usize::try_from(dice.roll(10)).unwrap_or(0)];
            let said = said(dice);
            let event = world.heard(said, Timestamp(real(world).0.saturating_sub(back)));
            if dice.roll(2) == 0 { world.happens(&event) } else { world.says_and_pauses(&event) }
        }
        6 => world.last_heard.clone().into_iter().for_each(|heard| world.happens(&Event::Heard(heard))),
        7 | 8 => {
            *days += i32::try_from(dice.roll(2)).unwrap_or(0);
            let metric = ["cases_new", "incidence"][usize::try_from(dice.roll(2)).unwrap_or(0)];
            let digits = i64::from(*days) * 1_000 + i64::try_from(dice.roll(3)).unwrap_or(0);
            let as_of = (dice.roll(4) > 0).then_some(Day(20_778 + *days));
            world.happens(&figure("corona", &[(metric, digits, 0)], as_of, dice.roll(2) == 0));
        }
        9 => world.net = [Net::Accepts, Net::Refuses, Net::Unknown, Net::Later, Net::Silent][usize::try_from(dice.roll(5)).unwrap_or(0)],
        10 => world.net = Net::Accepts,
        11 => world.statuses = dice.roll(2) == 0,
        12 | 13 => {
            let recent = world.sends.iter().rev().nth(usize::try_from(dice.roll(4)).unwrap_or(0)).map(|send| send.id);
            let news = [News::Sent, News::Delivered, News::Read, News::Failed(131_049)][usize::try_from(dice.roll(4)).unwrap_or(0)];
            let events: Vec<Event> = recent.map(|id| world.status(id, news, world.now.second())).into_iter().collect();
            events.iter().for_each(|event| world.happens(event));
        }
        14 | 15 => answer(world, dice),
        16 if dice.roll(4) == 0 => {
            world.restart();
            world.now = Millis(dice.roll(4_000_000_000) * 1_000);
        }
        _ => {
            let wait = [1, 5, 59, 600, 3_600, 40_000, 86_300, 200_000][usize::try_from(dice.roll(8)).unwrap_or(0)];
            let to = real(world).plus(wait);
            if world.state.clock == Clock::Untrusted {
                world.now = to.millis();
                world.happens(&Event::ClockTrusted);
            } else {
                world.pass(to.millis());
            }
        }
    }
    world.real = world.real.max(if world.state.clock == Clock::Trusted { world.now.second() } else { Timestamp(0) });
    world.outs.clear();
    held(world);
}

fn real(world: &World) -> Timestamp {
    world.real
}

/// Answers what the port still has, as a port does: once.
fn answer(world: &mut World, dice: &mut Dice) {
    let open = world
        .state
        .outbox
        .iter()
        .find(|(_, entry)| entry.stage() == Stage::Leaving)
        .map(|(id, entry)| (id, entry.not_after(world.state.guard)));
    let Some((id, not_after)) = open else { return };
    let mut outcomes = vec![
        Outcome::Rejected { code: 131_026, transient: false },
        Outcome::Later,
        Outcome::Unknown,
        Outcome::Accepted(crate::world::wamid(id)),
    ];
    if world.now.second() > not_after && world.state.clock == Clock::Trusted {
        outcomes.push(Outcome::TooLate);
    }
    let outcome = outcomes[usize::try_from(dice.roll(outcomes.len() as u64)).unwrap_or(0)];
    world.happens(&Event::Sent { id, outcome });
}

fn held(world: &World) {
    for (id, person) in world.state.people.iter() {
        let pending = world.state.outbox.of(id).any(|(_, entry)| entry.stage() != Stage::Gone);
        let kept = world.state.addresses.contains(id);
        match person.talk {
            Talk::New | Talk::Asked { .. } | Talk::Waiting { .. } | Talk::Subscribed { .. } => {
                assert!(kept, "no address: {:?}", person.talk);
            }
            Talk::Lapsed { .. } | Talk::Orphaned { .. } => {
                assert!(person.burst.is_some() || (!kept && !pending), "an address is kept: {:?}", person.talk);
            }
            Talk::Stopped { .. } => assert!(!kept || pending || person.burst.is_some(), "an address is kept for nothing"),
        }
    }
    assert!(world.state.outbox.iter().count() < 200, "the outbox grows");
}

#[test]
fn whatever_happens_everything_ends() {
    for seed in 0..1_500 {
        let mut dice = Dice(seed);
        let mut world = World::new(rules());
        world.real = Timestamp(START);
        world.now = Timestamp(START).millis();
        world.happens(&Event::ClockTrusted);
        let mut days = 0;
        for _ in 0..120 {
            step(&mut world, &mut dice, &mut days);
        }
        world.now = if world.state.clock == Clock::Trusted { world.now } else { world.real.millis() };
        world.happens(&Event::Started);
        world.happens(&Event::ClockTrusted);
        world.pass(world.now.plus(20 * 86_400_000));
        let left = (world.state.people.len(), world.state.outbox.iter().count(), world.state.addresses.len(), world.state.seen.len());
        assert_eq!(left, (0, 0, 0, 0), "seed {seed}: people, messages, addresses, ids");
    }
}
