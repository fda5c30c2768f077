//! The promises, judged after every step from what the world knows and not from what the relay believes. Decides nothing for the relay.
//! Here is what is said and acknowledged; what leaves is judged in `sends`, what becomes of people's rows in `rows`.

use super::excuses::Excuses;
use super::people::counts;
use super::rows::{Rows, live};
use super::sends::Sent;
use super::silence::Silence;
use drk_relay::domain::budget::{Purse, Room, Worth};
use drk_relay::domain::conversation::{Person, Talk};
use drk_relay::domain::decide;
use drk_relay::domain::decision::{Body, Change, Effect};
use drk_relay::domain::event::{Event, Figure, Heard, Said};
use drk_relay::domain::figures::Value;
use drk_relay::domain::ids::{FeedId, Name, OutboxId, PersonHash};
use drk_relay::domain::outbox::SLOTS;
use drk_relay::domain::pacing::{Bucket, RoundTrip};
use drk_relay::domain::rewrite::Rewrite;
use drk_relay::domain::rules::Rules;
use drk_relay::domain::state::{Clock, State};
use drk_relay::domain::time::{Day, Millis, Timestamp};
use drk_relay::domain::wording::wish;
use std::collections::{BTreeMap, BTreeSet};

/// Messages this close together, in seconds, may be one burst.
pub(super) const BURST: u32 = 6;
/// Messages stamped further ahead of a trusted clock than this do not count (promise 2), in seconds.
const AHEAD: u32 = 300;

/// What has happened so far, as far as a promise depends on it.
pub(crate) struct Ledger {
    pub(super) rules: Rules,
    /// Messages whose webhook got its 200.
    heard: BTreeSet<u64>,
    /// Names by which Meta knows those who are called otherwise in a webhook: telephones.
    names: BTreeMap<PersonHash, PersonHash>,
    /// Who goes by another name now.
    pub(super) moved: BTreeMap<PersonHash, PersonHash>,
    /// The latest counted message of each person that was acknowledged in time.
    pub(super) latest: BTreeMap<PersonHash, Timestamp>,
    /// The latest "Ja" of each person.
    pub(super) yes: BTreeMap<PersonHash, Timestamp>,
    /// The latest stop of each person that counted.
    pub(super) stops: BTreeMap<PersonHash, Stop>,
    /// Reminders by window.
    pub(super) reminders: BTreeMap<(PersonHash, Timestamp), OutboxId>,
    /// Publications by person and revision, and those that have gone twice.
    pub(super) publications: BTreeMap<(PersonHash, u32), OutboxId>,
    pub(super) repeated: BTreeSet<(PersonHash, u32)>,
    /// Messages that have left.
    pub(super) sent: BTreeMap<OutboxId, Sent>,
    /// The newest day that there were figures of, by feed.
    newest: BTreeMap<FeedId, Day>,
    /// Questions that have left, and what the relay was told of them.
    pub(crate) silence: Silence,
    /// What stood in the relay's way.
    pub(crate) excuses: Excuses,
    /// Nothing goes wrong in this world: there are no excuses.
    pub(crate) flawless: bool,
    /// When messages left, since the last restart or clock step.
    pub(super) left: Vec<Millis>,
    /// Hints by window.
    pub(super) hints: BTreeMap<(PersonHash, Timestamp), OutboxId>,
    /// Places that the budget pays for.
    places: Option<usize>,
    /// Messages that Meta took, by time zone, year and month.
    pub(super) spent: BTreeMap<(i8, i16, i8), u32>,
    /// When Meta last took a question for each person, in true time.
    pub(super) questions: BTreeMap<PersonHash, Timestamp>,
    /// A herd counts whom nobody asked before the closing; elsewhere that breaks a promise.
    pub(crate) missing: Option<u64>,
    /// Everyone's row before the present step.
    pub(super) rows: Rows,
    /// What the rows of those who speak in it are between the events of the present step, if more than one does.
    between: Vec<(Option<Person>, Option<Person>)>,
    /// True time.
    pub(super) now: Millis,
    pub(super) people: u64,
}

