//! The step: the one place where a decision becomes a fact. No await, no clock, no rule of its own.
//!
//! Events are decided and applied one by one, everything is committed in one transaction, and only then are effects handed out. A failed
//! commit is fatal, because memory is ahead of the disk then: the process ends and starts again from what is durable.

pub mod backup;
pub mod pulse;
pub mod surface;

use crate::domain::conversation;
use crate::domain::decide;
use crate::domain::decision::{Change, Effect, Verdict};
use crate::domain::event::{Event, Key};
use crate::domain::ids::{FeedId, FeedSet, InstanceId, PersonId};
pub use crate::domain::outbox::SLOTS;
use crate::domain::outbox::{self, QUEUE};
use crate::domain::pacing;
use crate::domain::rewrite::Rewrite;
use crate::domain::rules::Rules;
use crate::domain::state::{Clock, State};
use crate::domain::time::{Millis, Timestamp};
use crate::store::{Files, Progress, Store, StoreError};
use crate::wheel::Wheel;
pub use pulse::{Pulse, Roster};
pub use surface::Surface;

/// Deadlines of people handled in one step: bounds the commit, and its pause, to a few milliseconds of work.
const TURNS: usize = 256;
/// Turns of the outbox in one step: wake, a page of the broadcast, a round of sends, and again.
const OUTBOX_TURNS: usize = 8;
/// Reminders that begin within so many milliseconds begin together: at 80/s, four commits a second instead of 64.
const TOGETHER: u64 = 250;

/// State, store and wheel, and nothing else that could disagree.
pub struct Relay {
    state: State,
    rules: Rules,
    store: Store,
    /// Every deadline but reminders.
    wheel: Wheel,
    /// Reminders, by the second in which they are due; they begin as much earlier as the rate requires, see [`Relay::reminders_begin`].
    reminders: Wheel,
}

/// What one step is about to write down and let out.
#[derive(Default)]
struct Pending {
    changes: Vec<Change>,
    effects: Vec<Effect>,
}

impl Relay {
    /// Opens the store that lies there, or makes it with `fresh` as its instance id, and loads it. A damaged one is set aside, and the
    /// relay begins anew: people are asked again when they write. Tell it [`Event::Started`] before anything else.
    ///
    /// # Errors
    /// If the store cannot be opened for another reason than damage.
    pub fn start(files: &Files, fresh: InstanceId, rules: &Rules, now: Millis) -> Result<Relay, StoreError> {
        let open = || Relay::open(Store::of(files, fresh)?, rules.clone());
        match open() {
            Err(error) if error.is_damage() => {
                let file = files.set_aside(now.second())?;
                tracing::error!(%error, file, "the store is damaged: set aside, nothing overwritten; it holds personal data");
                open()
            }
            opened => opened,
        }
    }

