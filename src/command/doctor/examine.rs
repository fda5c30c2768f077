//! Looks at everything at once, each with a bound in time, and puts the findings together. Whatever the running relay knows, it is asked:
//! what is tried besides takes nothing away from it. Judges nothing itself.

use super::finding::Finding;
use super::machine::Machine;
use super::relay::Asked;
use super::subject::Subject;
use super::systemd::{self, Unit};
use super::{device, meta, relay, service};
use crate::config::{
    Checked, ClockConfig, Config, ConfigError, EgressConfig, Files, GraphConfig, IngressConfig, RUNTIME_DIRECTORY, SOCKET, STATE_DIRECTORY,
    TunnelConfig, directory, instance_at,
};
use crate::domain::budget::FREE;
use crate::domain::time::{Millis, Timestamp};
use crate::port::certificate;
use crate::port::clock::Clock;
use crate::port::graph::{Account, Trouble, Unanswered, account};
use crate::port::knock::{Knocks, WEBHOOK};
use crate::port::link::Link;
use crate::port::mqtt::trial;
use crate::port::outward::Outward;
use crate::port::probe::Probe;
use crate::port::status::{self, SCHEMA};
use crate::port::tunnel::Tunnel;
use crate::run::{self, beside};
use crate::store::{Inspected, StoreError, inspect};
use secrecy::ExposeSecret;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// For the configuration: each of its secrets may have to be decrypted by another program.
const CONFIGURATION: Duration = Duration::from_secs(15);
/// For the relay's answer: it may take five seconds itself, and others may ask, too.
const RELAY: Duration = Duration::from_secs(12);
/// For a connection to the broker, which is usually near.
const BROKER: Duration = Duration::from_secs(15);
/// For a session with the relay host, by mobile network too.
const TUNNEL: Duration = Duration::from_secs(20);
/// For everything that goes outside: three questions to Meta and a call of our own address, through a tunnel that is built for it.
const OUTSIDE: Duration = Duration::from_secs(30);
/// For the call of our own address: Meta's answers, which come meanwhile, are not thrown away for it, and a tunnel has time to be built.
const CHALLENGE: Duration = Duration::from_secs(20);
/// For opening the store's file: a card that is about to die takes long.
const STORE: Duration = Duration::from_secs(15);
/// Bytes of a certificate's file: ten times a long chain.
const CERTIFICATE: u64 = 128 * 1024;

/// Everything that was found, and what it was found by.
pub(crate) struct Examination {
    /// One for each subject, in their order.
    pub(crate) findings: Vec<Finding>,
    /// The configuration, if it can work.
    pub(crate) checked: Result<Checked, ConfigError>,
    /// Where the state lies.
    pub(crate) state_dir: PathBuf,
    /// What the relay said, word for word.
    pub(crate) status: Option<String>,
    /// When the voltage was too low, in the kernel's words; nothing if its log may not be read.
    pub(crate) under_voltage: Option<Vec<String>>,
    /// The service.
    pub(crate) unit: Option<String>,
}

/// What was seen.
struct Seen<'a> {
    machine: &'a Machine,
    checked: &'a Result<Checked, ConfigError>,
    now: Timestamp,
    asked: Asked,
    unit_name: Option<&'a str>,
    unit: Option<Unit>,
    runtime_watchdog: Option<String>,
    under_voltage: Option<&'a [String]>,
    broker: Option<Result<(), String>>,
    tunnel: Option<Result<(), String>>,
    challenge: Option<Result<bool, String>>,
    account: Option<Account>,
    store: Option<Result<Inspected, StoreError>>,
    state_dir: &'a Path,
}

/// Looks at everything that concerns the relay with the configuration at `path` on this machine.
pub(crate) async fn examine(path: &Path, machine: &Machine) -> Examination {
    let clock = Clock::System;
    let checked = configuration(path, clock.now()).await;
    let (sockets, state_dir) = whereabouts(path, &checked);
    let unit_name = systemd::unit_of(path);
    let service = async {
        match &unit_name {
            Some(name) => systemd::unit(name).await,
            None => None,
        }
    };
    let config = checked.as_ref().ok().map(|checked| &checked.config);
    let others = async {
        let (asked, status) = ask(&sockets).await;
        // What a relay that answers knows is not tried.
        let alone = asked.report().is_none();
        let called = asked.report().is_none_or(|report| report.links.public.is_none());
        let tried = tokio::join!(
            broker(config.filter(|_| alone)),
            tunnel(config.filter(|_| alone)),
            outside(config, called),
            stored(asked.relay().is_none().then(|| state_dir.join(run::STORE))),
        );
        (asked, status, tried)
    };
    let ((asked, status, tried), unit, runtime_watchdog, under_voltage) =
        tokio::join!(others, service, systemd::runtime_watchdog(), systemd::under_voltage());
    let (broker, tunnel, (account, challenge), store) = tried;
    let seen = Seen {
        machine,
        checked: &checked,
        now: clock.now().second(),
        asked,
        unit_name: unit_name.as_deref(),
        unit,
        runtime_watchdog,
        under_voltage: under_voltage.as_deref(),
        broker,
        tunnel,
        challenge,
        account,
        store,
        state_dir: &state_dir,
    };
    let findings = Subject::ALL.into_iter().map(|subject| seen.finding(subject).about(path)).collect();
    Examination { findings, checked, state_dir, status, under_voltage, unit: unit_name }
}

