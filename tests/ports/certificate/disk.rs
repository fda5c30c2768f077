//! What a power cut, another configuration or a person can have left on disk: shown if it can be, else ordered anew, and never in the way.

use super::authority::Authority;
use super::{OURS, Station, acme, clock};
use drk_relay::config::CertificateConfig;
use drk_relay::domain::time::Timestamp;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Files and what is in them, and whether there is a certificate to show.
type State<'a> = (Vec<(&'a str, &'a [u8])>, bool);

/// A station that may order nothing shows what lies there.
async fn shows(folder: &Path) -> bool {
    let (clock, _warp) = clock(Timestamp(1_795_305_600));
    let config = acme("http://127.0.0.1:1/directory", None, folder);
    let station = Station::start(CertificateConfig::Acme(config), &clock, false);
    // It has looked when it waits for the clock: one turn of the runtime.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    station.leaf().is_some()
}

#[tokio::test]
async fn every_state_that_a_power_cut_leaves_is_usable() {
    let (clock, _warp) = clock(Timestamp(1_795_305_600));
    let authority = Authority::start(&clock).await;
    let made = tempfile::tempdir().expect("a directory");
    let config = |folder: &Path| CertificateConfig::Acme(acme(&authority.directory, None, folder));
    Station::start(config(made.path()), &clock, true).shown().await;
    let whole = fs::read(made.path().join("certificate.pem")).expect("kept");
    let account = fs::read(made.path().join("account.json")).expect("kept");

    // Each step of replacing a file, with the old one and without; and what no step of ours leaves, but a bad card or a person does.
    let half = whole.len() / 2;
    let halves = [&whole[..0], &whole[..10], &whole[..half], &whole[..whole.len() - 40], &whole[..]];
    let mut states: Vec<State<'_>> = vec![(vec![], false), (vec![("certificate.pem", &whole)], true)];
    for left in halves {
        states.push((vec![("certificate.pem.new", left)], false));
        states.push((vec![("certificate.pem", &whole), ("certificate.pem.new", left)], true));
        states.push((vec![("certificate.pem", left)], left.len() == whole.len()));
        states.push((vec![("certificate.pem", &whole), ("account.json", &left[..left.len() / 2])], true));
        states.push((vec![("account.json", &account), ("account.json.new", left)], false));
    }
    states.push((vec![("certificate.pem", b"\xff\0binary"), ("account.json", b"{}")], false));
    for (state, shown) in states {
        let folder = tempfile::tempdir().expect("a directory");
        for (name, bytes) in &state {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        let names: Vec<_> = state.iter().map(|(name, bytes)| format!("{name} ({} bytes)", bytes.len())).collect();
        assert_eq!(shows(folder.path()).await, shown, "{names:?}");
        // Put back what was set aside: the one that may order begins with the same state.
        for (name, bytes) in &state {
            fs::write(folder.path().join(name), bytes).expect("written");
        }
        let station = Station::start(config(folder.path()), &clock, true);
        station.shown().await;
        station.is_up().await;
        drop(station);
        assert!(shows(folder.path()).await, "after {names:?} there is one to keep");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_ordered_anew() {
    let (clock, _warp) = clock(Timestamp(1_795_305_600));
    let authority = Authority::start(&clock).await;
    let folder = tempfile::tempdir().expect("a directory");
    let config = |name: &str| {
        let mut config = acme(&authority.directory, None, folder.path());
        name.clone_into(&mut config.name);
        CertificateConfig::Acme(config)
    };
    let first = Station::start(config("old.example"), &clock, true).shown().await;
    let station = Station::start(config(OURS), &clock, true);
    let second = station.shown().await;
    assert_ne!(first, second);
    assert!(folder.path().join("certificate.pem.aside").exists());
    assert_eq!(authority.heard("/account").len(), 1, "the account is the same");
}

#[tokio::test]
async fn a_folder_that_takes_nothing_is_said_and_nothing_is_ordered() {
    let (clock, _warp) = clock(Timestamp(1_795_305_600));
    let authority = Authority::start(&clock).await;
    let folder = tempfile::tempdir().expect("a directory");
    // Even who may do everything cannot make a folder in a file.
    let file = folder.path().join("file");
    fs::write(&file, "").expect("written");
    let station = Station::start(CertificateConfig::Acme(acme(&authority.directory, None, &file.join("acme"))), &clock, true);
    let why = station.complains("lassen sich nicht speichern").await;
    assert!(why.contains("Rechte des Ordners"), "{why}");
    assert_eq!(authority.heard("/order").len(), 0);
}

#[tokio::test]
async fn what_others_could_read_is_ours_alone_afterwards() {
    let (clock, _warp) = clock(Timestamp(1_795_305_600));
    let authority = Authority::start(&clock).await;
    let folder = tempfile::tempdir().expect("a directory");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let left = folder.path().join("certificate.pem.new");
    fs::write(&left, "left").expect("written");
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).expect("set");
    Station::start(CertificateConfig::Acme(acme(&authority.directory, None, folder.path())), &clock, true).shown().await;
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(folder.path()), mode(&folder.path().join("certificate.pem"))), (0o700, 0o600));
}