    /// Loads the state and builds the wheel from it. Tell it [`Event::Started`] before anything else.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn open(store: Store, rules: Rules) -> Result<Relay, StoreError> {
        let state = store.load()?;
        let mut relay = Relay { state, rules, store, wheel: Wheel::new(), reminders: Wheel::new() };
        let keys: Vec<Key> = relay.state.keys().collect();
        keys.into_iter().for_each(|key| relay.arm(key));
        Ok(relay)
    }

    /// This program has proved itself: its predecessor need not read the store any more. See [`Store::advance`].
    ///
    /// # Errors
    /// As after a failed commit.
    pub fn advance(&mut self) -> Result<(), StoreError> {
        self.store.advance()
    }

    /// Decides everything that arrived and everything that is due at `now`, commits it, and returns what may leave.
    ///
    /// # Errors
    /// If the commit fails. The relay must not be used afterwards.
    ///
    /// # Panics
    /// If a due deadline makes no progress: it would come again for ever.
    pub fn step(&mut self, now: Millis, arrived: &[Event]) -> Result<Vec<Effect>, StoreError> {
        let mut pending = Pending::default();
        for event in arrived {
            self.turn(now, event, &mut pending);
        }
        if self.state.clock == Clock::Trusted {
            self.answers(now, &mut pending);
            self.deadlines(now, &mut pending);
            self.reminders(now, &mut pending);
            self.outbox(now, &mut pending);
        }
        if self.state.rewrite == Rewrite::UnderWay {
            self.rewrite(now, &mut pending)?;
        }
        self.store.commit(&pending.changes)?;
        tracing::trace!(events = arrived.len(), changes = pending.changes.len(), effects = pending.effects.len(), "step committed");
        Ok(pending.effects)
    }

    /// When the next step is wanted, seen from `now`, if nothing arrives before. `None`: not by itself. While the clock is untrusted
    /// every deadline waits; while the queue is full, reminders wait for it to drain; while the store is rewritten, at once.
    pub fn next_deadline(&self, now: Millis) -> Option<Millis> {
        match self.state.clock {
            Clock::Untrusted => None,
            Clock::Trusted => {
                let due = self.wheel.next().map(|at| Timestamp(at).millis());
                let reminder = if self.is_full() { None } else { self.reminders_begin(now) };
                let page = (self.state.rewrite == Rewrite::UnderWay).then_some(now);
                let answer = conversation::next_answer(&self.state, now).map(Timestamp::millis);
                let outbox = outbox::deadline(&self.state, &self.rules, now);
                [due, reminder, page, answer, outbox].into_iter().flatten().min()
            }
        }
    }

    /// What it looks like at `now`. Costs a walk over all people.
    pub fn pulse(&self, now: Millis) -> Pulse {
        Pulse { damaged: self.store.damaged(), ..Pulse::of(&self.state, &self.rules, now, self.next_deadline(now)) }
    }

    /// What it looks like from outside.
    pub fn surface(&self) -> Surface {
        Surface::of(&self.state, &self.rules)
    }

    /// Everyone's row. Costs a copy of all of them.
    pub fn roster(&self) -> Roster {
        Roster::of(&self.state)
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The store, for its instance id and for tests that compare it with the state.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Closes the store.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }

    /// Asserts that the wheel says what the state says, and the state what its rows say. Costs a walk over everything: for tests.
    pub fn check(&self) {
        self.state.check();
        self.wheel.check();
        self.reminders.check();
        let mut timers = 0;
        for key in self.state.keys() {
            let wanted = self.state.deadline(&self.rules, key).map(|at| at.0);
            let reminder = self.state.awaits_reminder(key);
            assert_eq!(self.wheel.get(index(key)), wanted.filter(|_| !reminder), "the wheel disagrees with the state about {key:?}");
            assert_eq!(self.reminders.get(index(key)), wanted.filter(|_| reminder), "the reminders disagree with the state about {key:?}");
            timers += usize::from(wanted.is_some());
        }
        assert_eq!(self.wheel.len() + self.reminders.len(), timers, "the wheels hold timers that the state does not know");
    }

    /// When the earliest reminder begins, so that every one of them can leave in its time. What is queued before figures goes first.
    fn reminders_begin(&self, now: Millis) -> Option<Millis> {
        let due = self.reminders.counts().map(|(at, count)| (Timestamp(at), count));
        let rate = outbox::attainable_rate(&self.state, &self.rules, now);
        pacing::begins(due, self.reminders.len(), self.state.outbox.queued_before_figures(), rate)
    }

    /// Whether no more reminders may be queued at present.
    fn is_full(&self) -> bool {
        self.state.outbox.queued_unasked() >= QUEUE
    }

    /// Puts a deadline where it waits, in one of the wheels and in no other.
    fn arm(&mut self, key: Key) {
        let at = self.state.deadline(&self.rules, key).map(|at| at.0);
        let reminder = self.state.awaits_reminder(key);
        self.wheel.set(index(key), at.filter(|_| !reminder));
        self.reminders.set(index(key), at.filter(|_| reminder));
    }

    fn answers(&mut self, now: Millis, pending: &mut Pending) {
        for _ in 0..TURNS {
            if conversation::next_answer(&self.state, now).is_none_or(|at| at > now.second()) {
                return;
            }
            let moved = self.turn(now, &Event::Due(Key::Answers), pending);
            assert!(moved, "somebody has paused, yet is not answered");
        }
    }

    fn deadlines(&mut self, now: Millis, pending: &mut Pending) {
        for _ in 0..TURNS {
            let Some((_, index)) = self.wheel.pop_due(now.second().0) else { return };
            let key = key(index);
            let moved = self.turn(now, &Event::Due(key), pending);
            let next = self.state.deadline(&self.rules, key);
            assert!(moved || next.is_none_or(|at| at > now.second()), "due, yet nothing to do: {key:?}");
            self.arm(key);
        }
    }

    /// Reminders begin in the order in which they are due, as late as they may, a few together: a commit for each would wear out the card.
    fn reminders(&mut self, now: Millis, pending: &mut Pending) {
        // They are counted in every step, and may all be spared for days.
        self.reminders.advance(now.second().0);
        if self.reminders_begin(now).is_none_or(|at| at > now) {
            return;
        }
        for _ in 0..TURNS {
            let soon = self.reminders_begin(now).is_some_and(|at| at <= now.plus(TOGETHER));
            if !soon || self.is_full() {
                return;
            }
            let Some((_, index)) = self.reminders.pop_first() else { return };
            let moved = self.turn(now, &Event::Due(key(index)), pending);
            assert!(moved, "a reminder begins, yet nothing changes: {:?}", key(index));
            self.arm(key(index));
        }
    }

    fn outbox(&mut self, now: Millis, pending: &mut Pending) {
        for _ in 0..OUTBOX_TURNS {
            if outbox::deadline(&self.state, &self.rules, now).is_none_or(|at| at > now) {
                return;
            }
            let moved = self.turn(now, &Event::Due(Key::Outbox), pending);
            assert!(moved, "the outbox is due, yet has nothing to do");
        }
    }

    /// One page of a rewrite, before the commit: the rows of this step go into both files then.
    fn rewrite(&mut self, now: Millis, pending: &mut Pending) -> Result<(), StoreError> {
        match self.store.rewrite(now.second())? {
            Progress::Copying => {}
            Progress::Done => {
                tracing::info!("store rewritten");
                self.turn(now, &Event::Rewritten, pending);
            }
            Progress::Abandoned(error) => {
                tracing::warn!(%error, "the store could not be rewritten, so erased rows stay in it; trying again in an hour");
                self.turn(now, &Event::RewriteFailed, pending);
            }
        }
        Ok(())
    }

    /// Decides one event and makes it so in memory; whether anything changed.
    fn turn(&mut self, now: Millis, event: &Event, pending: &mut Pending) -> bool {
        let decision = decide(&self.state, &self.rules, now, event);
        for change in &decision.changes {
            report(&self.state, change);
            self.state.apply(change);
            if let Some(key) = State::touched(change) {
                self.arm(key);
            }
        }
        match decision.verdict {
            Verdict::Acted => tracing::trace!(event = name(event), changes = decision.changes.len(), "decided"),
            Verdict::Refused(refusal) => tracing::debug!(event = name(event), ?refusal, "refused"),
        }
        let moved = !decision.changes.is_empty();
        pending.changes.extend(decision.changes);
        pending.effects.extend(decision.effects);
        moved
    }
}

