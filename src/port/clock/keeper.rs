//! Keeps the clock: looks at the system's every few seconds, has the relay told before it moves, and writes down what was proven. The
//! judgement is `domain::trust`'s.

use super::kept::Kept;
use super::marks::Marks;
use super::{Clock, remembered};
use crate::domain::event::Event;
use crate::domain::trust::{FOLLOW, Proof, Standing};
use crate::port::{Arrival, Inbox};
use std::convert::Infallible;
use std::future::pending;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How often the system's clock is looked at: a start waits at most this much longer than it must, and a doubt comes no later.
const LOOK: Duration = Duration::from_secs(2);
/// How often what is proven is written down, in milliseconds: a start after a power cut refuses to believe in a time before it.
const WRITE: u64 = 3_600_000;

/// Keeps it for ever. Says to the relay, and to the ports that must not act before, when it is trusted and when it no longer is. A warped
/// clock and the system's own are trusted by definition.
pub async fn keep(clock: &Clock, directory: &Path, inbox: &Inbox, trusted: &watch::Sender<bool>) -> Infallible {
    match clock {
        Clock::Kept(kept) => Keeper { kept, directory, inbox, trusted, written: None, complained: false }.keep().await,
        Clock::System | Clock::Warped(_) => {
            trusted.send_replace(true);
            // A relay that is gone needs no clock.
            let _ = inbox.send(Arrival::told(Event::ClockTrusted)).await;
            pending().await
        }
    }
}

struct Keeper<'a> {
    kept: &'a Kept,
    directory: &'a Path,
    inbox: &'a Inbox,
    /// What the relay and the ports have been told.
    trusted: &'a watch::Sender<bool>,
    /// When something was written down last: by the uptime.
    written: Option<u64>,
    /// It was said that the system's clock is wrong.
    complained: bool,
}

