//! `drk-relay self-test`: whether this program keeps its promises on this machine, core and libraries: on a new kind of device, or under an
//! emulator. Broker, Cloud API and a person are simulated, everything else is real. Holds no rule, and stops at the first check that fails.
//!
//! No check depends on how fast the machine is: the clock on stage waits for it.

mod tls;

use super::stage::{APP_SECRET, FEED, Pace, REMINDER, Stage};
use crate::command::output::say;
use crate::domain::ids::InstanceId;
use crate::domain::pacing::GUARD_MIN;
use crate::domain::window::{REMIND_AFTER, WINDOW};
use crate::port::pseudonym::Pseudonyms;
use crate::relay::Pulse;
use crate::run::{Drill, KEY, STORE};
use crate::simulator::cloud::Accepted;
use crate::simulator::meta::Person;
use crate::simulator::meta::webhook::{body, sign};
use crate::simulator::tls::Identity;
use crate::store::Store;
use anyhow::{Context, bail, ensure};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Nobody watches. On an emulated core of a busy machine a timer may be half a second late, and what belongs together a second apart.
const PACE: Pace = Pace { fast: f64::INFINITY, late: Duration::from_millis(500), calm: Duration::from_secs(1) };
/// For one check, in real time. The longest takes a quarter of a minute, nearly all of it waiting.
const PATIENCE: Duration = Duration::from_secs(300);
/// A publication that came before the relay was there is retained, and retained ones get no receipt: publish again after this long.
const RECEIPT: Duration = Duration::from_secs(2);
/// The first second of 2040, UTC, since 1970.
const Y2040: Duration = Duration::from_secs(2_208_988_800);
/// An answer of the webhook has a few hundred bytes.
const ANSWER: usize = 4_096;

