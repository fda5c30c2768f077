//! What pebble cannot do: advice on renewal, profiles, limits, another authority, and time that passes by the month.

use super::authority::Authority;
use super::{DAY, JUMP, Station, acme, clock, until};
use drk_relay::config::CertificateConfig;
use drk_relay::domain::time::Timestamp;
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::link::Link;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const START: Timestamp = Timestamp(1_795_305_600);

struct Scene {
    authority: Authority,
    warp: Arc<Warp>,
    clock: Clock,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let (clock, warp) = clock(START);
        let authority = Authority::start(&clock).await;
        Scene { authority, warp, clock, folder: tempfile::tempdir().expect("a directory") }
    }

    fn config(&self) -> drk_relay::config::AcmeConfig {
        acme(&self.authority.directory, None, self.folder.path())
    }

    fn station(&self) -> Station {
        Station::start(CertificateConfig::Acme(self.config()), &self.clock, true)
    }

    /// At once.
    async fn pass_until(&self, at: Timestamp) {
        self.warp.run_until(at.millis(), JUMP);
        self.clock.sleep_until(at.millis()).await;
    }

    /// Hour by hour, each after what the one before has led to.
    async fn pass(&self, station: &Station, hours: u32) {
        for _ in 0..hours {
            let heard = self.authority.script().heard.len();
            self.pass_until(self.clock.now().second().plus(3600)).await;
            // waits: that nothing happens can only be seen by waiting; too short, it would be seen in the next hour.
            tokio::time::sleep(Duration::from_millis(10)).await;
            if self.authority.script().heard.len() > heard {
                self.quiet(station).await;
            }
        }
    }

    /// Until nothing has been asked for a while.
    async fn quiet(&self, _: &Station) {
        let mut heard = 0;
        while self.authority.script().heard.len() > heard {
            heard = self.authority.script().heard.len();
            // waits: the last request of several is not marked.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn orders(&self) -> Vec<(Timestamp, serde_json::Value)> {
        let orders = self.authority.heard("/order");
        orders.into_iter().filter(|(_, what)| what["identifiers"].is_array()).collect()
    }
}

#[tokio::test]
async fn nothing_is_asked_before_the_clock_is_trusted() {
    let scene = Scene::new().await;
    let station = Station::start(CertificateConfig::Acme(scene.config()), &scene.clock, false);
    station.complains("sobald die Uhr gestellt ist").await;
    scene.pass(&station, 24).await;
    assert_eq!(scene.authority.script().heard.len(), 0, "it was asked");
    station.trusted.send_replace(true);
    station.shown().await;
}

/// Who validates could not come in, and would count a failure.
#[tokio::test]
async fn nothing_is_ordered_before_the_tunnel_stands() {
    let (scene, way) = (Scene::new().await, Link::new(Clock::System));
    let station = Station::behind(CertificateConfig::Acme(scene.config()), &scene.clock, true, Some(way.clone()));
    scene.pass(&station, 24).await;
    assert_eq!(scene.orders().len(), 0, "ordered while nobody can come in");
    station.complains("sobald der Tunnel steht").await;
    way.up();
    station.shown().await;
}

#[tokio::test]
async fn the_profile_for_servers_is_taken_if_there_is_one() {
    for (listed, configured, taken) in
        [(false, None, None), (true, None, Some("tlsserver")), (true, Some("classic"), Some("classic")), (false, Some("x"), Some("x"))]
    {
        let scene = Scene::new().await;
        scene.authority.script().profiles = listed;
        let config = drk_relay::config::AcmeConfig { profile: configured.map(str::to_owned), ..scene.config() };
        let station = Station::start(CertificateConfig::Acme(config), &scene.clock, true);
        station.shown().await;
        assert_eq!(scene.orders()[0].1["profile"].as_str(), taken);
        assert_eq!(scene.authority.heard("/account")[0].1["contact"][0], "mailto:technik@drk.example");
    }
}

