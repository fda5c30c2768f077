//! A certificate that somebody else renews (certbot, an administrator): read from files, and read again when they change. Orders nothing.

use super::pair::{Pair, Unusable};
use super::standing::{Standing, Teller, day};
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
    trusted: &mut watch::Receiver<bool>,
    link: &Link,
) -> Infallible {
    let mut seen: Option<[Vec<u8>; 2]> = None;
    let mut shown: Option<Validity> = None;
    let (mut trouble, mut told): (Option<String>, Option<String>) = (None, None);
    let mut teller = Teller::default();
    loop {
        let read = read(chain).and_then(|chain| Ok([chain, read(key)?]));
        match read {
            Ok(read) if seen.as_ref() == Some(&read) => {}
            Ok(read) => {
                let [chain, key] = &read;
                let found = Pair::read(chain, key, None);
                trouble = found.as_ref().err().map(|why| format!("die Dateien sind nicht brauchbar: {why}. {}", remedy(*why)));
                if let Ok(pair) = found {
                    shown = Some(pair.validity);
                    certificates.show(pair.certified);
                }
                seen = Some(read);
            }
            // When it is readable again it may be the same.
            Err(why) => (seen, trouble) = (None, Some(format!("die Dateien sind nicht lesbar: {why}. Abhilfe: Pfade und Rechte prüfen"))),
        }
        if shown.is_some() && trouble.is_some() && trouble != told {
            tracing::warn!("new certificate files cannot be used, the old certificate is still shown: see `drk-relay status`");
        }
        told.clone_from(&trouble);
        let known = *trusted.borrow_and_update();
        tell(&mut teller, shown, trouble.as_deref(), clock, known, link);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // How it stands depends on what time it is.
            Ok(()) = trusted.changed() => {}
        }
    }
}

/// What is wrong with the new files is worth a word at once, while there is time to do something about it.
fn tell(teller: &mut Teller, shown: Option<Validity>, trouble: Option<&str>, clock: &Clock, trusted: bool, link: &Link) {
    let now = clock.now().second();
    match (shown, trouble) {
        (Some(validity), Some(trouble)) if !trusted || Standing::at(validity, now) == Standing::Good => {
            link.down(format!("{trouble}; gezeigt wird das bisherige Zertifikat, bis {}", day(validity.not_after)));
        }
        (Some(_), None) if !trusted => {}
        (Some(_) | None, _) => teller.tell(shown, now, trouble, link),
    }
}

/// What to do about files that cannot be shown. systemd copies a credential when the service starts: who renews it must start it again.
fn remedy(why: Unusable) -> &'static str {
    match why {
        Unusable::Mismatch => {
            "Abhilfe: certificate_file und key_file aus demselben Vorgang nehmen; kommt der Schlüssel von systemd (tls-key), nach jedem \
             Erneuern: systemctl restart drk-relay"
        }
        Unusable::Chain | Unusable::Key | Unusable::Name => "Abhilfe: certificate_file und key_file prüfen",
    }
}

/// Blocks for as long as a small file takes.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SIZE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