pub(super) async fn execute() -> anyhow::Result<()> {
    say!("drk-relay {}, Selbsttest auf {} ({} Bit)", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, usize::BITS);
    let identity = Identity::of(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    check("TLS", tls::both_versions_and_no_stranger(&identity)).await?;
    let drill = Drill::default();
    let (stage, relay) = Stage::set("self-test", Some(&identity), drill.clone()).await?;
    check("Uhr", async { after_2038(&stage.config.state_dir) }).await?;
    let mut play = Play { stage, drill, person: Person::with_phone(1), cases: 0 };
    Box::pin(relay.beside(play.checks())).await??;
    check("Speicher", async { play.store() }).await?;
    say!("Alles bestanden.");
    Ok(())
}

/// A clock of 32 bits ends on 19 January 2038, and so does a program that asks such a one what time it is. A file's time is of the same
/// type, and can be set; what comes back depends on the file system.
fn after_2038(directory: &Path) -> anyhow::Result<String> {
    File::create(directory.join("2040"))?.set_modified(UNIX_EPOCH + Y2040).context("die Zeit hat 32 Bit")?;
    Ok("geht über das Jahr 2038 hinaus".to_owned())
}

/// One line. An error ends the self-test.
async fn check(name: &str, check: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<()> {
    let seen = tokio::time::timeout(PATIENCE, Box::pin(check)).await;
    match seen.context("es geschah lange nichts").flatten() {
        Ok(seen) => say!("ok      {name}: {seen}"),
        Err(why) => {
            say!("FEHLER  {name}: {why:#}");
            bail!("Selbsttest nicht bestanden: {name}; was danach käme, wurde nicht geprüft");
        }
    }
    Ok(())
}

struct Play {
    stage: Stage,
    drill: Drill,
    person: Person,
    /// The latest figure published.
    cases: u32,
}

impl Play {
    /// All that need a running relay. Each begins where the one before has ended.
    async fn checks(&mut self) -> anyhow::Result<()> {
        check("MQTT", self.receipt()).await?;
        check("Webhook", self.webhook()).await?;
        check("Abo", self.subscription()).await?;
        check("Panik", self.panics()).await?;
        check("Erinnerung", self.reminder()).await
    }

    /// A publication over a real connection gets its receipt.
    async fn receipt(&mut self) -> anyhow::Result<String> {
        let said = self.published().await?;
        Ok(format!("Veröffentlichung quittiert mit „{said}“"))
    }

    /// Publishes, each time something else, until there is a receipt. Complete at once, so nothing settles while a day is played.
    async fn published(&mut self) -> anyhow::Result<String> {
        let topic = format!("figures/{FEED}");
        while self.stage.receipts.try_recv().is_ok() {}
        loop {
            self.cases += 1;
            let payload = format!("{{\"cases_new\":{},\"incidence\":57.4}}", self.cases);
            self.stage.publisher.publish(&topic, &payload).await;
            let Ok(receipt) = tokio::time::timeout(RECEIPT, self.stage.receipts.recv()).await else { continue };
            let receipt = receipt.context("die Verbindung zum Broker ist weg")?;
            // "duplicate": the broker's retained copy was there first.
            ensure!(receipt.topic == topic && !receipt.said.starts_with("rejected"), "{}: {}", receipt.topic, receipt.said);
            return Ok(receipt.said);
        }
    }

    /// What Meta has signed is taken, once; anything else is not.
    async fn webhook(&mut self) -> anyhow::Result<String> {
        let address = self.stage.webhook;
        self.stage.cloud.join(self.person.clone());
        let now = self.stage.clock.now().second();
        let hello = body(&[self.stage.cloud.look(|meta| meta.message_webhook(&self.person.user_id, "Hallo", now))]);
        let stranger = post(address, &sign("somebody else's secret", &hello), &hello).await?;
        ensure!(stranger == 401, "falsche Unterschrift: Antwort {stranger}");
        let meta = post(address, &sign(APP_SECRET, &hello), &hello).await?;
        ensure!(meta == 200, "richtige Unterschrift: Antwort {meta}");
        Ok("falsche Unterschrift 401, richtige 200".to_owned())
    }

    /// The answer arrives, over TLS, and "Ja" subscribes.
    async fn subscription(&mut self) -> anyhow::Result<String> {
        let welcome = self.rings().await?;
        let yes = welcome.buttons.first().context("die Begrüßung hat keinen Knopf")?;
        self.stage.cloud.tap(&self.person.user_id, yes).await;
        self.rings().await?;
        self.stage.pulses.wait_for(|pulse: &Pulse| pulse.people.subscribed == 1).await?;
        Ok("Begrüßung und Bestätigung kamen über TLS an".to_owned())
    }

    /// Each port panics, really; afterwards messages and figures flow as before.
    async fn panics(&mut self) -> anyhow::Result<String> {
        let (panicked, mut panics) = watch::channel(0u32);
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |_| panicked.send_modify(|count| *count += 1)));
        for (count, port) in (1..).zip(["graph", "webhook", "mqtt"]) {
            self.drill.strike(port);
            panics.wait_for(|panics| *panics >= count).await?;
            self.stage.cloud.say(&self.person.user_id, "Zahlen").await;
            self.rings().await?;
            self.published().await?;
            ensure!(*panics.borrow() == count, "{} Paniken statt {count}", *panics.borrow());
        }
        std::panic::set_hook(usual);
        Ok("graph, webhook und mqtt gerieten je einmal in Panik und arbeiten weiter".to_owned())
    }

    /// A day passes: one reminder, on time, and silence ends the subscription.
    async fn reminder(&mut self) -> anyhow::Result<String> {
        let latest = self.stage.cloud.look(|meta| meta.closes(&self.person.user_id)).context("kein Fenster")?.minus(WINDOW);
        let mut pulses = self.stage.pulses.clone();
        let ended = |pulse: &Pulse| pulse.people.subscribed == 0;
        tokio::select! {
            ended = pulses.wait_for(ended) => drop(ended?),
            () = PACE.keep(&self.stage.clock, &self.stage.warp, self.stage.pulses.clone(), &[]) => {}
        }
        let message = self.rings().await?;
        ensure!(message.body.starts_with(REMINDER), "statt der Erinnerung kam: {}", message.body);
        ensure!(self.stage.ringing.try_recv().is_err(), "nach der Erinnerung kam noch etwas");
        let after = message.at.since(latest);
        ensure!((REMIND_AFTER..=WINDOW - GUARD_MIN).contains(&after), "die Erinnerung kam nach {after} s statt nach {REMIND_AFTER} s");
        let counters = self.stage.cloud.counters();
        ensure!((counters.outside_window, counters.twice) == (0, 0), "außerhalb des Fensters oder doppelt: {counters:?}");
        Ok(format!("eine, {} nach der letzten Nachricht; {} Nachrichten, keine doppelt", hours(after), counters.sent))
    }

    /// The file says twice the same as the relay said before it stopped, and the key is nobody else's to read.
    fn store(&self) -> anyhow::Result<String> {
        let (path, key) = (self.stage.config.state_dir.join(STORE), self.stage.config.state_dir.join(KEY));
        let open = |path: &Path| Store::open(path, InstanceId(0));
        let first = open(&path)?;
        let (instance, state) = (first.instance(), first.load()?);
        first.close()?;
        let again = open(&path)?;
        ensure!(again.instance() == instance && again.load()? == state, "beim zweiten Öffnen steht etwas anderes darin");
        let people: Vec<_> = state.people.iter().map(|(_, person)| person.clone()).collect();
        ensure!(!people.is_empty() && people == self.stage.rosters.borrow().0, "das Relay wusste etwas anderes");
        let hash = Pseudonyms::open(&key)?.person(&self.person.user_id);
        ensure!(people.iter().any(|person| person.hash == hash), "mit dem Schlüssel wird die Person nicht wiedererkannt");
        let mode = std::fs::metadata(&key)?.permissions().mode() & 0o777;
        ensure!(mode == 0o600, "{KEY} hat den Modus {mode:o}");
        Ok(format!("{} Bytes, zweimal geöffnet und gleich; {KEY} hat den Modus {mode:o}", std::fs::metadata(&path)?.len()))
    }

    /// The next message on the person's telephone.
    async fn rings(&mut self) -> anyhow::Result<Accepted> {
        self.stage.ringing.recv().await.context("die Cloud API ist weg")
    }
}

/// One webhook over a connection of its own: the answer's status.
async fn post(address: SocketAddr, signature: &str, body: &[u8]) -> anyhow::Result<u16> {
    let head = format!("POST /webhook HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nX-Hub-Signature-256: {signature}\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER as u64).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).context("keine Antwort")?;
    Ok(status.parse()?)
}

/// „23:59:00“.
fn hours(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
