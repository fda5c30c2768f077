//! The status socket: who connects is told how the relay fares, as one JSON document, and that is all. Takes no orders, reads nothing from
//! its peer, and shows nobody: counts and links only. `command/status` makes German of it.

mod report;

pub use report::{
    Answer, Budget, CertificateReport, Feed, Held, Ingress, LinkReport, Links, Outbox, Pace, People, Relay, Report, SCHEMA, State, Time,
};

use super::board::Board;
use super::stream::{self, InTheWay};
use crate::config::StatusConfig;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at once: two technicians and a monitoring script. Each may cost a walk over all people; more wait in the backlog.
const CONNECTIONS: usize = 4;
/// For writing an answer. It has about 2 kB, which fit into the socket's buffer: only a broken peer needs as long.
const WRITING: Duration = Duration::from_secs(2);
/// For a whole question, seen from the one who asks: longer than the relay may take (`board`), several times over if others ask too.
const ASKING: Duration = Duration::from_secs(20);
/// An answer is far smaller; whatever is longer is not a relay's.
const ANSWER: u64 = 1024 * 1024;
/// After a failed accept: a process without descriptors must not turn in circles.
const BREATH: Duration = Duration::from_secs(1);

/// Why there is no status socket.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Somebody answers there.
    #[error(
        "{0}: an diesem Status-Socket antwortet schon ein anderes Relay. \
         Abhilfe: das andere beenden, oder in relay.toml unter [status] einen anderen socket angeben."
    )]
    Taken(PathBuf),
    /// It is a file that somebody wants to keep.
    #[error("{0}: dort liegt eine Datei, die kein Socket ist. Abhilfe: in relay.toml unter [status] einen anderen socket angeben.")]
    NoSocket(PathBuf),
    /// The system does not let us.
    #[error("{path}: der Status-Socket lässt sich nicht anlegen: {source}. Abhilfe: Verzeichnis und Schreibrechte prüfen.")]
    System {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Takes the socket's place. One that a killed process left behind is replaced, one where somebody answers is not.
///
/// # Errors
/// See [`Unavailable`].
pub fn bind(config: &StatusConfig) -> Result<UnixListener, Unavailable> {
    let path = config.socket.clone();
    stream::socket(&path).map_err(|taken| match taken {
        InTheWay::Taken => Unavailable::Taken(path),
        InTheWay::NoSocket => Unavailable::NoSocket(path),
        InTheWay::System(source) => Unavailable::System { path, source },
    })
}

/// Answers until the future is dropped.
pub async fn serve(listener: &UnixListener, board: &Board) -> std::convert::Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(answer(stream, board.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the status socket takes no connection");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, board: Board) {
    let report = Report::of(&board, board.look().await.as_ref());
    let written = async {
        let mut text = serde_json::to_string_pretty(&report).map_err(io::Error::other)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    };
    match timeout(WRITING, written).await {
        Ok(Ok(())) => {}
        // Who asked is gone, or does not read: it is theirs.
        Ok(Err(_)) | Err(_) => tracing::debug!("a status was not taken"),
    }
}

/// Asks the relay at this socket: the JSON document, as it came.
///
/// # Errors
/// If nobody answers there, or this user may not ask.
pub async fn ask(socket: &Path) -> io::Result<String> {
    let asked = async {
        let mut text = String::new();
        UnixStream::connect(socket).await?.take(ANSWER).read_to_string(&mut text).await?;
        Ok(text)
    };
    timeout(ASKING, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
