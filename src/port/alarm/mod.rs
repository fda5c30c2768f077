//! Looks whether something is wrong, and tells people: once when it begins, once when it is over, across restarts. What is wrong stands in
//! `findings`, when it is an alarm in `domain/alarm`, by which ways people are told in `port/alarms`.
//!
//! ```text
//!   board ──look, 3 times a minute──▶ findings ──▶ judge ──▶ alarms.json
//!                                                    │
//!                      port/mqtt, status ◀── alarms ─┼─▶ command, once for each beginning and end
//!                                                    └─▶ heartbeat, every few minutes
//! ```
//!
//! Three loops in one task: a command or an address that hangs delays neither the looking nor the other.

mod findings;
mod kept;

use super::alarms::{Alarms, Command, Heartbeat, Standing};
use super::board::Board;
use super::link::{Condition, Link};
use crate::domain::alarm::{Alarm, Code, Judge, Look, Word};
use crate::port::clock::{Clock, Mark};
use crate::port::events::KEPT;
use findings::Seen;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Between two looks, in milliseconds. Each costs a walk over all people; what is told at once is told this much later at most.
const LOOK: u64 = 20_000;
/// After a command that failed, doubled each time …
const AGAIN: Duration = Duration::from_secs(60);
/// … up to this: whoever has repaired it waits this long at most.
const AGAIN_MAX: Duration = Duration::from_secs(3_600);

/// The alarms that were raised, in the state directory.
const FILE: &str = "alarms.json";

/// What the loops share. They run in one task, and nothing is borrowed while one of them waits.
struct Desk<'a> {
    judge: RefCell<Judge>,
    path: PathBuf,
    /// Whether the file says what the judge does.
    saved: Cell<bool>,
    alarms: &'a Alarms,
    /// Something is to be told.
    owed: Notify,
}

/// Looks, judges and tells, for ever. Started again (after a panic) it knows what was told.
pub async fn run(board: &Board, state_dir: &Path) -> Infallible {
    let path = state_dir.join(FILE);
    let judge = RefCell::new(Judge::knowing(kept::read(&path)));
    let desk = Desk { judge, path, saved: Cell::new(true), alarms: &board.alarms, owed: Notify::new() };
    desk.changed();
    let (never, ..) = tokio::join!(watch(&desk, board), tell(&desk), beat(board));
    never
}

/// Looks again and again.
async fn watch(desk: &Desk<'_>, board: &Board) -> Infallible {
    let started = board.clock.mark();
    loop {
        let pulse = board.look().await;
        let trusted = pulse.as_ref().is_some_and(|pulse| pulse.clock_trusted);
        let (seen, look) = (Seen::of(board, pulse.as_ref()), look(&board.clock, started, trusted));
        let before = desk.judge.borrow().raised().clone();
        for code in Code::ALL {
            let turn = desk.judge.borrow_mut().judge(look, code, seen.finding(code));
            match turn {
                Some(Word::On) => tracing::warn!(target: KEPT, kind = "alarm-on", alarm = code.name(), "alarm"),
                Some(Word::Off) => tracing::info!(target: KEPT, kind = "alarm-off", alarm = code.name(), "alarm is over"),
                None => {}
            }
        }
        let turned = turned(&before, desk.judge.borrow().raised());
        if turned {
            desk.changed();
        } else if before != *desk.judge.borrow().raised() {
            desk.alarms.show(desk.judge.borrow().raised().iter());
        }
        desk.save();
        board.clock.sleep_until(board.clock.now().plus(LOOK)).await;
    }
}

/// Whether an alarm has begun or ended. What is known of it may be said in other words at every look: that is shown, and is no reason to
/// wear out the card.
fn turned(before: &BTreeMap<Code, Alarm>, after: &BTreeMap<Code, Alarm>) -> bool {
    let wordless = |alarms: &BTreeMap<Code, Alarm>| -> Vec<(Code, Alarm)> {
        alarms.iter().map(|(code, alarm)| (*code, Alarm { why: String::new(), ..alarm.clone() })).collect()
    };
    wordless(before) != wordless(after)
}

