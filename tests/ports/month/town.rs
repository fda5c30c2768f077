//! The town: a broker, a Meta, people and the real relay between them, which is stopped and started now and then. Plays what is planned,
//! and says what may be known of whom.

use super::people::{self, LIVELY, doris, emil, emil_moved};
use super::search::{Found, Kind};
use super::{DAY, MINUTE};
use crate::outages::cloud_config;
use crate::program::{Place, within};
use crate::webhook::SECRET;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use drk_relay::config::Config;
use drk_relay::domain::time::{Day, Millis, Timestamp};
use drk_relay::port::clock::{Clock, Warp};
use drk_relay::port::status::ask_for_backup;
use drk_relay::port::stream::Source;
use drk_relay::port::systemd::Manager;
use drk_relay::port::update::Trial;
use drk_relay::relay::Pulse;
use drk_relay::run::{Drill, Show, Surroundings, run};
use drk_relay::simulator::broker::Broker;
use drk_relay::simulator::cloud::{Accepted, Cloud};
use drk_relay::simulator::meta::webhook::{Report, Update, body, sign};
use drk_relay::simulator::publisher::{Publisher, Receipt};
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

/// While nothing happens an hour takes two thousandths of a second.
const FAST: f64 = 2_000_000.0;
/// While something is under way.
const WALK: f64 = 1.0;
/// Without news for this long, in real time, nothing of the relay's own is under way. What is on its way to or from Meta is counted.
const CALM: Duration = Duration::from_millis(15);
/// Nobody repeats an order more often than this while the token is dead.
const ORDERS: usize = 1_000_000;

