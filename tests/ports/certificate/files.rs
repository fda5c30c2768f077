//! Certificates that somebody else renews.

use super::super::door::Authority;
use super::{DAY, OURS, Station, clock, until};
use drk_relay::config::CertificateConfig;
use drk_relay::domain::time::Timestamp;
use rcgen::{CertificateParams, date_time_ymd};
use rustls::pki_types::CertificateDer;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// 2026-01-01.
const BEGIN: Timestamp = Timestamp(1_767_225_600);
/// From one look to the next, and a little.
const LOOK: Duration = Duration::from_secs(61);

struct Shelf {
    folder: TempDir,
    authority: Authority,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf { folder: tempfile::tempdir().expect("a directory"), authority: Authority::new() }
    }

    fn config(&self) -> CertificateConfig {
        CertificateConfig::Files { chain: self.folder.path().join("chain.pem"), key: self.folder.path().join("key.pem") }
    }

    /// Good for the year 2026.
    fn renew(&self) -> CertificateDer<'static> {
        let mut params = CertificateParams::new([OURS.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        let (certificate, key) = self.authority.sign(&params);
        pem(&self.folder.path().join("chain.pem"), "CERTIFICATE", &certificate);
        pem(&self.folder.path().join("key.pem"), "PRIVATE KEY", key.secret_der());
        certificate
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("written");
    }
}

fn pem(path: &Path, label: &str, der: &[u8]) {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    fs::write(path, format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")).expect("written");
}

#[tokio::test(start_paused = true)]
async fn new_files_are_noticed_and_broken_ones_change_nothing() {
    let shelf = Shelf::new();
    let (clock, _warp) = clock(BEGIN.plus(30 * DAY));
    let station = Station::start(shelf.config(), &clock, true);
    station.complains("nicht lesbar").await;
    let first = shelf.renew();
    assert_eq!(station.shown().await, first);
    station.is_up().await;

    let second = shelf.renew();
    tokio::time::sleep(LOOK).await; // waits: for the next look; the clock is paused.
    assert_eq!(station.leaf(), Some(second.clone()));
    station.is_up().await;

    let key = fs::read_to_string(shelf.folder.path().join("key.pem")).expect("there");
    let third = shelf.renew();
    let new_key = fs::read_to_string(shelf.folder.path().join("key.pem")).expect("there");
    for (name, text, word) in [
        ("key.pem", key.as_str(), "gehören nicht zusammen. Abhilfe: certificate_file und key_file aus demselben Vorgang"),
        ("key.pem", "", "kein lesbarer privater Schlüssel"),
        ("chain.pem", "nothing", "kein lesbares Zertifikat"),
    ] {
        shelf.write(name, text);
        let why = station.complains(word).await;
        assert!(why.contains("gezeigt wird das bisherige Zertifikat, bis 01.01.2027"), "{why}");
        assert_eq!(station.leaf(), Some(second.clone()), "{word}");
    }
    let since = station.link.view().since;
    tokio::time::sleep(LOOK * 3).await; // waits: for more looks; the clock is paused.
    assert_eq!(station.link.view().since, since, "it is the same trouble all the time");
    fs::remove_file(shelf.folder.path().join("chain.pem")).expect("removed");
    station.complains("nicht lesbar").await;
    assert_eq!(station.leaf(), Some(second));
    pem(&shelf.folder.path().join("chain.pem"), "CERTIFICATE", &third);
    shelf.write("key.pem", &new_key);
    until(|| (station.leaf() == Some(third.clone())).then_some(())).await;
    station.is_up().await;
}

#[tokio::test(start_paused = true)]
async fn what_ends_is_said_in_time_and_only_by_a_clock_that_is_right() {
    let shelf = Shelf::new();
    let first = shelf.renew();
    let (clock, warp) = clock(Timestamp(0));
    let station = Station::start(shelf.config(), &clock, false);
    assert_eq!(station.shown().await, first);
    tokio::time::sleep(LOOK).await; // waits: for the next look; the clock is paused.
    assert_eq!(station.complaint(), None);
    station.trusted.send_replace(true);
    let end = BEGIN.plus(365 * DAY);
    warp.run_until(end.minus(15 * DAY).millis(), super::JUMP);
    station.is_up().await;
    warp.run_until(end.minus(14 * DAY).millis(), super::JUMP);
    station.complains("gilt nur noch bis 01.01.2027 00:00 UTC; Abhilfe: das Zertifikat erneuern").await;
    warp.run_until(end.plus(1).millis(), super::JUMP);
    station.complains("galt bis 01.01.2027 00:00 UTC, Meta stellt nichts mehr zu").await;
    assert_eq!(station.clock.now(), end.plus(1).millis());
    assert_eq!(station.leaf(), Some(first), "still shown: somebody may believe it");
}