/// Somebody said stop.
#[derive(Clone, Copy)]
pub(super) struct Stop {
    pub(super) at: Timestamp,
    pub(super) confirmed: Option<OutboxId>,
    /// They have written something later since, that may be answered.
    pub(super) over: bool,
}

/// Whether the message carries a question.
pub(crate) fn asks(body: &Body) -> bool {
    match body {
        Body::Buttons { .. } | Body::List { .. } => true,
        Body::Text(_) => false,
    }
}

impl Ledger {
    /// A ledger for a branch with so many places and people.
    pub(crate) fn new(rules: Rules, places: Option<usize>, people: usize) -> Ledger {
        let rows = Rows::of(people, rules.clone());
        Ledger {
            rules,
            heard: BTreeSet::new(),
            names: BTreeMap::new(),
            moved: BTreeMap::new(),
            latest: BTreeMap::new(),
            yes: BTreeMap::new(),
            stops: BTreeMap::new(),
            reminders: BTreeMap::new(),
            publications: BTreeMap::new(),
            repeated: BTreeSet::new(),
            sent: BTreeMap::new(),
            newest: BTreeMap::new(),
            silence: Silence::default(),
            excuses: Excuses::default(),
            flawless: false,
            left: Vec::new(),
            hints: BTreeMap::new(),
            places,
            spent: BTreeMap::new(),
            questions: BTreeMap::new(),
            missing: None,
            rows,
            between: Vec::new(),
            now: Millis(0),
            people: people as u64,
        }
    }

    /// Who is called `alias` in some webhooks is called `name` by Meta.
    pub(crate) fn known_as(&mut self, alias: PersonHash, name: PersonHash) {
        self.names.insert(alias, name);
    }

    /// Somebody goes by another name now.
    pub(crate) fn goes_by(&mut self, old: PersonHash, new: PersonHash) {
        self.moved.insert(old, new);
    }

    /// The name under which Meta knows whoever is called so.
    pub(super) fn name(&self, hash: PersonHash) -> PersonHash {
        self.names.get(&hash).copied().unwrap_or(hash)
    }

    /// Whoever was there before the world began has written at `at`.
    pub(crate) fn was_there(&mut self, name: PersonHash, at: Timestamp) {
        self.latest.insert(name, at);
        self.yes.insert(name, at);
        self.excuses.learned(name, at);
    }

    /// When somebody last wrote something that counts, as far as the relay was told.
    pub(crate) fn wrote(&self, name: PersonHash) -> Timestamp {
        self.latest.get(&name).copied().unwrap_or(Timestamp(0))
    }

    /// Before a step. Promise 8: what has been acknowledged before changes nothing when it comes again, and what is older than a day sends
    /// nothing and subscribes nobody.
    pub(crate) fn before(&mut self, state: &State, now: Millis, true_now: Millis, events: &[Event]) {
        self.now = true_now;
        self.rows.before(state, now, events);
        for event in events {
            let Event::Heard(heard) = event else { continue };
            // Nobody knows its age while the clock is not trusted, and the id of one that is more than a day old is forgotten. A clock that
            // was hours ahead has forgotten ids too soon.
            // Somebody who has moved may have been moved again since, with an older window.
            let old = heard.at.plus(24 * 3600) <= true_now.second();
            let name = self.name(heard.from.hash);
            let moved = self.moved.iter().any(|(old, new)| *old == name || *new == name);
            let unsure = state.clock == Clock::Untrusted || moved;
            if (old && unsure || self.excuses.has_been_lied_to()) && !state.seen.contains(heard.hash, heard.at.hour()) {
                self.heard.remove(&{ heard.hash.0 });
            }
            if self.heard.contains(&{ heard.hash.0 }) {
                self.changes_nothing(state, now, event);
            } else if is_stale(state, now, heard) && !wish(state, &self.rules, &heard.said).stops(true) {
                let decision = decide(state, &self.rules, now, event);
                let revives = decision.changes.iter().any(|change| self.revives(change));
                assert!(!revives && decision.effects.is_empty(), "a message more than a day old has an effect: {decision:?}");
            }
        }
        self.between = if speakers(events) > 1 { self.one_by_one(state, now, events) } else { Vec::new() };
    }