/// When that was, by a clock that nobody sets.
fn look(clock: &Clock, started: Mark, trusted: bool) -> Look {
    let now = clock.now().second();
    Look { elapsed: now.since(clock.when(started)), now: trusted.then_some(now) }
}

impl Desk<'_> {
    /// The alarms are others than before: everyone is shown, the file is written, and what is owed is told.
    fn changed(&self) {
        let mut judge = self.judge.borrow_mut();
        if self.alarms.command().is_none() {
            judge.forget_ended();
        }
        self.alarms.show(judge.raised().iter());
        self.saved.set(false);
        self.owed.notify_one();
    }

    /// Before anybody is told: who is told twice because the power failed in between is better off than who is never told. A full disk is
    /// tried again at the next look; until then the alarms are only in memory.
    fn save(&self) {
        if self.saved.get() {
            return;
        }
        let written = kept::write(&self.path, self.judge.borrow().raised());
        if let Err(error) = &written {
            tracing::debug!(%error, "the alarms cannot be kept");
        }
        self.saved.set(written.is_ok());
    }

    /// The most urgent thing that is still to be said, and its text.
    fn next(&self, command: &Command) -> Option<(Code, Word, String)> {
        let judge = self.judge.borrow();
        judge.raised().iter().find_map(|(code, alarm)| {
            let word = alarm.owed()?;
            Some((*code, word, command.text(*code, word, alarm)))
        })
    }
}

/// Runs the command for whatever is owed. At most one thing is owed for each alarm, so what waits is bounded however long it fails.
async fn tell(desk: &Desk<'_>) -> Infallible {
    let Some((command, link)) = desk.alarms.command() else { return pending().await };
    let mut again = AGAIN;
    loop {
        let Some((code, word, text)) = desk.next(command) else {
            desk.owed.notified().await;
            continue;
        };
        match command.run(code.name(), word, &text).await {
            Ok(()) => {
                desk.judge.borrow_mut().told(code, word);
                desk.changed();
                desk.save();
                link.up();
                again = AGAIN;
            }
            Err(why) => {
                tracing::warn!(%why, again = again.as_secs(), "the alarm command failed");
                link.down(format!("der Alarmbefehl {why}"));
                sleep(again).await;
                again = (again * 2).min(AGAIN_MAX);
            }
        }
    }
}

/// Lets whoever listens outside hear from us: as long as the relay turns, and at once when something begins or ends.
async fn beat(board: &Board) -> Infallible {
    let Some((heartbeat, link)) = board.alarms.heartbeat() else { return pending().await };
    let mut standings = board.alarms.watch();
    loop {
        let standing = standings.borrow_and_update().clone();
        // A relay that makes no step has no heartbeat; whoever listens notices.
        if board.look().await.is_some() {
            told(heartbeat, &standing, link).await;
        }
        changed(&mut standings, &standing, heartbeat.interval).await;
    }
}

async fn told(heartbeat: &Heartbeat, standing: &Standing, link: &Link) {
    let before = link.view().condition;
    match heartbeat.beat(standing).await {
        Ok(()) => link.up(),
        Err(why) => link.down(why.to_string()),
    }
    let after = link.view().condition;
    if std::mem::discriminant(&before) != std::mem::discriminant(&after) {
        match after {
            Condition::Down(_) => tracing::warn!("the heartbeat is not heard: see `drk-relay status`"),
            Condition::Up | Condition::Untried => tracing::info!("the heartbeat is heard"),
        }
    }
}

/// Returns when it is time for the next heartbeat. A test tells for itself.
async fn changed(standings: &mut watch::Receiver<Standing>, told: &Standing, interval: Duration) {
    let changed = async {
        // Its sender is the board's.
        let codes = |standing: &Standing| standing.active.iter().map(|shown| shown.code).collect::<Vec<_>>();
        let _ = standings.wait_for(|standing| codes(standing) != codes(told)).await;
    };
    let _ = tokio::time::timeout(interval, changed).await;
}
