//! The status socket: who connects is told how the relay fares, what a backup of it holds, or how a trial of its alarms went, as one JSON
//! document; and who may ask may say what becomes of figures that are held. Reads one line of its peer at most, decides nothing, and shows
//! nobody: counts, links and figures only. `command/status` makes German of it.

mod report;

pub use report::{
    AlarmReport, Answer, Budget, CertificateReport, Feed, Held, HeldFigures, Ingress, LinkReport, Links, Outbox, Pace, People, Relay,
    Report, SCHEMA, Standing, State, Surprise, Time,
};

use super::alarms::Tried;
use super::backup::Document;
use super::board::Board;
use super::stream::{self, InTheWay};
use crate::config::StatusConfig;
use crate::domain::decision::{Receipt, Taken};
use crate::domain::event::Verb;
use crate::domain::ids::Name;
use crate::domain::time::Day;
use serde::{Deserialize, Serialize};
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
/// For a test alarm: a command that hangs is killed after half a minute (`alarms::command`).
const TRYING: Duration = Duration::from_secs(45);
/// An answer is far smaller; whatever is longer is not a relay's.
const ANSWER: u64 = 1024 * 1024;
/// The longest word that is understood, with its line break.
const WORD: usize = 128;
/// How long a word is waited for: who has one brings it along. Who types nothing (`socat - UNIX:…`) waits so much longer for the status.
const LISTENING: Duration = Duration::from_millis(300);
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

/// What one may ask for.
enum Request {
    /// How the relay fares. So does who says nothing.
    Status,
    /// What a backup holds.
    Backup,
    /// To try whether alarms arrive.
    AlarmTest,
    /// To do what a human has decided about figures.
    Ruling(Ruling),
}

/// What a human has decided about the figures of a feed: `release corona 2026-11-22`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// What is to be done.
    pub verb: Verb,
    /// With which feed.
    pub feed: Name,
    /// The day that it must be about, if it is named.
    pub as_of: Option<Day>,
}

/// The words for what can be decided.
const VERBS: [(&str, Verb); 4] =
    [("release", Verb::Release), ("discard", Verb::Discard), ("rebaseline", Verb::Rebaseline), ("withdraw", Verb::Withdraw)];

impl Ruling {
    fn word(&self) -> String {
        let verb = VERBS.iter().find(|(_, verb)| *verb == self.verb).map_or("", |(word, _)| word);
        let as_of = self.as_of.map_or(String::new(), |day| format!(" {}", day.date()));
        format!("{verb} {}{as_of}", self.feed)
    }

    fn of(word: &str) -> Option<Ruling> {
        let mut words = word.split_ascii_whitespace();
        let verb = words.next()?;
        let (_, verb) = *VERBS.iter().find(|(word, _)| *word == verb)?;
        let feed = Name::new(words.next()?)?;
        let as_of = words.next().map(|day| day.parse().map(Day::of)).transpose().ok()?;
        words.next().is_none().then_some(Ruling { verb, feed, as_of })
    }
}

/// What came of a ruling.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ruled {
    /// In German.
    ruled: String,
    /// Whether it was carried out.
    done: bool,
}

impl Request {
    fn word(&self) -> String {
        match self {
            Request::Status => "status".to_owned(),
            Request::Backup => "backup".to_owned(),
            Request::AlarmTest => "alarm-test".to_owned(),
            Request::Ruling(ruling) => ruling.word(),
        }
    }

    /// What this word asks for; `None` if it is none that this relay knows.
    fn of(word: &[u8]) -> Option<Request> {
        let word = word.trim_ascii();
        if word.is_empty() {
            return Some(Request::Status);
        }
        let plain = [Request::Status, Request::Backup, Request::AlarmTest].into_iter().find(|request| request.word().as_bytes() == word);
        plain.or_else(|| Ruling::of(str::from_utf8(word).ok()?).map(Request::Ruling))
    }
}

/// What a relay says that has no backup to give, or does not know the word: German, to be shown as it is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    refused: String,
}

/// What came of a test alarm, by each way; absent where there is none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The retained message.
    pub mqtt: Outcome,
    /// The alarm command.
    pub command: Option<Outcome>,
    /// The heartbeat.
    pub heartbeat: Option<Outcome>,
}

/// How one way fared.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Why it failed, in German; absent if it did not.
    pub failed: Option<String>,
}

impl From<Tried> for Trial {
    fn from(Tried { mqtt, command, heartbeat }: Tried) -> Trial {
        let silent = || "der Broker hat nichts bestätigt. Abhilfe: drk-relay status sagt, wie es um die Verbindung steht".to_owned();
        Trial {
            mqtt: Outcome { failed: (!mqtt).then(silent) },
            command: command.map(|tried| Outcome { failed: tried.err().map(|why| format!("der Alarmbefehl {why}")) }),
            heartbeat: heartbeat.map(|tried| Outcome { failed: tried.err().map(|why| why.to_string()) }),
        }
    }
}