    /// The rows of those who speak, before and after each event: the step shows only the end of it.
    fn one_by_one(&self, state: &State, now: Millis, events: &[Event]) -> Vec<(Option<Person>, Option<Person>)> {
        let mut state = state.clone();
        let mut rows = Vec::new();
        for event in events {
            let row = |state: &State| match event {
                Event::Heard(heard) => whose(state, heard).cloned(),
                Event::Moved(moved) => moved.from.iter().find_map(|hash| row(state, *hash)).cloned(),
                Event::Status(_) | Event::Account(_) | Event::Proof | Event::Figure(_) | Event::Validate(_) | Event::Asked(_) => None,
                Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Sent { .. } | Event::Due(_) => None,
                Event::Rewritten | Event::RewriteFailed => None,
            };
            let before = row(&state);
            for change in decide(&state, &self.rules, now, event).changes {
                state.apply(&change);
            }
            rows.push((before, row(&state)));
        }
        rows
    }

    fn revives(&self, change: &Change) -> bool {
        match change {
            Change::Person(_, row) => live(row) && !self.rows.get(row.hash).is_some_and(live),
            Change::Outbox(..) => true,
            Change::Forget(_) | Change::Address(..) | Change::ForgetAddress(_) | Change::ForgetOutbox(_) | Change::Feed(..) => false,
            Change::ForgetFeed(_) | Change::Guard(_) | Change::Throttle(_) => false,
            Change::Notice(_)
            | Change::Hold(_)
            | Change::Wording(..)
            | Change::ForgetWording(_)
            | Change::Counters(_)
            | Change::Budget(_) => false,
            Change::Rewritten(_) | Change::Rewrite(_) => false,
            Change::Seen(..)
            | Change::ForgetSeen(_)
            | Change::Unread(..)
            | Change::Clock(_)
            | Change::Ingress(_)
            | Change::Paced(_)
            | Change::RoundTrip(_) => false,
        }
    }

    /// After a commit. Promise 7: a webhook got its 200, a publish its PUBACK, so whatever they said has been heard for good.
    pub(crate) fn acknowledged(&mut self, events: &[Event], effects: &[Effect], now: Millis, state: &State) {
        self.silence.told(events, now);
        let alone = events.len() == 1;
        for (index, event) in events.iter().enumerate() {
            match event {
                Event::Heard(heard) if !self.heard.contains(&{ heard.hash.0 }) => {
                    let (before, after) = match self.between.get(index) {
                        Some((before, after)) => (before.clone(), after.clone()),
                        None => (self.rows.whose(heard).cloned(), whose(state, heard).cloned()),
                    };
                    self.said(heard, before.as_ref(), after.as_ref(), now, state);
                }
                Event::Figure(figure) if is_alone(events, figure) => self.published(figure, now, state),
                Event::Figure(_) | Event::Validate(_) | Event::Asked(_) => continue,
                Event::Moved(moved) => {
                    let known = match self.between.get(index) {
                        Some((before, _)) => before.is_some(),
                        None => moved.from.iter().any(|hash| self.rows.get(*hash).is_some()),
                    };
                    if known {
                        self.follows(&moved.from, moved.to.hash);
                    }
                    if !alone {
                        continue;
                    }
                }
                Event::Sent { id, outcome } => {
                    self.answered(*id, *outcome);
                    continue;
                }
                // Without callback data it may have been unknown until the next status of the same webhook named it.
                Event::Status(status) if status.id.is_none() && !alone => continue,
                Event::Heard(_) | Event::Status(_) => {}
                Event::Account(_) | Event::Proof | Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Due(_) => continue,
                Event::Rewritten | Event::RewriteFailed => continue,
            }
            self.changes_nothing(state, now, event);
        }
        // While the clock is not trusted nobody knows which day is in the future, and which it is.
        for (id, feed) in &state.feeds {
            let held = feed.held.as_ref().map(|held| held.as_of);
            let days = [feed.settling.as_ref().map(|settling| settling.as_of), feed.current.as_ref().map(|current| current.as_of), held];
            let newest = days.into_iter().flatten().max();
            self.newest.extend(newest.map(|newest| (*id, newest)));
        }
        let wanted = events.iter().filter(|event| is_waited_for(event)).count();
        let receipts = effects.iter().filter(|effect| matches!(effect, Effect::Receipt(_))).count();
        assert_eq!(receipts, wanted, "a publisher waits for a receipt, or gets two");
    }

