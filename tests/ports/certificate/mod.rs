//! The port that orders certificates, against a real certificate authority and a scripted one.

use super::peers::pebble::Pebble;

#[tokio::test]
async fn pebble_starts() {
    let pebble = Pebble::start(1, 600).await;
    assert!(pebble.directory().starts_with("https://") && !pebble.roots().is_empty());
    assert!(pebble.issuer().await.starts_with(b"-----BEGIN CERTIFICATE-----"));
}
