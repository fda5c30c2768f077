//! What a relay has around it, for one that runs elsewhere: on an emulated core, in a virtual machine. A simulated Meta with people, over
//! TLS, and a publisher. Starts no relay and judges nothing but what the script asks for.
//!
//! ```text
//! cargo run --example peers -- --folder out --api 127.0.0.1:8443 --name 10.0.2.2 --webhook http://127.0.0.1:8080/webhook < script
//! ```
//!
//! Into the folder come the secrets, named as systemd's credentials are, the certificate to be believed, and `peers.toml`: the sections of
//! relay.toml that lead here. Then it says `ready`, takes the script from its standard input, line by line, says `ok` after each line that
//! came true, and tells what happens meanwhile. See [`Step`] for what can be said.
//!
//! Ends with exit code 0 after the last line, and with 1 at the first that does not come true in time: then it says what is missing.
#![expect(clippy::print_stdout, reason = "one line for everything that happens is what it is for")]

use anyhow::{Context, bail, ensure};
use clap::Parser;
use drk_relay::port::clock::Clock;
use drk_relay::simulator::broker;
use drk_relay::simulator::cloud::{Accepted, Cloud, CloudConfig};
use drk_relay::simulator::meta::{Person, Refusal};
use drk_relay::simulator::publisher::{Publisher, Receipt};
use drk_relay::simulator::tls::Identity;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::BufRead;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const VERSION: &str = "v26.0";
const NUMBER: &str = "200000000000002";
const TOKEN: &str = "peers-token";
const APP_SECRET: &str = "peers-app-secret";
const VERIFY_TOKEN: &str = "peers-verify-token";
/// Somebody's phone rings so often before the script looks: more than a script makes them ring.
const RINGING: usize = 1_024;
/// Lines read ahead: the script is written by a program that waits for each `ok`, or is a short file.
const LINES: usize = 64;
/// So many people have WhatsApp, numbered from 1.
const PEOPLE: u32 = 9;
/// Between two looks at what gives no signal.
const LOOK: Duration = Duration::from_millis(50);