    fn said(&mut self, heard: &Heard, before: Option<&Person>, after: Option<&Person>, now: Millis, state: &State) {
        let from = self.name(heard.from.hash);
        if before.is_none() {
            self.latest.remove(&from);
        }
        let stop = self.stops.get(&from).copied().filter(|stop| !stop.over && before.is_some());
        let (stale, ahead) = (is_stale(state, now, heard), is_ahead(state, now, heard));
        let wish = wish(state, &self.rules, &heard.said);
        let would_stop = wish.stops(before.is_some());
        // What is not counted because it comes from the future may be counted when it comes again; so may a thumb that came while nobody
        // knew whether the window was open.
        let undecided = state.clock == Clock::Untrusted && matches!(heard.said, Said::Reacted(_));
        if (!ahead || would_stop) && !undecided {
            self.heard.insert(heard.hash.0);
        }
        // Within one burst a stop is the strongest thing.
        let known = before.is_some_and(is_stopped) && would_stop && self.stops.get(&from).is_some_and(|stop| heard.at <= stop.at);
        let outdone = known || stop.is_some_and(|stop| heard.at <= stop.at.plus(if would_stop { 0 } else { BURST }));
        let stops = would_stop && !outdone && !self.outlived(heard, before);
        let counts = counts(&heard.said) && !stale && !ahead && !outdone;
        if counts {
            raise(&mut self.latest, from, heard.at);
        }
        if counts && wish.is_yes() {
            raise(&mut self.yes, from, heard.at);
        }
        if stops {
            assert!(after.is_none_or(is_stopped), "a stop was not obeyed: {heard:?}, {after:?}");
            let confirmed = stop.and_then(|stop| stop.confirmed);
            let at = if ahead { now.second() } else { heard.at };
            self.stops.insert(from, Stop { at, confirmed, over: false });
        } else if counts && let Some(stop) = self.stops.get_mut(&from) {
            stop.over = true;
        }
    }

    /// Promise 6: the later timestamp wins. To someone who has agreed to nothing, whatever they wrote later.
    fn outlived(&self, heard: &Heard, before: Option<&Person>) -> bool {
        let Some(person) = before else { return false };
        if let Some(burst) = person.burst.as_ref().filter(|burst| burst.wish.is_yes()) {
            return heard.at.plus(BURST) < burst.at;
        }
        let open = matches!(person.talk, Talk::New | Talk::Asked { .. } | Talk::Waiting { .. });
        let yes = self.yes.get(&self.name(person.hash));
        let agreed = person.talk.subscription().is_some() && yes.is_some_and(|yes| heard.at < *yes);
        (open && heard.at.plus(BURST) < person.window.latest) || agreed
    }

