//! Whether a port reaches its peer, since when, and why not. Ports report here what they log anyway; nothing is decided or tried again.

use super::clock::{Clock, Mark};
use crate::domain::time::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;

/// A link that worked this many seconds ago is not doubted because somebody else came without proof: the longest gap in which the domain
/// still takes ingress to be proven (`domain::INGRESS_GAP`).
const DOUBTED_AFTER: u32 = 15 * 60;

/// One port's link to its peer. Clones report about the same link.
#[derive(Clone, Debug)]
pub struct Link {
    clock: Clock,
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Debug)]
struct State {
    condition: Condition,
    since: Mark,
    latest: Option<Mark>,
}

/// How a link is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// There was nothing to do over it since the start.
    Untried,
    /// It works.
    Up,
    /// It does not, and this is why: a German sentence for technicians, with nobody in it.
    Down(String),
}

/// A link at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkView {
    /// How it is.
    pub condition: Condition,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was last known to work.
    pub latest: Option<Timestamp>,
}

impl Link {
    /// A link that nobody has tried yet.
    pub fn new(clock: Clock) -> Link {
        let state = State { condition: Condition::Untried, since: clock.mark(), latest: None };
        Link { clock, state: Arc::new(watch::Sender::new(state)) }
    }

    /// The clock that its times are of.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// It works, right now.
    pub fn up(&self) {
        let now = self.clock.mark();
        self.state.send_modify(|state| {
            state.turn(Condition::Up, now);
            state.latest = Some(now);
        });
    }

    /// It does not work, and why. Said again it keeps its time.
    pub fn down(&self, why: impl Into<String>) {
        let now = self.clock.mark();
        self.state.send_modify(|state| state.turn(Condition::Down(why.into()), now));
    }

    /// Somebody came whose proof is wrong: the peer, if our key is, or a stranger. Lately proven, it is a stranger.
    pub fn doubted(&self, why: impl Into<String>) {
        let now = self.clock.now().second();
        let view = self.view();
        if view.condition != Condition::Up || view.latest.is_none_or(|latest| now.since(latest) > DOUBTED_AFTER) {
            self.down(why);
        }
    }

    /// Returns once it works.
    pub async fn reached(&self) {
        // Its sender is `self`'s.
        let _ = self.state.subscribe().wait_for(|state| state.condition == Condition::Up).await;
    }

    /// How it is now.
    pub fn view(&self) -> LinkView {
        let State { condition, since, latest } = self.state.borrow().clone();
        LinkView { condition, since: self.clock.when(since), latest: latest.map(|latest| self.clock.when(latest)) }
    }
}

impl State {
    fn turn(&mut self, condition: Condition, now: Mark) {
        if std::mem::discriminant(&self.condition) != std::mem::discriminant(&condition) {
            self.since = now;
        }
        self.condition = condition;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;
    use crate::port::clock::Warp;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn it_knows_since_when_and_is_not_doubted_for_a_stranger() {
        let link = Link::new(Clock::Warped(Warp::new(Millis(1_000_000), 1.0)));
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        let down = |why: &str| Condition::Down(why.to_owned());
        let view = |condition, since, latest: Option<u32>| LinkView { condition, since: Timestamp(since), latest: latest.map(Timestamp) };
        assert_eq!(link.view(), view(Condition::Untried, 1_000, None));
        pass(10).await;
        link.doubted("Signatur");
        assert_eq!(link.view(), view(down("Signatur"), 1_010, None));
        pass(10).await;
        link.down("keine Leitung");
        assert_eq!(link.view(), view(down("keine Leitung"), 1_010, None), "down as before, for another reason");
        link.up();
        pass(10).await;
        link.up();
        pass(u64::from(DOUBTED_AFTER)).await;
        link.doubted("Signatur");
        assert_eq!(link.view(), view(Condition::Up, 1_020, Some(1_030)));
        pass(1).await;
        link.doubted("Signatur");
        assert_eq!(link.view(), view(down("Signatur"), 1_031 + DOUBTED_AFTER, Some(1_030)));
    }
}
