//! The backup as a document: JSON that a human can read, with a checksum over what counts. Knows no file and no socket, and decides nothing
//! about what is kept.
//!
//! Schema 1. What is not understood is refused, not ignored: a backup that is restored by half is worse than none.

mod content;
mod unusable;

pub use unusable::Unusable;

use crate::config::Written;
use crate::domain::backup::Backup;
use content::Content;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The number of this schema.
pub const SCHEMA: u32 = 1;
/// Largest document in bytes: eight feeds need 50 kB, the largest configuration that is accepted 13 MB.
pub const SIZE_MAX: usize = 16 << 20;
/// By this a backup is told from any other JSON.
const FORMAT: &str = "drk-relay-backup";
/// For who opens the file.
const NOTE: &str = "Sicherung von drk-relay: Zahlen, Zähler und Konfiguration. Keine Personen und keine Geheimnisse. Auf einem neuen Gerät: \
                    drk-relay restore DATEI. Nicht bearbeiten: sha256 ist die Prüfsumme von content.";

/// What is in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Document {
    /// The version of the program that made it.
    pub version: String,
    /// When it was made, by the clock of the device.
    pub made: jiff::Timestamp,
    /// Figures and counters.
    pub backup: Backup,
    /// The configuration; absent if the relay itself was asked, which knows only what it does with it.
    pub configuration: Option<Written>,
}

/// The document as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    format: String,
    schema: u32,
    #[serde(default)]
    note: String,
    version: String,
    made: jiff::Timestamp,
    sha256: String,
    content: Box<RawValue>,
}

/// As much of it as every schema has.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    schema: Option<u32>,
    version: Option<String>,
}

impl Document {
    /// A document of this program.
    pub fn new(made: jiff::Timestamp, backup: Backup, configuration: Option<Written>) -> Document {
        Document { version: env!("CARGO_PKG_VERSION").to_owned(), made, backup, configuration }
    }

    /// As text, ending with a line break.
    ///
    /// # Panics
    /// Never: it is plain data.
    pub fn write(&self) -> String {
        let plain = "plain data: writing it to memory cannot fail";
        let content = serde_json::to_string_pretty(&Content::from(self)).unwrap_or_else(|_| unreachable!("{plain}"));
        // Line breaks are between values only: in strings they are escaped.
        let content = content.replace('\n', "\n  ");
        let envelope = Envelope {
            format: FORMAT.to_owned(),
            schema: SCHEMA,
            note: NOTE.to_owned(),
            version: self.version.clone(),
            made: self.made,
            sha256: checksum(&content),
            content: RawValue::from_string(content).unwrap_or_else(|_| unreachable!("{plain}")),
        };
        serde_json::to_string_pretty(&envelope).unwrap_or_else(|_| unreachable!("{plain}")) + "\n"
    }

    /// Reads one, and believes nothing: whatever is in the bytes, what comes out can be stored and worked with.
    ///
    /// # Errors
    /// See [`Unusable`].
    pub fn read(bytes: &[u8]) -> Result<Document, Unusable> {
        if bytes.len() > SIZE_MAX {
            return Err(Unusable::TooLarge);
        }
        let head: Head =
            serde_json::from_slice(bytes).map_err(|error| if error.is_eof() { Unusable::Truncated } else { Unusable::Foreign })?;
        match head {
            Head { format: Some(format), schema: Some(schema), version } if format == FORMAT => match schema {
                SCHEMA => {}
                newer if newer > SCHEMA => return Err(Unusable::Newer { version: version.unwrap_or_default() }),
                _ => return Err(Unusable::Damaged("schema")),
            },
            Head { .. } => return Err(Unusable::Foreign),
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| Unusable::Damaged("format"))?;
        let content = envelope.content.get();
        if checksum(content) != envelope.sha256 {
            return Err(Unusable::Altered);
        }
        let content: Content = serde_json::from_str(content).map_err(|_| Unusable::Damaged("content"))?;
        let (backup, configuration) = content.understood().map_err(Unusable::Damaged)?;
        Ok(Document { version: envelope.version, made: envelope.made, backup, configuration })
    }
}

/// SHA-256 in hexadecimal digits.
fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
