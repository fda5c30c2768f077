//! The ways in and out, as configured, put together: where webhooks arrive, through which door, by which way everything else goes outside.
//! Connects nothing yet; that is for the ports themselves.

use crate::config::{Config, EgressConfig};
use crate::port::knock::Knocks;
use crate::port::outward::Outward;
use crate::port::probe::Probe;
use crate::port::stream::Source;
use anyhow::Context;

/// All of them.
pub(super) struct Ways {
    /// Where webhooks arrive.
    pub(super) source: Source,
    /// How the relay gets outside.
    pub(super) outward: Outward,
    /// How it gets to the broker, which is usually near.
    pub(super) to_broker: Outward,
    /// Who calls the relay from outside.
    pub(super) probe: Option<Probe>,
    /// What is heard of that.
    pub(super) knocks: Knocks,
}

impl Ways {
    /// As configured. `listener`: where webhooks arrive, unless it is the tunnel.
    pub(super) fn open(config: &Config, listener: Option<Source>) -> anyhow::Result<Ways> {
        let source = listener.context("ingress: kein Port")?;
        let outward = match &config.egress {
            EgressConfig::Direct => Outward::Direct,
            EgressConfig::Proxy(address) => Outward::Proxy(address.clone()),
            EgressConfig::Tunnel => anyhow::bail!("egress: kein Tunnel"),
        };
        let to_broker = if config.mqtt.egress { outward.clone() } else { Outward::Direct };
        let knocks = Knocks::default();
        let probe =
            config.probe.clone().map(|probe| Probe::new(probe, outward.clone(), knocks.clone())).transpose().context("ingress.url")?;
        Ok(Ways { source, outward, to_broker, probe, knocks })
    }
}