    /// Somebody goes by another name: what was known of them is known of that.
    fn follows(&mut self, from: &[PersonHash], to: PersonHash) {
        for old in from {
            let old = self.name(*old);
            if self.moved.get(&old) != Some(&to) {
                continue;
            }
            if let Some(stop) = self.stops.remove(&old) {
                self.stops.entry(to).or_insert(stop);
            }
            let written = self.latest.get(&old).max(self.latest.get(&to)).copied();
            if let Some(stop) = self.stops.get_mut(&to) {
                stop.over |= written > Some(stop.at);
            }
            if let Some(latest) = self.latest.remove(&old) {
                self.latest.entry(to).or_insert(latest);
            }
            if let Some(yes) = self.yes.remove(&old) {
                raise(&mut self.yes, to, yes);
            }
        }
    }

    /// Figures of a day that is not older than any before, and not in the future, are kept: published or about to be, held for a human, or
    /// known to be what a human did not want.
    fn published(&mut self, figure: &Figure, now: Millis, state: &State) {
        let today = self.rules.today(now);
        let as_of = figure.as_of.unwrap_or(today);
        let (id, feed) = state.feed(&figure.feed).expect("every feed of the configuration is known");
        let nameless_replay = figure.as_of.is_none() && figure.receipt.is_none();
        if state.clock == Clock::Trusted
            && !nameless_replay
            && as_of.0 <= today.0 + 1
            && self.newest.get(&id).is_none_or(|newest| as_of >= *newest)
        {
            let published = feed.settling.as_ref().map(|settling| (settling.as_of, &settling.values));
            let published = published.or(feed.current.as_ref().map(|current| (current.as_of, &current.values)));
            let held = feed.held.as_ref().map(|held| (held.as_of, &held.values));
            let dismissed = feed.dismissed.as_ref().map(|dismissed| (dismissed.as_of, &dismissed.values));
            let places: Vec<_> = [published, held, dismissed].into_iter().flatten().filter(|(day, _)| *day == as_of).collect();
            let kept = |(name, value): &(Name, Value)| places.iter().any(|(_, values)| values.get(name) == Some(value));
            assert!(figure.values.iter().all(kept), "an acknowledged figure is nowhere: {figure:?}");
        }
    }

    /// The commit of these failed, and yet the disk may have kept it: nothing was acknowledged, but it has been heard.
    pub(crate) fn survived(&mut self, events: &[Event], now: Millis, state: &State) {
        for (index, event) in events.iter().enumerate() {
            let Event::Heard(heard) = event else { continue };
            if state.seen.contains(heard.hash, heard.at.hour()) && !self.heard.contains(&{ heard.hash.0 }) {
                let before = self.between.get(index).map_or_else(|| self.rows.whose(heard).cloned(), |(before, _)| before.clone());
                self.said(heard, before.as_ref(), whose(state, heard), now, state);
            }
        }
    }

    /// The process died: what it believed is what its disk says.
    pub(crate) fn crashed(&mut self, state: &State) {
        self.silence.deaf();
        self.left.clear();
        self.rows.refresh(state);
        for sent in self.sent.values_mut().filter(|sent| sent.on_its_way) {
            (sent.on_its_way, sent.unknown) = (false, true);
            self.excuses.troubled(sent.to, self.now.second());
        }
    }

    /// The relay's clock was stepped: it may believe that more time has passed.
    pub(crate) fn clock_stepped(&mut self) {
        self.left.clear();
    }

    /// Everyone's row is what it is.
    pub(crate) fn refresh(&mut self, state: &State) {
        self.rows.refresh(state);
    }