/// Reads the configuration, on a thread that a dying card or `systemd-creds` may keep.
async fn configuration(path: &Path, now: Millis) -> Result<Checked, ConfigError> {
    let own = path.to_owned();
    let read = tokio::task::spawn_blocking(move || Checked::open(&own, &Files::of_technician(&own), Some(now)));
    match timeout(CONFIGURATION, read).await {
        Ok(Ok(checked)) => checked,
        Ok(Err(_)) | Err(_) => {
            let what = format!("Sie und ihre Geheimnisse lassen sich nicht binnen {} s lesen.", CONFIGURATION.as_secs());
            let remedy = "die Speicherkarte prüfen; hängt systemd-creds an einem Geheimnis, es in /etc/credstore.encrypted neu anlegen.";
            Err(ConfigError::single(&path.display().to_string(), &what, remedy))
        }
    }
}

/// Where a relay may answer, and where its state lies: as far as the configuration says so, else where systemd puts them.
fn whereabouts(path: &Path, checked: &Result<Checked, ConfigError>) -> (Vec<PathBuf>, PathBuf) {
    let found = Config::whereabouts(path).ok();
    let (sockets, state_dir) = found.map_or_else(|| usual(path), |found| (found.sockets, found.state_dir));
    (sockets, checked.as_ref().map_or(state_dir, |checked| checked.config.state_dir.clone()))
}

/// Where systemd puts them. A configuration that belongs to no service is looked at as the first relay's.
fn usual(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let own = |first| PathBuf::from(directory(first, instance_at(path)));
    (vec![own(RUNTIME_DIRECTORY).join(SOCKET)], own(STATE_DIRECTORY))
}

/// Asks the relay. Besides, what it said, word for word.
async fn ask(sockets: &[PathBuf]) -> (Asked, Option<String>) {
    let mut instead = Asked::Nobody;
    for socket in sockets {
        let answer = timeout(RELAY, status::ask(socket)).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
        match answer {
            Ok(text) => {
                let report = serde_json::from_str(&text).ok().filter(|report: &status::Report| report.schema == SCHEMA);
                return match report {
                    Some(report) => (Asked::Answered(Box::new(report)), Some(text)),
                    None => (Asked::Foreign, None),
                };
            }
            // Nobody is there.
            Err(error) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused, ErrorKind::NotADirectory].contains(&error.kind()) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => instead = Asked::Denied,
            Err(error) if error.kind() == ErrorKind::InvalidData => return (Asked::Foreign, None),
            Err(_) => return (Asked::Late, None),
        }
    }
    (instead, None)
}

/// Tries the broker. Nothing if there is no need.
async fn broker(config: Option<&Config>) -> Option<Result<(), String>> {
    let config = config?;
    // Through the tunnel it is not tried: that would need the relay's own session.
    if config.mqtt.egress && matches!(config.egress, EgressConfig::Tunnel) {
        return None;
    }
    let outward = if config.mqtt.egress { Outward::of(&config.egress) } else { Outward::Direct };
    let tried = timeout(BROKER, trial(&config.mqtt, &outward, &Clock::System)).await;
    Some(tried.unwrap_or_else(|_| Err(format!("der Broker antwortet nicht binnen {} s", BROKER.as_secs()))))
}

/// Tries the way to the relay host, and takes the forward away from nobody. Nothing if there is no need.
async fn tunnel(config: Option<&Config>) -> Option<Result<(), String>> {
    let config = config?;
    let IngressConfig::Tunnel(tunnel) = &config.ingress else { return None };
    let walked = timeout(TUNNEL, walk(tunnel.clone(), Outward::of(&config.egress))).await;
    Some(walked.unwrap_or_else(|_| Err(format!("der Relay-Host antwortet nicht binnen {} s", TUNNEL.as_secs()))))
}