/// Something that happens.
pub(super) enum Act {
    /// Figures of that day.
    Publish(u64),
    /// Somebody writes.
    Say(String, &'static str),
    /// Somebody taps a button.
    Tap(String, (String, String)),
    /// Somebody sends something else, and Meta calls the message as it really does.
    Send(String, &'static str, serde_json::Value),
    /// Emil has another number.
    Move,
    /// Meta takes our token, or does not.
    Token { good: bool },
    /// The latest message does not arrive after all.
    Fail,
    /// The running relay is asked for a backup, which is left in the state directory.
    Backup,
    /// Somebody looks at the files.
    Look,
    /// The relay is stopped, and started before the next act, if there is one.
    Stop,
}

/// Why nothing happens.
enum Pause {
    Look,
    Stop,
}

/// All of it.
pub(super) struct Town {
    clock: Clock,
    warp: Arc<Warp>,
    cloud: Cloud,
    publisher: Publisher,
    receipts: mpsc::Receiver<Receipt>,
    ringing: mpsc::Receiver<Accepted>,
    webhook: SocketAddr,
    relay: Option<Running>,
    start: Millis,
    plan: BTreeMap<(Millis, u64), Act>,
    planned: u64,
    next: watch::Sender<Millis>,
    /// Whether broker, publisher and relay have found each other.
    met: bool,
    /// Whether Doris has tapped.
    tapped: bool,
    latest: Option<String>,
    /// What Meta has sent about people's messages.
    heard: Vec<u8>,
    happened: BTreeMap<&'static str, u32>,
    _broker: AbortOnDropHandle<io::Result<()>>,
}

/// The relay.
struct Running {
    ended: Pin<Box<dyn Future<Output = anyhow::Result<()>>>>,
    stop: oneshot::Sender<()>,
    pulses: watch::Receiver<Pulse>,
}

impl Town {
    /// Everything but the relay, which finds broker and Cloud API at these places and hears webhooks at `webhook`.
    pub(super) fn new(start: Millis, broker: Place, api: Place, webhook: SocketAddr) -> Town {
        let warp = Warp::new(start, WALK);
        let clock = Clock::Warped(warp.clone());
        let (ring, ringing) = mpsc::channel(256);
        let cloud = Cloud::start(api.listen(), cloud_config(webhook), clock.clone(), ring).expect("a cloud");
        let (publisher, receipts) = Publisher::connect(broker.address);
        let broker = AbortOnDropHandle::new(tokio::spawn(Broker::default().serve(broker.listen())));
        for person in people::kept_by_bsuid().into_iter().chain([people::carla()]) {
            cloud.join(person);
        }
        Town {
            clock,
            warp,
            cloud,
            publisher,
            receipts,
            ringing,
            webhook,
            relay: None,
            start,
            plan: BTreeMap::new(),
            planned: 0,
            next: watch::Sender::new(start),
            met: false,
            tapped: false,
            latest: None,
            heard: Vec::new(),
            happened: BTreeMap::new(),
            _broker: broker,
        }
    }

    pub(super) fn plan(&mut self, at: Millis, act: Act) {
        self.planned += 1;
        self.plan.insert((at, self.planned), act);
        self.next.send_replace(self.plan.first_key_value().map_or(at, |(key, _)| key.0));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().second()
    }

    /// Whether there is a relay.
    pub(super) fn runs(&self) -> bool {
        self.relay.is_some()
    }

    /// Webhooks about people's messages so far.
    pub(super) fn heard(&self) -> Vec<u8> {
        self.heard.clone()
    }

    pub(super) fn sent(&self) -> u64 {
        self.cloud.counters().sent
    }

    /// What has happened, and how often.
    pub(super) fn happened(&self) -> &BTreeMap<&'static str, u32> {
        &self.happened
    }

    /// Whether what was found may be in the store: an address whose window was open so many milliseconds ago.
    pub(super) fn may_be_kept(&self, (kind, text, _): &Found, now: Timestamp, slack: u64) -> bool {
        let open = |user_id: &str| {
            let closes = self.cloud.look(|meta| meta.closes(user_id));
            closes.is_some_and(|closes| closes.millis().plus(slack) > now.millis())
        };
        match kind {
            Kind::Bsuid => people::kept_by_bsuid().iter().any(|person| person.user_id == *text) && open(text),
            Kind::Phone => *text == people::kept_by_number().text && open(&people::carla().user_id),
            Kind::Name | Kind::Text | Kind::Secret | Kind::Wamid => false,
        }
    }

    /// Lives until somebody has to look; `false` at the end.
    pub(super) async fn live(&mut self, config: &Config) -> bool {
        let Running { mut ended, stop, pulses } = match self.relay.take() {
            Some(relay) => relay,
            None => self.started(config).await,
        };
        let (clock, warp, cloud) = (self.clock.clone(), Arc::clone(&self.warp), self.cloud.clone());
        let (keeping, next) = (pulses.clone(), self.next.subscribe());
        let last = tokio::select! {
            ended = &mut ended => unreachable!("{ended:?}"),
            () = keep(&clock, &warp, &cloud, keeping, next) => unreachable!("it never ends"),
            last = self.play(config) => last,
        };
        match last {
            Pause::Stop => {
                stop.send(()).expect("it runs");
                ended.await.expect("asked to stop");
                self.count("restart");
                !self.plan.is_empty()
            }
            Pause::Look => {
                self.relay = Some(Running { ended, stop, pulses });
                true
            }
        }
    }

    async fn started(&self, config: &Config) -> Running {
        let listener = TcpListener::bind(self.webhook).await.expect("our place");
        let ((pulse, pulses), (stop, stopped)) = (watch::channel(Pulse::default()), oneshot::channel::<()>());
        let around = Surroundings {
            clock: self.clock.clone(),
            listener: Some(Source::Tcp(listener)),
            show: Show { pulse, ..Show::default() },
            manager: Manager::default(),
            trial: Trial::default(),
            drill: Drill::default(),
        };
        let ended = Box::pin(run(config.clone(), around, async { drop(stopped.await) }));
        Running { ended, stop, pulses }
    }

    /// What is planned and what follows from it, until the relay is to be stopped or somebody has to look.
    async fn play(&mut self, config: &Config) -> Pause {
        if !self.met {
            // What is no figure, until somebody says so: then broker, publisher and relay have found each other.
            within(async {
                while tokio::time::timeout(Duration::from_millis(100), self.receipts.recv()).await.is_err() {
                    self.publisher.publish("figures/corona/cases_new", "keine").await;
                }
            })
            .await;
            self.met = true;
        }
        while let Some((at, _)) = self.plan.first_key_value().map(|(key, _)| *key) {
            self.next.send_replace(at);
            if self.clock.now() < at {
                tokio::select! {
                    biased;
                    Some(message) = self.ringing.recv() => self.rings(message),
                    () = self.clock.sleep_until(at) => {}
                }
                continue;
            }
            match self.plan.pop_first().map(|(_, act)| act) {
                Some(Act::Stop) => return Pause::Stop,
                Some(Act::Look) => return Pause::Look,
                Some(act) => self.happens(act, config).await,
                None => {}
            }
        }
        Pause::Stop
    }

    async fn happens(&mut self, act: Act, config: &Config) {
        match act {
            Act::Publish(day) => self.publish(day).await,
            Act::Say(user_id, text) => {
                let now = self.now();
                let update = self.cloud.look(|meta| meta.message_webhook(&user_id, text, now));
                self.hears("text", update).await;
            }
            Act::Tap(user_id, button) => {
                let now = self.now();
                let update = self.cloud.look(|meta| meta.tap_webhook(&user_id, &button, now));
                self.hears("tap", update).await;
            }
            Act::Send(user_id, kind, content) => {
                let now = self.now();
                let update = self.cloud.look(|meta| meta.heard_webhook(&user_id, kind, content, now));
                self.post("anything else", &real_wamid(&body(&[update]))).await;
            }
            Act::Move => {
                let (old, new, at) = (emil(), emil_moved(), self.now().0);
                let said = format!("User {} changed from {:?} to {:?}", old.name, old.wa_id, new.wa_id);
                let system = json!({ "type": "user_changed_number", "wa_id": new.wa_id, "user_id": new.user_id, "body": said });
                let message = json!({ "from": old.wa_id, "from_user_id": old.user_id, "id": "wamid.SYS1", "timestamp": at.to_string(),
                    "type": "system", "system": system });
                let metadata = json!({ "display_phone_number": "491515550000", "phone_number_id": crate::webhook::NUMBER });
                let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "messages": [message] });
                let change = json!({ "field": "messages", "value": value });
                let webhook = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }] });
                self.post("another number", webhook.to_string().as_bytes()).await;
            }
            Act::Token { good } => {
                self.cloud.look(|meta| meta.refuse(190, if good { 0 } else { ORDERS }));
                self.count(if good { "token renewed" } else { "token dead" });
            }
            Act::Fail => {
                let wamid = self.latest.clone().expect("something was sent");
                self.cloud.report(&wamid, Report::Failed(131_026)).await;
                self.count("failed later");
            }
            Act::Backup => {
                let document = ask_for_backup(&config.status.socket).await.expect("it runs");
                let path = config.state_dir.join(format!("backup-{}.json", self.now().0));
                std::fs::write(path, document.write()).expect("room");
                self.count("backup");
            }
            Act::Look | Act::Stop => unreachable!("then nothing happens"),
        }
    }

    /// Publishes, and waits for the receipt.
    async fn publish(&mut self, day: u64) {
        let date = Day((self.start.plus(day * DAY).0 / DAY) as i32).date();
        let payload = format!("{{\"value\":{},\"as_of\":\"{date}\"}}", 17 + day);
        self.publisher.publish("figures/corona/cases_new", &payload).await;
        let receipt = within(async {
            loop {
                let receipt = self.receipts.recv().await.expect("the connection lives");
                // Those of the attempts at the beginning may come late.
                if !receipt.said.contains("not-a-number") && !receipt.said.starts_with("rejected") {
                    return receipt;
                }
            }
        });
        let said = receipt.await.said;
        assert!(said.starts_with("accepted"), "{payload}: {said}");
        self.count("publication");
    }

    /// Who is loyal answers every question 10 to 190 minutes later, the same in every run; Doris answers her first one.
    fn rings(&mut self, message: Accepted) {
        self.count("message");
        self.latest = Some(message.wamid);
        let Some(button) = message.buttons.into_iter().next() else { return };
        let lively = self.clock.now() < self.start.plus(LIVELY * DAY);
        let first = message.to == doris().user_id && !std::mem::replace(&mut self.tapped, true);
        if (people::loyal(&message.to) && lively) || first {
            let minutes = 10 + (self.planned * 97 + 31) % 181;
            self.plan(message.at.millis().plus(minutes * MINUTE), Act::Tap(message.to, button));
        }
    }

    /// Meta tells of a message, as often as it takes.
    async fn hears(&mut self, what: &'static str, update: Update) {
        self.heard.extend(body(std::slice::from_ref(&update)));
        self.count(what);
        self.cloud.tell(|_| update).await;
    }

    /// The same with the very bytes, once.
    async fn post(&mut self, what: &'static str, body: &[u8]) {
        self.heard.extend(body);
        self.count(what);
        let head = format!(
            "POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
            sign(SECRET, body),
            body.len()
        );
        let answer = within(async {
            let mut stream = TcpStream::connect(self.webhook).await?;
            stream.write_all(&[head.as_bytes(), body].concat()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.map(|_| answer)
        });
        let answer = answer.await.expect("it runs");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    /// Whether the month was one.
    pub(super) fn judge(&self) {
        for (what, least) in [
            ("another number", 1),
            ("anything else", 21),
            ("backup", 3),
            ("failed later", 1),
            ("message", 100),
            ("publication", 17),
            ("restart", 4),
            ("tap", 50),
            ("text", 10),
            ("token dead", 1),
            ("token renewed", 1),
        ] {
            let times = self.happened.get(what).copied().unwrap_or(0);
            assert!(times >= least, "{what}: {times} times: {:?}", self.happened);
        }
        assert_eq!(self.cloud.counters().outside_window, 0, "a month in which nothing goes wrong by itself");
    }
}

/// A wamid as Meta makes them: the number is in it, in base64.
fn real_wamid(webhook: &[u8]) -> Vec<u8> {
    let phone = people::frieda().wa_id.unwrap_or_default();
    let wamid = format!("wamid.{}", STANDARD.encode(format!("\x1d\x18\x0d{phone}\x15\x02\0\x12\x18\x143EB0C431C26A1916E07E\0")));
    let text = String::from_utf8(webhook.to_vec()).expect("JSON");
    let (before, rest) = text.split_once("wamid.IN").expect("it has one");
    let (number, after) = rest.split_at(16);
    // Each message has another one, as it must be; its end is no longer base64.
    format!("{before}{}{number}{after}", wamid.replace('/', "\\/")).into_bytes()
}

/// Keeps the clock: fast to the next thing that is due, at walking pace while something is on its way to Meta or from there.
async fn keep(clock: &Clock, warp: &Warp, cloud: &Cloud, mut pulses: watch::Receiver<Pulse>, next: watch::Receiver<Millis>) {
    loop {
        while tokio::time::timeout(CALM, pulses.changed()).await.is_ok_and(|news| news.is_ok()) {}
        let (due, in_flight) = {
            let pulse = pulses.borrow_and_update();
            (pulse.next, pulse.outbox.in_flight > 0)
        };
        let until = due.into_iter().chain([*next.borrow()]).min().unwrap_or_else(|| clock.now()).max(clock.now().plus(1));
        if in_flight || cloud.undelivered() > 0 {
            warp.run_until(until, WALK);
        } else {
            warp.run_until(until, FAST);
            clock.sleep_until(until).await;
        }
    }
}