    /// Checks every promise after a step; returns what was seen, for coverage.
    pub(crate) fn observe(&mut self, state: &State, events: &[Event], effects: &[Effect], now: Millis) -> Vec<&'static str> {
        let mut seen = Vec::new();
        let purse = Purse::new(state, &self.rules, now);
        seen.extend((!purse.buys(Worth::Promised)).then_some("messages run short"));
        seen.extend((!purse.buys(Worth::Owed)).then_some("messages are spent"));
        let room = match state.budget.room(now) {
            Room::Enough => true,
            Room::Few(room) => room > 0,
            Room::OneAt(_) => false,
        };
        let paid_for = purse.buys(Worth::Promised) && room;
        self.excuses.free(self.now, state.clock == Clock::Trusted && state.hold.is_none() && paid_for);
        let mut sends = 0;
        for effect in effects {
            if let Effect::Send(send) = effect {
                sends += 1;
                self.leaves(state, send, now, &mut seen);
                self.paced(now);
            }
        }
        let in_flight = state.outbox.in_flight();
        assert!(in_flight <= SLOTS, "{in_flight} messages in flight, {SLOTS} allowed");
        if state.hold.is_some() && sends > 0 {
            seen.push("probe");
            assert_eq!(in_flight, 1, "more than a probe leaves while sending is held");
        }
        // Promise 9: whoever is beyond the budget waits.
        let admitted = state.people.admitted();
        assert!(self.places.is_none_or(|places| admitted <= places), "{admitted} places are taken");
        self.judge_rows(state, events, effects, now, &mut seen);
        seen
    }

    /// The same once more: a receipt and the proof that webhooks arrive may come again, nothing else.
    fn changes_nothing(&self, state: &State, now: Millis, event: &Event) {
        let decision = decide(state, &self.rules, now, event);
        let changes = decision.changes.iter().any(|change| !matches!(change, Change::Ingress(_)));
        let leaves = decision.effects.iter().any(|effect| !matches!(effect, Effect::Receipt(_)));
        assert!(!changes && !leaves, "a duplicate changes something: {event:?}, {decision:?}");
    }
}

/// The row of whoever is called so.
pub(super) fn row(state: &State, hash: PersonHash) -> Option<&Person> {
    state.people.find(hash).and_then(|id| state.people.get(id))
}

/// The row of whoever says something.
fn whose<'a>(state: &'a State, heard: &Heard) -> Option<&'a Person> {
    row(state, heard.from.hash).or_else(|| row(state, heard.from.alias?))
}

fn speakers(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Heard(_) | Event::Moved(_))).count()
}

/// Whether somebody waits to be told what became of it.
fn is_waited_for(event: &Event) -> bool {
    match event {
        Event::Figure(figure) | Event::Validate(figure) => figure.receipt.is_some(),
        Event::Asked(request) => request.reply.is_some(),
        Event::Heard(_) | Event::Moved(_) | Event::Status(_) | Event::Account(_) | Event::Proof | Event::Sent { .. } => false,
        Event::Started | Event::ClockTrusted | Event::ClockDoubted | Event::Due(_) | Event::Rewritten | Event::RewriteFailed => false,
    }
}

/// Whether no other figure of the same step may stand in its place.
fn is_alone(events: &[Event], figure: &Figure) -> bool {
    events.iter().filter(|event| matches!(event, Event::Figure(other) if other.feed == figure.feed)).count() == 1
}

fn is_stopped(person: &Person) -> bool {
    matches!(person.talk, Talk::Stopped { .. })
}

fn is_stale(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at.plus(24 * 3600) <= now.second()
}

fn is_ahead(state: &State, now: Millis, heard: &Heard) -> bool {
    state.clock == Clock::Trusted && heard.at > now.second().plus(AHEAD)
}

fn raise(times: &mut BTreeMap<PersonHash, Timestamp>, name: PersonHash, at: Timestamp) {
    let latest = times.entry(name).or_insert(at);
    *latest = at.max(*latest);
}

/// What of a state the disk must know.
pub(crate) fn durable(state: &State) -> State {
    let bucket = Bucket::default();
    let (clock, rewrite, round_trip) = (Clock::default(), Rewrite::Resting, RoundTrip::default());
    State { unread: BTreeMap::new(), clock, ingress: None, bucket, rewrite, round_trip, ..state.clone() }
}