async fn walk(config: TunnelConfig, outward: Outward) -> Result<(), String> {
    let (tunnel, _streams) = Tunnel::new(config, outward, Link::new(Clock::System)).map_err(|unusable| unusable.to_string())?;
    tunnel.rehearse(false, |_| {}).await.map_err(|trouble| trouble.sentence())
}

/// Asks Meta, and calls our own address if `called`.
async fn outside(config: Option<&Config>, called: bool) -> (Option<Account>, Option<Result<bool, String>>) {
    let Some(config) = config else { return (None, None) };
    let asked = beside(config, &Clock::System, async |outward| {
        let graph = GraphConfig { proxy: outward.proxy().cloned(), ..config.graph.clone() };
        let calling = async { if called { challenge(config, outward).await } else { None } };
        tokio::join!(account(&graph), calling)
    });
    match timeout(OUTSIDE, asked).await {
        Ok(Ok((account, challenge))) => (Some(account), challenge),
        Ok(Err(error)) => {
            let why = || Unanswered::Client(anyhow::anyhow!("{error:#}"));
            (Some(Account { token: Err(why()), number: Err(why()), apps: None }), None)
        }
        Err(_) => {
            let way = || Unanswered::Way(Trouble::Unreachable);
            (Some(Account { token: Err(way()), number: Err(way()), apps: None }), None)
        }
    }
}

async fn challenge(config: &Config, outward: &Outward) -> Option<Result<bool, String>> {
    let public = config.probe.clone()?;
    let host = public.host.clone();
    let probe = match Probe::new(public, outward.clone(), Knocks::default(), &Clock::System) {
        Ok(probe) => probe,
        Err(error) => return Some(Err(format!("{error:#}"))),
    };
    let answered = timeout(CHALLENGE, probe.challenge(config.webhook.verify_token.expose_secret())).await;
    let late = || Err(format!("{host} antwortet nicht binnen {} s", CHALLENGE.as_secs()));
    Some(answered.map_or_else(|_| late(), |answered| answered.map_err(|broken| broken.sentence(&host))))
}

/// Looks at the store's file, on a thread that a dying card may keep.
async fn stored(path: Option<PathBuf>) -> Option<Result<Inspected, StoreError>> {
    let path = path?;
    let looked = tokio::task::spawn_blocking(move || inspect(&path));
    let late = || StoreError::Damaged(format!("er lässt sich nicht binnen {} s öffnen", STORE.as_secs()));
    Some(match timeout(STORE, looked).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => Err(late()),
    })
}

