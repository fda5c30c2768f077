//! Where account and certificate lie: each in one file that only we may read, replaced as a whole. Whatever moment the power goes, the old
//! file is there or the new one; chain and key are one file, so that they always belong together.

use super::super::pair::{Pair, Unusable};
use crate::port::durable;
use instant_acme::AccountCredentials;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const CERTIFICATE: &str = "certificate.pem";
const ACCOUNT: &str = "account.json";
/// Bytes of a file that are read: ten times a long chain.
const SIZE: u64 = 128 * 1024;
/// How the first line of a certificate's file begins: who signed it. What stands outside the blocks of a PEM file is a comment (RFC 7468).
const DIRECTORY: &str = "# ";

/// Where the certificate lies in the folder at this path.
pub(in crate::port::certificate) fn path(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

/// The folder of one directory's account and certificates.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    directory: String,
}

/// What lies there.
pub(super) struct Kept {
    pub(super) pair: Pair,
    /// Somebody else than the configured directory has signed it.
    pub(super) foreign: bool,
}

impl Folder {
    pub(super) fn new(path: &Path, directory: &str) -> Folder {
        Folder { path: path.to_owned(), directory: directory.to_owned() }
    }

    /// The certificate for `name`. What cannot be shown is set aside, and said.
    pub(super) fn certificate(&self, name: &str) -> io::Result<Option<Kept>> {
        let Some(bytes) = self.read(CERTIFICATE)? else { return Ok(None) };
        match Pair::read(&bytes, &bytes, Some(name)) {
            Ok(pair) => Ok(Some(Kept { pair, foreign: self.is_foreign(&bytes) })),
            Err(why) => {
                let why = match why {
                    Unusable::Name => "it is for another name",
                    Unusable::Chain | Unusable::Key | Unusable::Mismatch => "it is damaged",
                };
                tracing::warn!(why, "the certificate on disk is set aside, another one will be ordered");
                self.set_aside(CERTIFICATE).map(|()| None)
            }
        }
    }

    /// Who signed it stands in the first line. One that was put there by hand has no such line, and is as good as its name.
    fn is_foreign(&self, bytes: &[u8]) -> bool {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.strip_prefix(DIRECTORY.as_bytes()).is_some_and(|directory| directory != self.directory.as_bytes())
    }

    /// Keeps chain and key, both in PEM.
    pub(super) fn keep_certificate(&self, chain: &str, key: &str) -> io::Result<()> {
        self.write(CERTIFICATE, format!("{DIRECTORY}{}\n{}\n{key}", self.directory, chain.trim_end()).as_bytes())
    }

    /// The account with this directory. Another's, or a damaged one, is set aside.
    pub(super) fn account(&self) -> io::Result<Option<AccountCredentials>> {
        let Some(bytes) = self.read(ACCOUNT)? else { return Ok(None) };
        let json = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        let ours = json.filter(|json| json.get("directory").and_then(|directory| directory.as_str()) == Some(&self.directory));
        match ours.and_then(|json| serde_json::from_value(json).ok()) {
            Some(account) => Ok(Some(account)),
            None => self.forget_account().map(|()| None),
        }
    }

    /// It is of no use any more.
    pub(super) fn forget_account(&self) -> io::Result<()> {
        tracing::warn!("the account on disk is damaged, or nobody's with this authority: set aside, there will be another one");
        self.set_aside(ACCOUNT)
    }

    /// Keeps the account.
    pub(super) fn keep_account(&self, account: &AccountCredentials) -> io::Result<()> {
        self.write(ACCOUNT, &serde_json::to_vec(account)?)
    }

    /// Whether a certificate could be kept: one that is ordered and then lost counts with who signs it.
    pub(super) fn rehearse(&self) -> io::Result<()> {
        self.prepare()?;
        durable::rehearse(&self.path.join(CERTIFICATE), 16 * 1024)
    }

    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o700))
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(SIZE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.prepare()?;
        durable::replace(&self.path.join(name), bytes)
    }

    /// One of each is kept, for somebody who wants to know.
    fn set_aside(&self, name: &str) -> io::Result<()> {
        fs::rename(self.path.join(name), self.path.join(format!("{name}.aside")))
    }
}
