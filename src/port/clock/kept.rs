//! Our own clock: the uptime and an offset, which `domain::trust` keeps. What the system's clock is set to does not reach those who ask
//! what time it is; it reaches the judge, who has them told first. Waits for nothing: that is for the `keeper`.

use super::reading;
use crate::domain::time::{Millis, Timestamp};
use crate::domain::trust::{Mark, Trust, Uptime};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A clock that is kept.
#[derive(Debug)]
pub struct Kept {
    trust: Mutex<Trust>,
    machine: Machine,
    /// Something was heard that may change how it stands.
    news: Notify,
}

/// Whose clocks are read.
#[derive(Debug)]
pub(super) enum Machine {
    /// This one's.
    Real,
    /// A test's: its uptime and what its clock shows.
    #[cfg(test)]
    Played(Mutex<(Uptime, Millis)>),
}

impl Machine {
    /// Both at one moment.
    fn read(&self) -> (Uptime, Millis) {
        match self {
            Machine::Real => (reading::uptime(), reading::system()),
            #[cfg(test)]
            Machine::Played(clocks) => *clocks.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Kept {
    pub(super) fn new(trust: Trust, machine: Machine) -> Kept {
        Kept { trust: Mutex::new(trust), machine, news: Notify::new() }
    }

    /// What it shows.
    pub(super) fn now(&self) -> Millis {
        let (up, system) = self.machine.read();
        self.trust().shows(up, system)
    }

    /// What it showed then, by what is known now.
    pub(super) fn then(&self, mark: Uptime) -> Millis {
        let (up, system) = self.machine.read();
        Millis(self.trust().shows(up, system).0.saturating_sub(up.since(mark)))
    }

    pub(super) fn uptime(&self) -> Uptime {
        self.machine.read().0
    }

    /// Whatever it asks is answered at one moment.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&mut Trust, Uptime, Millis) -> T) -> T {
        let (up, system) = self.machine.read();
        question(&mut self.trust(), up, system)
    }

    /// Tells the judge something. Who waits looks again if it has changed when Meta is to be asked, or how the clock stands.
    pub(super) fn tell(&self, fact: impl FnOnce(&mut Trust, Uptime, Millis)) {
        let changed = self.ask(|trust, up, system| {
            let before = (trust.standing(), trust.asks());
            fact(trust, up, system);
            before != (trust.standing(), trust.asks())
        });
        if changed {
            self.news.notify_waiters();
        }
    }

    /// Looks at the system's clock, and at what a time server left behind.
    pub(super) fn look(&self, mark: Option<Mark>) {
        self.tell(|trust, up, system| trust.look(up, system, mark));
    }

    /// Meta's clock showed `date` between `asked` and now.
    pub(super) fn dated(&self, date: Timestamp, asked: Uptime) {
        self.ask(|trust, up, _| trust.dated(date, asked, up));
        // The last of those that agree, perhaps.
        self.news.notify_waiters();
    }

    /// A signed webhook says something that happened at `stamp`.
    pub(super) fn heard(&self, stamp: Timestamp) {
        self.tell(|trust, up, _| trust.heard(up, stamp));
    }

    /// Returns when Meta is to be asked, and takes it for asked.
    pub(super) async fn question(&self) {
        loop {
            let news = self.news.notified();
            let wait = self.ask(|trust, up, _| {
                let wait = trust.asks().map(|at| at.since(up));
                if wait == Some(0) {
                    trust.asked(up);
                }
                wait
            });
            match wait {
                Some(0) => return,
                Some(wait) => {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                        () = news => {}
                    }
                }
                None => news.await,
            }
        }
    }

    /// Resolves when something is heard from now on.
    pub(super) fn news(&self) -> Notified<'_> {
        self.news.notified()
    }

    fn trust(&self) -> MutexGuard<'_, Trust> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A test's clocks show this from now on.
    #[cfg(test)]
    pub(super) fn play(&self, up: Uptime, system: Millis) {
        if let Machine::Played(clocks) = &self.machine {
            *clocks.lock().unwrap_or_else(PoisonError::into_inner) = (up, system);
        }
    }
}