/// What a relay has around it: a simulated Meta with people, and a publisher.
#[derive(Parser)]
struct Arguments {
    /// Where secrets, certificate and `peers.toml` are written.
    #[arg(long)]
    folder: PathBuf,
    /// Where the Cloud API listens; port 0: any.
    #[arg(long, default_value = "127.0.0.1:0")]
    api: SocketAddr,
    /// By which name or address the relay reaches it: the certificate's.
    #[arg(long, default_value = "127.0.0.1")]
    name: String,
    /// Without TLS.
    #[arg(long)]
    http: bool,
    /// Where Meta's webhooks go.
    #[arg(long)]
    webhook: String,
    /// A broker at which the publisher publishes.
    #[arg(long)]
    broker: Option<SocketAddr>,
    /// That broker is a simulated one, served from here.
    #[arg(long, requires = "broker")]
    serve_broker: bool,
    /// Seconds in which each line has to come true.
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

/// One line of the script. People have numbers, texts go to the end of the line.
enum Step {
    /// `say 1 Hallo`: the person writes.
    Say(u32, String),
    /// `tap 1 Ja`: the person taps that button of the latest message which has one.
    Tap(u32, String),
    /// `expect 1 17`: a message that says so reaches the person. What came before the last expected one does not count.
    Expect(u32, String),
    /// `times 1 2 17`: so far the person got exactly two messages that say so.
    Times(u32, usize, String),
    /// `publish figures/corona 17`: retained, with QoS 1.
    Publish(String, String),
    /// `receipt figures/corona accepted`: the relay says so about a publication there.
    Receipt(String, String),
    /// `delivered`: the relay has taken every webhook.
    Delivered,
    /// `promises`: nothing left outside a window, and nothing twice.
    Promises,
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Step> {
        let word = |rest: &str| -> anyhow::Result<(String, String)> {
            let (word, rest) = rest.split_once(' ').with_context(|| format!("unfinished line: {line}"))?;
            Ok((word.to_owned(), rest.to_owned()))
        };
        let person = |rest: &str| -> anyhow::Result<(u32, String)> {
            let (number, rest) = word(rest)?;
            let number = number.parse().ok().filter(|number| (1..=PEOPLE).contains(number));
            Ok((number.with_context(|| format!("nobody has this number: {line}"))?, rest))
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        Ok(match verb {
            "say" => person(rest).map(|(who, text)| Step::Say(who, text))?,
            "tap" => person(rest).map(|(who, title)| Step::Tap(who, title))?,
            "expect" => person(rest).map(|(who, text)| Step::Expect(who, text))?,
            "times" => {
                let (who, rest) = person(rest)?;
                let (times, text) = word(&rest)?;
                Step::Times(who, times.parse().with_context(|| format!("no number: {line}"))?, text)
            }
            "publish" => word(rest).map(|(topic, payload)| Step::Publish(topic, payload))?,
            "receipt" => word(rest).map(|(topic, said)| Step::Receipt(topic, said))?,
            "delivered" => Step::Delivered,
            "promises" => Step::Promises,
            _ => bail!("no such line: {line}"),
        })
    }
}

/// The people, what reached them, and how far the script has looked.
struct Play {
    cloud: Cloud,
    ringing: mpsc::Receiver<Accepted>,
    publisher: Option<(Publisher, mpsc::Receiver<Receipt>)>,
    people: BTreeMap<String, u32>,
    messages: BTreeMap<u32, Vec<Accepted>>,
    expected: BTreeMap<u32, usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match peers(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(missing) => {
            println!("missing: {missing:#}");
            ExitCode::FAILURE
        }
    }
}

async fn peers(arguments: Arguments) -> anyhow::Result<()> {
    let listener = TcpListener::bind(arguments.api).await.with_context(|| format!("cannot listen at {}", arguments.api))?;
    let port = listener.local_addr()?.port();
    let identity = Identity::named(&arguments.name)?;
    write(&arguments, &identity, port)?;
    let (ring, ringing) = mpsc::channel(RINGING);
    let config = CloudConfig {
        version: VERSION.to_owned(),
        phone_number_id: NUMBER.to_owned(),
        token: TOKEN.to_owned(),
        app_secret: APP_SECRET.to_owned(),
        webhook: arguments.webhook.clone(),
        refusal: Refusal::AtOnce,
        repeat_every: 3,
    };
    let cloud = if arguments.http {
        Cloud::start(listener, config, Clock::System, ring)?
    } else {
        let (listener, mut handshakes) = identity.listen(listener, &rustls::version::TLS13)?;
        tokio::spawn(async move {
            while let Some(handshake) = handshakes.recv().await {
                println!("handshake {handshake:?}");
            }
        });
        Cloud::start(listener, config, Clock::System, ring)?
    };
    if let Some(address) = arguments.broker.filter(|_| arguments.serve_broker) {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
        tokio::spawn(broker::serve(listener));
    }
    let mut play = Play {
        people: (1..=PEOPLE).map(|number| (Person::with_phone(number).user_id, number)).collect(),
        cloud,
        ringing,
        publisher: arguments.broker.map(Publisher::connect),
        messages: BTreeMap::new(),
        expected: BTreeMap::new(),
    };
    (1..=PEOPLE).for_each(|number| play.cloud.join(Person::with_phone(number)));
    println!("ready {port}");
    play.script(lines(), Duration::from_secs(arguments.patience)).await
}

/// All that a relay must have to come here.
fn write(arguments: &Arguments, identity: &Identity, port: u16) -> anyhow::Result<()> {
    fs::create_dir_all(&arguments.folder)?;
    let put = |name: &str, content: &[u8], mode: u32| -> anyhow::Result<()> {
        let path = arguments.folder.join(name);
        fs::write(&path, content).with_context(|| path.display().to_string())?;
        Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
    };
    put("whatsapp-token", TOKEN.as_bytes(), 0o600)?;
    put("whatsapp-app-secret", APP_SECRET.as_bytes(), 0o600)?;
    put("whatsapp-verify-token", VERIFY_TOKEN.as_bytes(), 0o600)?;
    put("ca.pem", &identity.pem(), 0o644)?;
    let (scheme, egress) = if arguments.http { ("http", "") } else { ("https", "[egress]\nca_file = \"ca.pem\"\n") };
    let text = format!(
        "[whatsapp]\nbase_url = \"{scheme}://{}:{port}\"\nphone_number_id = \"{NUMBER}\"\ntoken_file = \"whatsapp-token\"\n\
         app_secret_file = \"whatsapp-app-secret\"\nverify_token_file = \"whatsapp-verify-token\"\n{egress}",
        arguments.name
    );
    put("peers.toml", text.as_bytes(), 0o644)
}

/// The script. A thread of its own reads it, because standard input cannot be waited for beside other things.
fn lines() -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

impl Play {
    /// Plays line by line to the end.
    async fn script(&mut self, mut lines: mpsc::Receiver<String>, patience: Duration) -> anyhow::Result<()> {
        loop {
            let line = tokio::select! {
                line = lines.recv() => line,
                Some(message) = self.ringing.recv() => {
                    self.rings(message);
                    continue;
                }
            };
            let Some(line) = line else { return Ok(()) };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let step = line.parse()?;
            tokio::time::timeout(patience, self.step(step))
                .await
                .with_context(|| format!("nothing within {} s", patience.as_secs()))
                .flatten()
                .with_context(|| line.to_owned())?;
            println!("ok {line}");
        }
    }