impl Keeper<'_> {
    async fn keep(mut self) -> Infallible {
        let mut marks = Marks::default();
        // A clock that somebody said to be right is trusted at once.
        self.turn().await;
        loop {
            self.kept.look(marks.latest().await);
            let news = self.kept.news();
            self.turn().await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = news => {}
            }
        }
    }

    /// Tells what has changed. The clock moves only after the relay has committed that it is in doubt.
    async fn turn(&mut self) {
        let (is_trusted, standing, _) = self.standing();
        if *self.trusted.borrow() && !is_trusted {
            tracing::warn!(?standing, "the clock is in doubt: Meta is asked, and nothing is sent until it is known to be right");
            self.trusted.send_replace(false);
            let (doubted, told) = Arrival::awaited(vec![Event::ClockDoubted]);
            if self.inbox.send(doubted).await.is_ok() {
                // Without room on the disk there is no relay that could act by it.
                let _ = told.await;
            }
        }
        if !*self.trusted.borrow() {
            let before = self.kept.now();
            self.kept.tell(|trust, up, _| trust.settle(up));
            let (is_trusted, standing, _) = self.standing();
            if is_trusted {
                let after = self.kept.now();
                let moved = i64::try_from(after.0).unwrap_or(i64::MAX).saturating_sub_unsigned(before.0) / 1_000;
                tracing::info!(?standing, moved, "the clock is known to be right");
                self.trusted.send_replace(true);
                // A relay that is gone needs no clock.
                let _ = self.inbox.send(Arrival::told(Event::ClockTrusted)).await;
            }
        }
        self.complain();
        self.remember();
    }

    /// Says once that the system's clock is not ours, and again when it has been right meanwhile.
    fn complain(&mut self) {
        let (is_trusted, _, ahead) = self.standing();
        if !is_trusted {
            return;
        }
        let wrong = ahead.saturating_abs() > FOLLOW;
        if wrong && !self.complained {
            let seconds = ahead / 1_000;
            tracing::warn!(seconds, "the system's clock is wrong by so many seconds: check timedatectl");
        }
        self.complained = wrong;
    }

    fn remember(&mut self) {
        let kept = self.kept.ask(|trust, up, system| trust.worth_keeping(up, system).map(|proven| (proven, up.0)));
        let Some((proven, up)) = kept.filter(|(_, up)| self.written.is_none_or(|written| up.saturating_sub(written) >= WRITE)) else {
            return;
        };
        // Failed or not, it is tried again in an hour: a card that is full is said elsewhere.
        self.written = Some(up);
        remembered::write(self.directory, proven);
    }

    /// Whether it is trusted, how it stands, and how far the system's is ahead of what is right, in milliseconds.
    fn standing(&self) -> (bool, Standing, i64) {
        self.kept.ask(|trust, up, _| {
            let ahead = match trust.standing() {
                // It is ours then: only Meta's tells.
                Standing::Trusted(Proof::Said) => -trust.meta_ahead(up).unwrap_or(0),
                Standing::Trusted(_) | Standing::Untrusted(_) => trust.system_ahead(),
            };
            (trust.is_trusted(), trust.standing(), ahead)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::kept::Machine;
    use super::*;
    use crate::domain::time::{Millis, Timestamp};
    use crate::domain::trust::{Trust, Uptime};
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    const NOW: Millis = Millis(1_795_305_600_000);
    const HOUR: u64 = 3_600_000;

    /// A clock that Meta has proven, its keeper's ends, and a directory.
    struct House {
        kept: Kept,
        inbox: Inbox,
        arrivals: mpsc::Receiver<Arrival>,
        trusted: watch::Sender<bool>,
        directory: tempfile::TempDir,
    }

    impl House {
        fn new() -> House {
            let (inbox, arrivals) = mpsc::channel(4);
            let machine = Machine::Played(Mutex::new((Uptime(0), Millis(0))));
            let kept = Kept::new(Trust::new(Timestamp(0)), machine);
            let directory = tempfile::tempdir().expect("a directory");
            House { kept, inbox, arrivals, trusted: watch::Sender::new(false), directory }
        }

        fn keeper(&self) -> Keeper<'_> {
            let House { kept, inbox, trusted, directory, .. } = self;
            Keeper { kept, directory: directory.path(), inbox, trusted, written: None, complained: false }
        }

        /// Meta says that it is so late now.
        fn dated(&self, now: Millis) {
            let up = self.kept.uptime();
            (0..3).for_each(|_| self.kept.dated(now.second(), up));
        }
    }

    #[tokio::test]
    async fn the_relay_is_told_before_the_clock_moves_and_after_it_has() {
        let mut house = House::new();
        house.kept.play(Uptime(1_000), Millis(5_000));
        house.kept.look(None);
        house.keeper().turn().await;
        assert_eq!((house.kept.now(), house.arrivals.is_empty()), (Millis(5_000), true), "1970, and nobody knows better");
        house.dated(NOW);
        house.kept.look(None);
        house.keeper().turn().await;
        let told = house.arrivals.recv().await.expect("told");
        assert_eq!((told.events, *house.trusted.borrow()), (vec![Event::ClockTrusted], true));
        assert!(house.kept.now().0.abs_diff(NOW.0) < 1_000);

        // Somebody sets the system's clock: nothing moves. Meta says that an hour has passed indeed; the relay is slow to commit.
        house.kept.play(Uptime(3_000), NOW.plus(HOUR));
        let before = house.kept.now();
        house.kept.look(None);
        house.dated(NOW.plus(HOUR));
        let mut arrivals = std::mem::replace(&mut house.arrivals, mpsc::channel(1).1);
        let mut keeper = house.keeper();
        let mut turn = Box::pin(keeper.turn());
        tokio::select! {
            biased;
            () = &mut turn => unreachable!("nobody has committed"),
            doubted = arrivals.recv() => {
                let doubted = doubted.expect("told");
                assert_eq!((doubted.events, *house.trusted.borrow()), (vec![Event::ClockDoubted], false));
                assert_eq!(house.kept.now(), before, "it has not moved");
                doubted.ack.expect("awaited").send(()).expect("somebody waits");
            }
        }
        turn.await;
        assert_eq!(arrivals.recv().await.expect("told").events, [Event::ClockTrusted]);
        assert_eq!(house.kept.now(), NOW.plus(HOUR));
    }

    #[tokio::test]
    async fn what_was_proven_is_there_at_the_next_start() {
        let mut house = House::new();
        house.kept.play(Uptime(1_000), NOW);
        house.kept.look(None);
        house.dated(NOW);
        let mut keeper = house.keeper();
        keeper.turn().await;
        assert_eq!(remembered::read(house.directory.path()), Some(NOW.second()));
        house.kept.play(Uptime(1_000 + HOUR / 2), NOW.plus(HOUR / 2));
        keeper.turn().await;
        assert_eq!(remembered::read(house.directory.path()), Some(NOW.second()), "hourly");
        house.kept.play(Uptime(1_000 + HOUR), NOW.plus(HOUR));
        keeper.turn().await;
        assert_eq!(remembered::read(house.directory.path()), Some(NOW.plus(HOUR).second()));
        assert_eq!(house.arrivals.recv().await.expect("told").events, [Event::ClockTrusted]);
        assert!(house.arrivals.is_empty());
    }
}
