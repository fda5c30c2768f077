//! The ways in and out, as configured, put together: where webhooks arrive, through which door, by which way everything else goes outside.
//! Connects nothing yet; that is for the ports themselves.

use super::{Drill, restarting};
use crate::config::{CertificateConfig, Config, EgressConfig, IngressConfig};
use crate::port::board::WayLinks;
use crate::port::certificates::Certificates;
use crate::port::clock::Clock;
use crate::port::knock::Knocks;
use crate::port::link::Link;
use crate::port::outward::Outward;
use crate::port::probe::{Probe, Tunnelling};
use crate::port::stream::{Source, Stream, Visitor};
use crate::port::tls::Door;
use crate::port::tunnel::Tunnel;
use crate::port::{Inbox, certificate, probe, tunnel};
use anyhow::{Context, anyhow};
use secrecy::SecretString;
use std::future::{Future, pending};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// All of them.
pub(super) struct Ways {
    /// What webhooks have to get through.
    door: Door,
    /// How Meta's webhooks fare.
    pub(super) webhook: Link,
    /// What it shows, and where that comes from.
    certificates: Certificates,
    certificate: Option<(CertificateConfig, Link)>,
    /// Our own connection to the relay host.
    tunnel: Option<Tunnelled>,
    /// How the relay gets outside.
    pub(super) outward: Outward,
    /// How it gets to the broker, which is usually near.
    pub(super) to_broker: Outward,
    /// Who calls the relay from outside.
    probe: Option<(Probe, Link)>,
    /// What is heard of that.
    pub(super) knocks: Knocks,
}

/// The tunnel, and the proxy through which everything else goes out by it, if so configured.
struct Tunnelled {
    tunnel: Tunnel,
    link: Link,
    proxy: Option<Proxy>,
}

/// A proxy on loopback, for this process and nobody else.
struct Proxy {
    listener: TcpListener,
    credential: SecretString,
    address: SecretString,
}

impl Ways {
    /// As configured, and where webhooks arrive: at `listener`, unless it is the tunnel.
    ///
    /// # Errors
    /// What cannot be used: a German sentence.
    pub(super) async fn open(config: &Config, listener: Option<Source>, clock: &Clock) -> anyhow::Result<(Source, Ways)> {
        let (straight, link) = (Outward::of(&config.egress), || Link::new(clock.clone()));
        let (source, tunnel) = match &config.ingress {
            IngressConfig::Listen(_) => (listener.context("ingress.listen: kein Port")?, None),
            IngressConfig::Tunnel(tunnel) => {
                let link = link();
                let (tunnel, streams) = Tunnel::new(tunnel.clone(), straight.clone(), link.clone()).context("tunnel")?;
                let proxy = match &config.egress {
                    EgressConfig::Tunnel => Some(Proxy::open().await?),
                    EgressConfig::Direct | EgressConfig::Proxy(_) => None,
                };
                (Source::Handed(streams), Some(Tunnelled { tunnel, link, proxy }))
            }
        };
        let proxy = tunnel.as_ref().and_then(|tunnel| tunnel.proxy.as_ref());
        let outward = proxy.map_or(straight, |proxy| Outward::Proxy(proxy.address.clone()));
        let to_broker = if config.mqtt.egress { outward.clone() } else { Outward::Direct };
        let (certificates, knocks, webhook) = (Certificates::new(), Knocks::default(), link());
        let door = Door::new(&config.tls, &certificates, &webhook).context("ingress.tls")?;
        let probe = config.probe.clone().map(|probe| Probe::new(probe, outward.clone(), knocks.clone(), clock));
        let probe = probe.transpose().context("ingress.url")?.map(|probe| (probe, link()));
        let certificate = config.certificate.clone().map(|certificate| (certificate, link()));
        Ok((source, Ways { door, webhook, certificates, certificate, tunnel, outward, to_broker, probe, knocks }))
    }

    /// How they fare.
    pub(super) fn links(&self) -> WayLinks {
        let certificate = self.certificate.as_ref().map(|(_, link)| (link.clone(), self.certificates.clone()));
        let public = self.probe.as_ref().map(|(_, link)| link.clone());
        WayLinks { tunnel: self.tunnel.as_ref().map(|tunnel| tunnel.link.clone()), certificate, public }
    }

    /// Lets a connection in, or not.
    pub(super) fn enter(&self, stream: Stream) -> impl Future<Output = Option<Visitor>> + Send + 'static {
        let door = self.door.clone();
        async move { door.enter(stream).await }
    }

    /// Keeps them open for ever.
    pub(super) async fn keep(&self, clock: &Clock, inbox: &Inbox, trusted: &watch::Sender<bool>, drill: &Drill) {
        let rebuild = || {
            if let Some(Tunnelled { tunnel, .. }) = &self.tunnel {
                tunnel.rebuild();
            }
        };
        tokio::join!(
            restarting("tunnel", drill, async || match &self.tunnel {
                Some(Tunnelled { tunnel, .. }) => match tunnel.run().await {},
                None => pending().await,
            }),
            restarting("egress", drill, async || match &self.tunnel {
                Some(Tunnelled { tunnel, proxy: Some(Proxy { listener, credential, .. }), .. }) => {
                    tunnel::proxy::serve(listener, credential, tunnel).await
                }
                Some(Tunnelled { proxy: None, .. }) | None => pending().await,
            }),
            restarting("certificate", drill, async || match &self.certificate {
                Some((config, link)) => {
                    let (trusted, way) = (&mut trusted.subscribe(), self.tunnel.as_ref().map(|tunnel| &tunnel.link));
                    certificate::run(config, &self.certificates, &self.outward, clock, trusted, way, link).await
                }
                None => pending().await,
            }),
            restarting("probe", drill, async || match &self.probe {
                Some((probe, link)) => {
                    let tunnel = self.tunnel.as_ref().map(|tunnel| Tunnelling { link: &tunnel.link, rebuild: &rebuild });
                    probe::run(probe, tunnel, clock, inbox, &self.webhook, link).await
                }
                None => pending().await,
            }),
        );
    }
}

/// Does something by the way outside beside a relay that may be running: through the tunnel by a session of its own, which takes nothing
/// away from that relay's.
///
/// # Errors
/// If the tunnel cannot be used, or breaks for good: a German sentence.
pub async fn beside<T>(config: &Config, clock: &Clock, task: impl AsyncFnOnce(&Outward) -> T) -> anyhow::Result<T> {
    let straight = Outward::of(&config.egress);
    let (EgressConfig::Tunnel, IngressConfig::Tunnel(tunnel)) = (&config.egress, &config.ingress) else { return Ok(task(&straight).await) };
    let (tunnel, _) = Tunnel::new(tunnel.clone(), straight, Link::new(clock.clone())).context("tunnel")?;
    let Proxy { listener, credential, address } = Proxy::open().await?;
    let outward = Outward::Proxy(address);
    tokio::select! {
        never = tunnel.run_outward() => match never {},
        error = tunnel::proxy::serve(&listener, &credential, &tunnel) => Err(error).context("egress"),
        done = task(&outward) => Ok(done),
    }
}

impl Proxy {
    async fn open() -> anyhow::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("egress: kein freier Port auf 127.0.0.1")?;
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).map_err(|error| anyhow!("no randomness: {error}"))?;
        let credential = format!("{:032x}", u128::from_ne_bytes(secret));
        let address = format!("http://drk-relay:{credential}@{}", listener.local_addr()?).into();
        Ok(Proxy { listener, credential: credential.into(), address })
    }
}