    async fn step(&mut self, step: Step) -> anyhow::Result<()> {
        match step {
            Step::Say(who, text) => self.cloud.say(&Person::with_phone(who).user_id, &text).await,
            Step::Tap(who, title) => self.tap(who, &title).await?,
            Step::Expect(who, text) => self.expect(who, &text).await?,
            Step::Times(who, times, text) => {
                let seen = self.messages.get(&who).into_iter().flatten().filter(|message| message.body.contains(&text)).count();
                ensure!(seen == times, "it was {seen} times");
            }
            Step::Publish(topic, payload) => self.publisher()?.0.publish(&topic, &payload).await,
            Step::Receipt(topic, said) => self.receipt(&topic, &said).await?,
            Step::Delivered => {
                while self.cloud.undelivered() > 0 {
                    // Deliveries give no signal when the last one has ended.
                    tokio::time::sleep(LOOK).await;
                }
            }
            Step::Promises => {
                let counters = self.cloud.counters();
                ensure!((counters.outside_window, counters.twice) == (0, 0), "{counters:?}");
            }
        }
        Ok(())
    }

    async fn tap(&mut self, who: u32, title: &str) -> anyhow::Result<()> {
        let mut buttons = self.messages.get(&who).into_iter().flatten().rev().flat_map(|message| &message.buttons);
        let button = buttons.find(|(_, text)| text == title).context("no message has such a button")?.clone();
        self.cloud.tap(&Person::with_phone(who).user_id, &button).await;
        Ok(())
    }

    /// Waits until a message says so; those before it are used up.
    async fn expect(&mut self, who: u32, text: &str) -> anyhow::Result<()> {
        loop {
            let expected = self.expected.entry(who).or_default();
            let messages = self.messages.get(&who).map(Vec::as_slice).unwrap_or_default();
            if let Some(at) = messages.iter().skip(*expected).position(|message| message.body.contains(text)) {
                *expected += at + 1;
                return Ok(());
            }
            let message = self.ringing.recv().await.context("the Cloud API has ended")?;
            self.rings(message);
        }
    }

    async fn receipt(&mut self, topic: &str, said: &str) -> anyhow::Result<()> {
        loop {
            let receipt = self.publisher()?.1.recv().await.context("the publisher has ended")?;
            println!("receipt {} {}: {}", receipt.topic, receipt.code, receipt.said);
            if receipt.topic == topic && receipt.said.contains(said) {
                return Ok(());
            }
        }
    }

    fn publisher(&mut self) -> anyhow::Result<&mut (Publisher, mpsc::Receiver<Receipt>)> {
        self.publisher.as_mut().context("there is no broker (--broker)")
    }

    fn rings(&mut self, message: Accepted) {
        let who = self.people.get(&message.to).copied().unwrap_or_default();
        let buttons: Vec<_> = message.buttons.iter().map(|(_, title)| format!("[{title}]")).collect();
        println!("rings {who} {:?} {}", message.body, buttons.join(" "));
        self.messages.entry(who).or_default().push(message);
    }
}
