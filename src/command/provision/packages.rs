//! Debian packages for the card: where they are found, and whether they are whole. Unpacks none: the device does, and says if it cannot.

use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What Debian calls a Raspberry Pi with a 64-bit system, and one with a 32-bit one.
pub(super) const ARCHITECTURES: [(&str, &str); 2] = [("arm64", "Pi 3, 4, 5, Zero 2 W mit 64-Bit-System"), ("armhf", "alle anderen")];
/// Largest package: several times ours.
const SIZE_MAX: u64 = 128 * 1024 * 1024;

/// A package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Package {
    pub(super) path: PathBuf,
    /// `drk-relay_1.2.3_arm64.deb`.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
}

impl Package {
    /// Looks at a file.
    pub(super) fn of(path: &Path) -> anyhow::Result<Package> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let parts: Option<Vec<&str>> = name.strip_suffix(".deb").map(|stem| stem.split('_').collect());
        let Some(["drk-relay", version, architecture]) = parts.as_deref() else {
            bail!("{}: so heißt kein Paket von drk-relay. Abhilfe: drk-relay_<Version>_<Architektur>.deb nennen", path.display())
        };
        if !ARCHITECTURES.iter().any(|(known, _)| known == architecture) {
            bail!("{name}: für {architecture} ist kein Raspberry Pi. Abhilfe: die Pakete für arm64 und armhf nehmen")
        }
        let size = fs::metadata(path).with_context(|| format!("{} lässt sich nicht lesen. Abhilfe: Pfad prüfen", path.display()))?.len();
        let whole = size <= SIZE_MAX && is_whole(&fs::read(path).with_context(|| path.display().to_string())?);
        if !whole {
            bail!("{name} ist kein ganzes Debian-Paket. Abhilfe: noch einmal herunterladen")
        }
        Ok(Package { path: path.to_owned(), version: (*version).to_owned(), architecture: (*architecture).to_owned(), name })
    }

    /// The newest for each architecture in these folders.
    pub(super) fn in_folders(folders: &[PathBuf]) -> anyhow::Result<Vec<Package>> {
        let mut all = Vec::new();
        for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("drk-relay_") && ARCHITECTURES.iter().any(|(known, _)| name.ends_with(&format!("_{known}.deb"))) {
                all.push(Package::of(&entry.path())?);
            }
        }
        all.sort_by(|one, other| natural(&other.version).cmp(&natural(&one.version)).then_with(|| one.path.cmp(&other.path)));
        let newest = |architecture: &str| all.iter().find(|package| package.architecture == architecture).cloned();
        Ok(ARCHITECTURES.iter().filter_map(|(architecture, _)| newest(architecture)).collect())
    }
}

/// Numbers as numbers: 1.10 is newer than 1.9. Only for choosing among one's own files; what is newer is dpkg's to say.
fn natural(version: &str) -> Vec<(u64, &str)> {
    version.split(['.', '-', '~', '+']).map(|part| (part.parse().unwrap_or(0), part)).collect()
}

/// Whether this is an `ar` archive of a Debian package, with all members as long as they say (deb(5), ar(5)): a broken download is not.
fn is_whole(bytes: &[u8]) -> bool {
    const HEADER: usize = 60;
    let Some(mut rest) = bytes.strip_prefix(b"!<arch>\n") else { return false };
    let mut names = Vec::new();
    while rest.len() >= HEADER {
        let (header, content) = rest.split_at(HEADER);
        let field = |from: usize, to: usize| std::str::from_utf8(&header[from..to]).unwrap_or_default().trim_end();
        let Some(size) = field(48, 58).parse::<usize>().ok().filter(|size| *size <= content.len()) else { return false };
        names.push(field(0, 16).trim_end_matches('/').to_owned());
        rest = content.get(size + size % 2..).unwrap_or_default();
    }
    let named = |at: usize, begin: &str| names.get(at).is_some_and(|name| name.starts_with(begin));
    rest.is_empty() && named(0, "debian-binary") && named(1, "control.tar") && named(2, "data.tar")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with these members.
    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, content) in members {
            bytes.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes());
            bytes.extend(*content);
            bytes.extend((content.len() % 2 == 1).then_some(b'\n'));
        }
        bytes
    }

    #[test]
    fn half_a_package_is_none() {
        let whole = archive(&[("debian-binary", b"2.0\n"), ("control.tar.xz", b"abc"), ("data.tar.xz", b"0123456789")]);
        assert!(is_whole(&whole));
        (0..whole.len()).for_each(|length| assert!(!is_whole(&whole[..length]), "{length}"));
        assert!(!is_whole(&archive(&[("a", b"b")])));
        assert!(natural("1.10.0-1") > natural("1.9.3-2"));
    }
}
