//! What a rehearsal has and a relay at work has not: ports that panic when told. Knows no port.

use std::convert::Infallible;
use tokio::sync::watch;

/// Makes a port panic, so that its restart is practised: a real panic, inside the port's future, whatever that has in flight.
#[derive(Clone, Debug, Default)]
pub struct Drill {
    /// Who was struck last.
    struck: watch::Sender<&'static str>,
}

impl Drill {
    /// The port of this name panics: `graph`, `mqtt`, `webhook`. One that is just being restarted does not notice.
    pub fn strike(&self, port: &'static str) {
        self.struck.send_replace(port);
    }

    /// Waits until the port is struck, and panics.
    pub(super) async fn awaited(&self, port: &'static str) -> Infallible {
        let mut struck = self.struck.subscribe();
        while struck.changed().await.is_ok() {
            assert!(*struck.borrow_and_update() != port, "a drill");
        }
        // Never: the sender lives as long as `self`.
        std::future::pending().await
    }
}
