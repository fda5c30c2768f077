//! The alarms that were raised, in a small file: who was told of one shall not be told again because the relay was started anew. Judges
//! nothing.

use crate::domain::alarm::{Alarm, Code};
use crate::domain::time::Timestamp;
use crate::port::durable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The file's layout.
const VERSION: u32 = 1;
/// Longest file that is read: fifty times as long as one with every alarm.
const SIZE: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    alarms: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    code: String,
    since: Option<u32>,
    why: String,
    over: bool,
    until: Option<u32>,
    told: bool,
}

/// What the file at `path` says. One that cannot be understood says nothing: then somebody may be told twice, and nobody too little.
pub(super) fn read(path: &Path) -> BTreeMap<Code, Alarm> {
    let read = std::fs::read(path).and_then(|bytes| understood(&bytes));
    match read {
        Ok(alarms) => alarms,
        Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            tracing::warn!(%error, "what is known of earlier alarms cannot be read: some may be told again");
            BTreeMap::new()
        }
    }
}

fn understood(bytes: &[u8]) -> io::Result<BTreeMap<Code, Alarm>> {
    if bytes.len() > SIZE {
        return Err(io::Error::new(ErrorKind::InvalidData, "too long"));
    }
    let Document { version, alarms } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(io::Error::new(ErrorKind::InvalidData, "of another version"));
    }
    // A code that is unknown here is a newer version's.
    Ok(alarms.into_iter().filter_map(|row| Some((Code::named(&row.code)?, row.into()))).collect())
}

impl From<Row> for Alarm {
    fn from(Row { code: _, since, why, over, until, told }: Row) -> Alarm {
        Alarm { since: since.map(Timestamp), why, over: over.then(|| until.map(Timestamp)), told }
    }
}

/// Replaces the file.
///
/// # Errors
/// If the disk is full or fails.
pub(super) fn write(path: &Path, alarms: &BTreeMap<Code, Alarm>) -> io::Result<()> {
    let row = |(code, alarm): (&Code, &Alarm)| Row {
        code: code.name().to_owned(),
        since: alarm.since.map(|at| at.0),
        why: alarm.why.clone(),
        over: alarm.over.is_some(),
        until: alarm.over.flatten().map(|at| at.0),
        told: alarm.told,
    };
    durable::replace(path, &serde_json::to_vec(&Document { version: VERSION, alarms: alarms.iter().map(row).collect() })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("alarms.json");
        assert_eq!(read(&path), BTreeMap::new());
        let alarm = |over, told| Alarm { since: Some(Timestamp(7)), why: "\"\n🦠".to_owned(), over, told };
        let alarms = BTreeMap::from([
            (Code::TunnelDown, alarm(None, true)),
            (Code::DiskFull, alarm(Some(None), false)),
            (Code::SendingHeld, Alarm { since: None, ..alarm(Some(Some(Timestamp(9))), true) }),
        ]);
        write(&path, &alarms).expect("room");
        assert_eq!(read(&path), alarms);
        let good = std::fs::read_to_string(&path).expect("text");
        for damaged in ["", "{}", &good[..good.len() / 2], &good.replace("\"version\":1", "\"version\":2"), &" ".repeat(SIZE + 1)] {
            std::fs::write(&path, damaged).expect("written");
            assert_eq!(read(&path), BTreeMap::new());
        }
        std::fs::write(&path, good.replace("tunnel-down", "moon-down")).expect("written");
        assert_eq!(read(&path).len(), 2, "a code of another version");
    }
}