/// Why a relay gives no backup.
#[derive(Debug, thiserror::Error)]
pub enum NoBackup {
    /// Nobody answers there, or this user may not ask.
    #[error(transparent)]
    Nobody(#[from] io::Error),
    /// It says why.
    #[error("{0}")]
    Refused(String),
    /// It is an older one, which gives its status whatever it is asked, or none at all.
    #[error("Die Antwort ist nicht von einem Relay dieser Version. Abhilfe: das Relay nach einem Update neu starten.")]
    Foreign,
}

async fn answer(mut stream: UnixStream, board: Board) {
    let mut text = answered(Request::of(&word(&mut stream).await), &board).await;
    text.push('\n');
    let written = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    };
    match timeout(WRITING, written).await {
        Ok(Ok(())) => {}
        // Who asked is gone, or does not read: it is theirs.
        Ok(Err(_)) | Err(_) => tracing::debug!("a status was not taken"),
    }
}

/// What the peer says until its line ends, or it has said enough.
async fn word(stream: &mut UnixStream) -> Vec<u8> {
    let mut word = Vec::with_capacity(WORD);
    let said = async {
        while word.len() < WORD && !word.ends_with(b"\n") {
            match stream.read_u8().await {
                Ok(byte) => word.push(byte),
                // It has no more to say, or is gone: then the answer finds nobody.
                Err(_) => return,
            }
        }
    };
    // Who says nothing in time asks for the status; half a word is none.
    let _ = timeout(LISTENING, said).await;
    word
}

async fn answered(request: Option<Request>, board: &Board) -> String {
    let refused = |why: &str| serde_json::to_string_pretty(&Refused { refused: why.to_owned() });
    let text = match request {
        Some(Request::Status) => serde_json::to_string_pretty(&Report::of(board, board.look().await.as_ref())),
        Some(Request::Backup) => match board.kept().await {
            Some(backup) => return Document::new(board.clock.now().second().instant(), backup, None).write(),
            None => refused("Das Relay gibt gerade keine Sicherung her. Abhilfe: drk-relay status sagt, warum; danach noch einmal."),
        },
        Some(Request::AlarmTest) => serde_json::to_string_pretty(&Trial::from(board.alarms.test().await)),
        Some(Request::Ruling(Ruling { verb, feed, as_of })) => match board.ruled(verb, feed, as_of).await {
            Some(Receipt { taken, reach, .. }) => {
                let done = !matches!(taken, Taken::Refused(_));
                serde_json::to_string_pretty(&Ruled { ruled: taken.sentence(reach.now).into_owned(), done })
            }
            None => refused("Das Relay antwortet gerade nicht. Abhilfe: drk-relay status sagt, warum; danach noch einmal."),
        },
        None => refused(
            "Dieses Wort kennt das Relay nicht. Abhilfe: status, backup, alarm-test, oder release, discard, rebaseline, withdraw mit Feed.",
        ),
    };
    text.unwrap_or_else(|_| unreachable!("plain data: writing it to memory cannot fail"))
}

/// Asks the relay at this socket how it fares: the JSON document, as it came.
///
/// # Errors
/// If nobody answers there, or this user may not ask.
pub async fn ask(socket: &Path) -> io::Result<String> {
    // Without a word: so it is understood by relays that know none, too.
    asked(socket, "", ASKING).await
}

/// Lets the relay at this socket tell everybody, by every way, that this is a test.
///
/// # Errors
/// If nobody answers there, or this user may not ask; `InvalidData` if it is a relay that knows no alarms.
pub async fn ask_for_alarm_test(socket: &Path) -> io::Result<Trial> {
    let text = asked(socket, &Request::AlarmTest.word(), TRYING).await?;
    Ok(serde_json::from_str(&text)?)
}

/// Asks the relay at this socket for what a backup of it holds, without its configuration.
///
/// # Errors
/// See [`NoBackup`].
pub async fn ask_for_backup(socket: &Path) -> Result<Document, NoBackup> {
    let text = asked(socket, &Request::Backup.word(), ASKING).await?;
    match serde_json::from_str(&text) {
        Ok(Refused { refused }) => Err(NoBackup::Refused(refused)),
        Err(_) => Document::read(text.as_bytes()).map_err(|_| NoBackup::Foreign),
    }
}

/// Lets the relay at this socket carry out a ruling: what came of it, in German, and whether it was carried out.
///
/// # Errors
/// If nobody answers there, or this user may not ask; `InvalidData` if it is a relay that knows no rulings.
pub async fn ask_for_ruling(socket: &Path, ruling: &Ruling) -> io::Result<Result<String, String>> {
    let text = asked(socket, &ruling.word(), ASKING).await?;
    match serde_json::from_str(&text) {
        Ok(Refused { refused }) => Ok(Err(refused)),
        Err(_) => {
            serde_json::from_str(&text).map(|Ruled { ruled, done }| if done { Ok(ruled) } else { Err(ruled) }).map_err(io::Error::from)
        }
    }
}

async fn asked(socket: &Path, word: &str, patience: Duration) -> io::Result<String> {
    let asked = async {
        let (mut stream, mut text) = (UnixStream::connect(socket).await?, String::new());
        stream.write_all(word.as_bytes()).await?;
        stream.shutdown().await?;
        stream.take(ANSWER).read_to_string(&mut text).await?;
        Ok(text)
    };
    timeout(patience, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