/// Says what somebody has to know: once per change, not with every message and not with every probe.
fn report(state: &State, change: &Change) {
    match change {
        Change::Hold(Some(hold)) if state.hold.is_none_or(|before| before.why != hold.why) => {
            let (why, until) = (hold.why, hold.until.0);
            tracing::error!(?why, until, "Meta does not let us send: check token, payment and number in the WhatsApp Manager");
        }
        Change::Hold(None) => tracing::info!("Meta lets us send again"),
        Change::Guard(guard) => {
            let seconds = guard.seconds();
            tracing::warn!(seconds, "windows count as closed earlier than before: Meta answers slowly, or our clock differs from Meta's");
        }
        Change::Throttle(throttle) => tracing::info!(?throttle, "fewer messages a second for a while"),
        Change::Hold(Some(_)) | Change::Person(..) | Change::Forget(_) | Change::Address(..) | Change::ForgetAddress(_) => {}
        Change::Outbox(..) | Change::ForgetOutbox(_) | Change::Feed(..) | Change::ForgetFeed(_) | Change::Notice(_) => {}
        Change::Wording(..) | Change::ForgetWording(_) | Change::Counters(_) | Change::Budget(_) => {}
        Change::Seen(..) | Change::ForgetSeen(_) => {}
        Change::Unread(..) | Change::Clock(_) | Change::Ingress(_) | Change::Paced(_) => {}
        Change::Rewritten(_) | Change::Rewrite(_) | Change::RoundTrip(_) => {}
    }
}

/// Numbers of the wheel that are not people's: the notice, the ids, the rewriting, the feeds.
const RESERVED: u32 = FIRST_FEED + FeedSet::MAX as u32;
const FIRST_FEED: u32 = 3;

/// The key's number in the wheel.
///
/// # Panics
/// Answers and the outbox have no number in it.
fn index(key: Key) -> u32 {
    match key {
        Key::Notice => 0,
        Key::Seen => 1,
        Key::Rewrite => 2,
        Key::Feed(id) => FIRST_FEED + u32::from(id.0),
        Key::Person(id) => id.0.saturating_add(RESERVED),
        Key::Answers | Key::Outbox => unreachable!("answers and the outbox ask for their own deadlines"),
    }
}

fn key(index: u32) -> Key {
    match index {
        0 => Key::Notice,
        1 => Key::Seen,
        2 => Key::Rewrite,
        feed if feed < RESERVED => Key::Feed(FeedId(u8::try_from(feed - FIRST_FEED).unwrap_or(u8::MAX))),
        person => Key::Person(PersonId(person - RESERVED)),
    }
}

/// What an event is called in logs: never what it carries.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Started => "started",
        Event::ClockTrusted => "clock trusted",
        Event::ClockDoubted => "clock doubted",
        Event::Figure(_) => "figure",
        Event::Validate(_) => "validate",
        Event::Asked(_) => "asked",
        Event::Heard(_) => "heard",
        Event::Moved(_) => "moved",
        Event::Status(_) => "status",
        Event::Account(_) => "account",
        Event::Proof => "proof",
        Event::Sent { .. } => "sent",
        Event::Rewritten => "rewritten",
        Event::RewriteFailed => "rewrite failed",
        Event::Due(_) => "due",
    }
}
