//! A certificate that somebody else renews (certbot, an administrator): read from files, and read again when they change. Orders nothing.

use super::pair::Pair;
use super::standing::Teller;
use crate::port::certificates::{Certificates, Validity};
use crate::port::clock::Clock;
use crate::port::link::Link;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

/// How often the files are looked at. Who renews leaves days for it.
pub(super) const LOOK: Duration = Duration::from_secs(60);
/// Bytes of a file that are read: ten times a long chain.
const SIZE: u64 = 128 * 1024;

/// Shows what is in the files, for ever. New ones that cannot be shown leave the old ones where they are.
pub(super) async fn keep(
    (chain, key): (&Path, &Path),
    certificates: &Certificates,
    clock: &Clock,
    trusted: &watch::Receiver<bool>,
    link: &Link,
) -> Infallible {
    let mut seen: Option<[Vec<u8>; 2]> = None;
    let mut shown: Option<Validity> = None;
    let mut trouble: Option<String> = None;
    let mut teller = Teller::default();
    loop {
        let read = read(chain).and_then(|chain| Ok([chain, read(key)?]));
        match read {
            Ok(read) if seen.as_ref() == Some(&read) => {}
            Ok(read) => {
                let [chain, key] = &read;
                let found = Pair::read(chain, key, None);
                trouble = found.as_ref().err().map(|why| format!("die Dateien sind nicht brauchbar: {why}. Abhilfe: chain und key prüfen"));
                if let Ok(pair) = found {
                    shown = Some(pair.validity);
                    certificates.show(pair.certified);
                }
                seen = Some(read);
            }
            // When it is readable again it may be the same.
            Err(why) => (seen, trouble) = (None, Some(format!("die Dateien sind nicht lesbar: {why}. Abhilfe: Pfade und Rechte prüfen"))),
        }
        tell(&mut teller, shown, trouble.as_deref(), clock, *trusted.borrow(), link);
        tokio::time::sleep(LOOK).await;
    }
}

/// What is wrong with the new files is worth a word at once, while there is time to do something about it.
fn tell(teller: &mut Teller, shown: Option<Validity>, trouble: Option<&str>, clock: &Clock, trusted: bool, link: &Link) {
    if trusted || shown.is_none() {
        teller.tell(shown, clock.now().second(), trouble, link);
    }
    if let (Some(validity), Some(trouble)) = (shown, trouble) {
        link.down(format!("{trouble}; gezeigt wird das bisherige Zertifikat, bis {}", super::standing::day(validity.not_after)));
    }
}

/// Blocks for as long as a small file takes.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SIZE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
