//! `drk-relay run`: the relay as systemd starts it. Holds no rule: it reads the configuration, binds the port and waits for a signal.

use super::Failure;
use crate::config::{Checked, Files, IngressConfig};
use crate::port::clock::Clock;
use crate::port::stream::Source;
use crate::port::systemd::Manager;
use crate::run::{Drill, Show, Surroundings, run};
use anyhow::Context;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

pub(super) async fn execute(config: &Path) -> Result<(), Failure> {
    let Checked { config, warnings, .. } = Checked::open(config, &Files::of_service(config), None)?;
    log();
    if !warnings.is_empty() {
        tracing::warn!(count = warnings.len(), "the configuration works, but something in it deserves a look: drk-relay check-config");
    }
    let listener = match &config.ingress {
        IngressConfig::Listen(address) => Some(Source::bind(address).await?),
        IngressConfig::Tunnel(_) => None,
    };
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let around = Surroundings {
        clock: Clock::kept(config.clock, &config.state_dir),
        listener,
        show: Show::default(),
        manager: Manager::from_environment(),
        drill: Drill::default(),
    };
    Ok(Box::pin(run(config, around, stop)).await?)
}

/// One line an event on stderr, which is the journal's. The libraries speak only when something is wrong: at `debug` some of them would
/// print what must not be in a log.
fn log() {
    let levels = Targets::new().with_default(Level::WARN).with_target("drk_relay", Level::INFO);
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(levels)).init();
}
