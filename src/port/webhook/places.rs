//! The places for connections. Reads and answers nothing: it knows only which of them has a complete request, and who must go when all
//! places are taken.
//!
//! Whoever takes a second for every byte, or has nothing to say, loses the place to the next one who comes; whoever has said everything
//! and waits for the commit never does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// What [`Visit::since`] says while a complete request waits for its answer.
const ANSWERING: u64 = 0;

/// A bounded number of connections.
pub(super) struct Places {
    number: usize,
    /// All that run, and those that were sent away and are not gone yet.
    running: JoinSet<()>,
    /// Those that may stay.
    taken: BTreeMap<Id, (AbortHandle, Arc<Visit>)>,
    house: Arc<House>,
}

/// What all visits share.
struct House {
    /// Counts the moments at which a visit began or an answer was given: which was earlier, without a clock.
    turn: AtomicU64,
    /// An answer was given: that visit may be sent away now.
    answered: Notify,
}

/// One connection, as far as its place is concerned.
pub(super) struct Visit {
    house: Arc<House>,
    /// Since when no request has been complete; [`ANSWERING`] while one is.
    since: AtomicU64,
}

impl Visit {
    /// The request is complete: until the result is dropped the place is safe.
    pub(super) fn answering(self: &Arc<Visit>) -> Answering {
        self.since.store(ANSWERING, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }
}

/// A complete request is being answered.
pub(super) struct Answering(Arc<Visit>);

impl Drop for Answering {
    fn drop(&mut self) {
        let Visit { house, since } = &*self.0;
        since.store(house.next(), Ordering::Relaxed);
        house.answered.notify_one();
    }
}

impl House {
    fn next(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

impl Places {
    /// So many places, all of them free.
    pub(super) fn new(number: usize) -> Places {
        let house = House { turn: AtomicU64::new(ANSWERING + 1), answered: Notify::new() };
        Places { number, running: JoinSet::new(), taken: BTreeMap::new(), house: Arc::new(house) }
    }

    /// Waits until there is a free place, and makes one if need be: the visit that has gone longest without a complete request ends.
    pub(super) async fn free(&mut self) {
        loop {
            while let Some(ended) = self.running.try_join_next_with_id() {
                self.left(ended);
            }
            if self.running.len() < self.number {
                return;
            }
            let leaving = self.running.len() > self.taken.len();
            if !leaving && let Some((abort, _)) = self.longest_unfinished().and_then(|id| self.taken.remove(&id)) {
                tracing::debug!("all places are taken: the connection that was idle longest is closed");
                abort.abort();
            }
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.left(ended),
                () = self.house.answered.notified() => {}
            }
        }
    }

    /// Gives a free place to a connection.
    pub(super) fn take<F: Future<Output = ()> + Send + 'static>(&mut self, converse: impl FnOnce(Arc<Visit>) -> F) {
        let visit = Arc::new(Visit { house: Arc::clone(&self.house), since: AtomicU64::new(self.house.next()) });
        let abort = self.running.spawn(converse(Arc::clone(&visit)));
        self.taken.insert(abort.id(), (abort, visit));
    }

    fn longest_unfinished(&self) -> Option<Id> {
        let since = |visit: &Visit| visit.since.load(Ordering::Relaxed);
        let unfinished = self.taken.iter().map(|(id, (_, visit))| (since(visit), *id)).filter(|(since, _)| *since != ANSWERING);
        unfinished.min().map(|(_, id)| id)
    }

    fn left(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!("a webhook's connection panicked and is closed: Meta repeats what was not acknowledged");
                }
                error.id()
            }
        };
        self.taken.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::{mpsc, oneshot};
    use tokio::time::timeout;

    /// A visit that stays until it is sent away, and says so.
    fn enter(places: &mut Places, name: u8, gone: &mpsc::Sender<u8>) -> Arc<Visit> {
        struct Farewell(u8, mpsc::Sender<u8>);
        impl Drop for Farewell {
            fn drop(&mut self) {
                self.1.try_send(self.0).expect("room for all");
            }
        }
        let (farewell, mut visit) = (Farewell(name, gone.clone()), None);
        places.take(|of| {
            visit = Some(of);
            async move {
                let _farewell = farewell;
                std::future::pending::<()>().await;
            }
        });
        visit.expect("taken")
    }

    #[tokio::test]
    async fn the_place_goes_from_who_was_idle_longest() {
        let (mut places, (gone, mut left)) = (Places::new(3), mpsc::channel(8));
        let guests = [1, 2, 3].map(|name| enter(&mut places, name, &gone));
        // The first has said everything; the second has been answered, so the third is idle longest.
        let waiting = guests[0].answering();
        drop(guests[1].answering());
        places.free().await;
        assert_eq!(left.try_recv(), Ok(3));
        enter(&mut places, 4, &gone);
        places.free().await;
        assert_eq!(left.try_recv(), Ok(2));
        enter(&mut places, 5, &gone);
        drop(waiting);
        places.free().await;
        assert_eq!(left.try_recv(), Ok(4), "an answer is news");
        assert!(left.try_recv().is_err());
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_keeps_the_place() {
        let (mut places, (gone, mut left)) = (Places::new(2), mpsc::channel(8));
        let guests = [1, 2].map(|name| enter(&mut places, name, &gone));
        let mut waiting = guests.map(|guest| Some(guest.answering()));
        let (told, done) = oneshot::channel();
        let seeking = tokio::spawn(async move {
            places.free().await;
            told.send(()).expect("somebody asks");
            places
        });
        tokio::task::yield_now().await;
        assert!(left.try_recv().is_err() && done.is_empty());
        waiting[1] = None;
        let _places = timeout(Duration::from_secs(60), seeking).await.expect("an answer makes room").expect("no panic");
        assert_eq!(left.try_recv(), Ok(2));
    }
}