#[tokio::test]
async fn the_authoritys_advice_is_asked_for_and_taken() {
    let scene = Scene::new().await;
    let (from, to) = (START.plus(20 * DAY), START.plus(22 * DAY));
    scene.authority.script().advice = Some((from, to, 3 * 3600));
    let station = scene.station();
    let first = station.shown().await;
    station.is_up().await;
    scene.quiet(&station).await;
    scene.pass(&station, 24).await;
    let asked = scene.authority.heard("/advice/").len();
    assert!((8..=10).contains(&asked), "{asked} times a day, every three hours");
    assert_eq!(scene.orders().len(), 1);
    // There is no other reason to renew before the thirtieth day.
    scene.pass_until(from.minus(4 * 3600)).await;
    scene.pass(&station, 54).await;
    let orders = scene.orders();
    assert_eq!(orders.len(), 2);
    assert!((from..=to.plus(3600)).contains(&orders[1].0), "{:?}", orders[1].0);
    assert!(orders[1].1["replaces"].as_str().is_some_and(|id| id.contains('.')), "{}", orders[1].1);
    station.another(&first).await;
    // The advice is the same for the new one, and in the past: not followed on its first day, nor more than once a day.
    scene.pass(&station, 12).await;
    assert_eq!(scene.orders().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_replaced_is_ordered_all_the_same() {
    let scene = Scene::new().await;
    {
        let mut script = scene.authority.script();
        script.advice = Some((START.plus(2 * DAY), START.plus(2 * DAY), 3600));
        script.refusal = Some((409, "alreadyReplaced", "certificate has already been replaced".to_owned(), None));
        script.refuses_replacing_only = true;
    }
    let station = scene.station();
    let first = station.shown().await;
    scene.quiet(&station).await;
    scene.pass(&station, 49).await;
    station.another(&first).await;
    let replaced: Vec<_> = scene.orders().iter().map(|(_, what)| what["replaces"].is_string()).collect();
    assert_eq!(replaced, [false, true, false]);
}

#[tokio::test]
async fn a_limit_is_respected_and_told() {
    let scene = Scene::new().await;
    let detail = format!("too many{}\n", " certificates".repeat(100));
    scene.authority.script().refusal = Some((429, "rateLimited", detail, Some(5 * 3600)));
    let station = scene.station();
    let why = station.complains("rateLimited").await;
    assert!(why.contains("nicht vor 22.11.2026 05:00 UTC") && why.len() < 600 && !why.contains('\n'), "{why}");
    scene.quiet(&station).await;
    scene.pass_until(START.plus(5 * 3600 - 60)).await;
    scene.pass(&station, 0).await;
    assert_eq!(scene.orders().len(), 1);
    scene.authority.script().refusal = None;
    scene.pass(&station, 3).await;
    station.shown().await;
    station.is_up().await;
}

#[tokio::test]
async fn refusals_are_explained_and_repeated_within_limits() {
    let scene = Scene::new().await;
    scene.authority.script().refusal = Some((403, "caa", "CAA record for wa.example prevents issuance".to_owned(), None));
    let station = scene.station();
    let why = station.complains("(caa: CAA record").await;
    assert!(why.contains("CAA-Eintrag im DNS von wa.example"), "{why}");
    for _ in 0..5 * 60 {
        scene.pass_until(scene.clock.now().second().plus(60)).await;
        // waits: for the order of this minute, if there is one; a late one would be counted later.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    scene.quiet(&station).await;
    let orders: Vec<_> = scene.orders().into_iter().map(|(at, _)| at).collect();
    assert!(orders.len() >= 7, "{orders:?}");
    for at in &orders {
        let within = orders.iter().filter(|other| **other >= *at && other.since(*at) < 3600).count();
        assert!(within <= 5, "{within} orders within an hour: {orders:?}");
    }
}

#[tokio::test]
async fn another_authority_orders_anew_and_what_is_there_is_shown_meanwhile() {
    let scene = Scene::new().await;
    let first = scene.station().shown().await;
    let other = Authority::start(&scene.clock).await;
    other.script().refusal = Some((503, "serverInternal", "down for maintenance".to_owned(), None));
    let config = acme(&other.directory, None, scene.folder.path());
    let station = Station::start(CertificateConfig::Acme(config), &scene.clock, true);
    assert_eq!(station.shown().await, first);
    until(|| (!other.heard("/order").is_empty()).then_some(())).await;
    other.script().refusal = None;
    scene.pass_until(START.plus(300)).await;
    station.another(&first).await;
    assert!(other.heard("/order").iter().all(|(_, what)| what["replaces"].is_null()));
    assert_eq!(other.heard("/account").len(), 1, "the other's account is of no use here");
}

#[tokio::test]
async fn an_account_that_is_forgotten_is_replaced() {
    let scene = Scene::new().await;
    scene.authority.script().refusal = Some((400, "accountDoesNotExist", "who?".to_owned(), None));
    let station = scene.station();
    station.complains("accountDoesNotExist").await;
    scene.authority.script().refusal = None;
    scene.pass_until(START.plus(300)).await;
    station.shown().await;
    assert_eq!(scene.authority.heard("/account").len(), 2);
}

#[tokio::test]
async fn what_ends_soon_and_what_has_ended_is_said_and_still_shown() {
    let scene = Scene::new().await;
    let station = scene.station();
    let first = station.shown().await;
    station.is_up().await;
    scene.quiet(&station).await;
    scene.authority.script().refusal = Some((403, "caa", "no".to_owned(), None));
    scene.pass_until(START.plus(30 * DAY + 3600)).await;
    until(|| (scene.orders().len() > 1).then_some(())).await;
    scene.quiet(&station).await;
    assert_eq!(station.complaint(), None, "there is time");
    // A quarter of 45 days before the end.
    scene.pass_until(START.plus(34 * DAY)).await;
    station.complains("das Zertifikat gilt nur noch bis 06.01.2027 00:00 UTC; die Zertifizierungsstelle lehnt ab (caa: no)").await;
    scene.pass_until(START.plus(45 * DAY + 5)).await;
    station.complains("das Zertifikat galt bis 06.01.2027 00:00 UTC, Meta stellt nichts mehr zu; die Zertifizierungsstelle").await;
    assert_eq!(station.leaf(), Some(first.clone()));
    scene.authority.script().refusal = None;
    scene.pass_until(START.plus(46 * DAY)).await;
    station.another(&first).await;
    station.is_up().await;
}

#[tokio::test]
async fn something_else_than_an_authority_is_said_to_be_none() {
    let scene = Scene::new().await;
    let config = acme(&scene.authority.directory.replace("/directory", "/nonce"), None, scene.folder.path());
    let station = Station::start(CertificateConfig::Acme(config), &scene.clock, true);
    station.complains("antwortet nicht, wie ACME es will").await;
    let gone = acme("http://127.0.0.1:1/directory", None, scene.folder.path());
    let station = Station::start(CertificateConfig::Acme(gone), &scene.clock, true);
    station.complains("nicht erreichbar").await;
    let bad = acme("https://127.0.0.1:1/directory", Some(b"nothing"), scene.folder.path());
    let station = Station::start(CertificateConfig::Acme(bad), &scene.clock, true);
    station.complains("in der Datei ist keines").await;
}