impl Seen<'_> {
    fn config(&self) -> Option<&Config> {
        self.checked.as_ref().ok().map(|checked| &checked.config)
    }

    fn finding(&self, subject: Subject) -> Finding {
        let Seen { machine, asked, .. } = self;
        let report = asked.report();
        let account = self.account.as_ref();
        let (token, number) = (account.map(|account| &account.token), account.map(|account| &account.number));
        match subject {
            Subject::Configuration => {
                service::configuration(self.checked.as_ref().map(|checked| checked.warnings.len()), rustix::process::geteuid().is_root())
            }
            Subject::Relay => relay::relay(asked),
            Subject::Service => service::service(self.unit_name, self.unit.as_ref(), asked.runs()),
            Subject::Version => service::version(report.map(|report| report.version.as_str())),
            Subject::Update => service::update(&machine.update()),
            Subject::Clock => report.and_then(relay::clock).unwrap_or_else(|| {
                let always = self.config().is_some_and(|config| config.clock == ClockConfig::Always);
                device::clock(machine.timesyncd().is_some(), always)
            }),
            Subject::Broker => self.broker(),
            Subject::Tunnel => self.tunnel(),
            Subject::PublicAddress => self.public_address(),
            Subject::Certificate => report.and_then(relay::certificate).unwrap_or_else(|| self.certificate()),
            Subject::Token => meta::token(token, self.now),
            Subject::Number => meta::number(number),
            Subject::Webhook => {
                let app = token.and_then(|token| token.as_ref().ok()?.app.as_deref());
                let expected = self.config().and_then(|config| Some(config.probe.as_ref()?.url(WEBHOOK)));
                let apps = account.and_then(|account| account.apps.as_ref());
                meta::webhook(number, apps, app, expected.as_deref(), report.map(|report| &report.links.webhook))
            }
            Subject::Sending => relay::sending(asked, meta::reached(token)),
            Subject::Payment => {
                let limit = self.config().and_then(|config| config.rules.monthly_messages);
                meta::payment(number, relay::withholds(asked), limit.is_some_and(|limit| limit <= FREE))
            }
            Subject::Budget => relay::budget(asked),
            Subject::Store => self.store(),
            Subject::StateFolder => {
                let folder = self.state_dir.canonicalize();
                let mount = folder.as_ref().ok().and_then(|folder| machine.mount(folder));
                device::state_folder(folder.as_deref(), mount.as_ref())
            }
            Subject::Space => device::space(space(self.state_dir)),
            Subject::Memory => device::memory(machine.memory(), self.unit.as_ref()),
            Subject::Power => device::power(machine.voltage(), self.under_voltage.map(<[String]>::len)),
            Subject::Watchdog => device::watchdog(&machine.watchdog(), self.runtime_watchdog.as_deref()),
            Subject::Alarms => relay::alarms(asked),
        }
    }

    fn broker(&self) -> Finding {
        match (self.asked.report(), &self.broker) {
            (Some(report), _) => relay::broker(report),
            (None, Some(tried)) => relay::broker_tried(tried.clone()),
            (None, None) if self.config().is_some() => {
                Finding::unknown(Subject::Broker, "er liegt hinter dem Tunnel: das weiß nur ein laufendes Relay")
            }
            (None, None) => unconfigured(Subject::Broker),
        }
    }

    fn tunnel(&self) -> Finding {
        let said = self.asked.report().and_then(relay::tunnel);
        match (said, &self.tunnel, self.config()) {
            (Some(said), ..) => said,
            (None, Some(tried), _) => relay::tunnel_tried(tried.clone()),
            (None, None, Some(_)) => Finding::not_applicable(Subject::Tunnel, "keiner eingerichtet (ingress.mode)"),
            (None, None, None) => unconfigured(Subject::Tunnel),
        }
    }

    fn public_address(&self) -> Finding {
        let said = self.asked.report().and_then(relay::public_address);
        match (said, &self.challenge, self.config()) {
            (Some(said), ..) => said,
            (None, Some(tried), _) => relay::public_address_tried(tried.clone()),
            (None, None, Some(config)) if config.probe.is_some() => {
                Finding::unknown(Subject::PublicAddress, "der Weg nach draußen kam nicht zustande")
            }
            (None, None, Some(_)) => Finding::not_applicable(Subject::PublicAddress, "ingress.url ist nicht angegeben"),
            (None, None, None) => unconfigured(Subject::PublicAddress),
        }
    }

    fn certificate(&self) -> Finding {
        let Some(config) = self.config() else { return unconfigured(Subject::Certificate) };
        let found = config.certificate.as_ref().map(|config| {
            let mut pem = Vec::new();
            File::open(certificate::path(config))?.take(CERTIFICATE).read_to_end(&mut pem)?;
            certificate::until(&pem, self.now)
        });
        device::certificate(found.as_ref(), self.now)
    }

    fn store(&self) -> Finding {
        let path = self.state_dir.join(run::STORE);
        let bytes = std::fs::metadata(&path).ok().map(|file| file.len());
        match (self.asked.relay(), &self.store) {
            (Some(turning), _) => relay::store(turning, bytes),
            (None, Some(found)) => {
                let aside = crate::store::Files::at(&path).damaged().map_or(0, |files| files.len());
                device::store(found.as_ref(), bytes, aside)
            }
            (None, None) => Finding::unknown(Subject::Store, "nicht angesehen"),
        }
    }
}

fn unconfigured(subject: Subject) -> Finding {
    Finding::unknown(subject, service::UNCONFIGURED)
}

/// How much is left where the state lies, or will.
fn space(state_dir: &Path) -> io::Result<device::Space> {
    let there = state_dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let found = rustix::fs::statvfs(there)?;
    // f_bavail: what root keeps for itself is not counted, because the relay is not root.
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(device::Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks), files_free: found.f_favail, files: found.f_files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_readable_configuration_nobody_looks_at_another_relay() {
        for (path, runtime, state) in [
            ("/etc/drk-relay/relay.toml", "/run/drk-relay/status.sock", "/var/lib/drk-relay"),
            ("/etc/drk-relay/wasserwacht.toml", "/run/drk-relay-wasserwacht/status.sock", "/var/lib/drk-relay-wasserwacht"),
            ("elsewhere.toml", "/run/drk-relay/status.sock", "/var/lib/drk-relay"),
        ] {
            assert_eq!(usual(Path::new(path)), (vec![PathBuf::from(runtime)], PathBuf::from(state)), "{path}");
        }
    }
}
