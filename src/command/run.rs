//! `drk-relay run`: the relay as systemd starts it. Holds no rule: it reads the configuration, binds the port and waits for a signal.

use super::Failure;
use super::journal::journal;
use crate::config::{Checked, Files, IngressConfig};
use crate::port::clock::Clock;
use crate::port::events::{Keeper, Keeping};
use crate::port::stream::Source;
use crate::port::systemd::Manager;
use crate::port::update::Trial;
use crate::run::{Drill, Show, Surroundings, run};
use anyhow::Context;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

pub(super) async fn execute(config: &Path) -> Result<(), Failure> {
    let Checked { config, warnings, .. } = Checked::open(config, &Files::of_service(config), None)?;
    let clock = Clock::kept(config.clock, &config.state_dir);
    let (keeper, keeping) = Keeper::start(&config.state_dir, clock.clone(), boot());
    log(keeping);
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
    let (manager, trial) = (Manager::from_environment(), Trial::from_environment());
    let around = Surroundings { clock, listener, show: Show::default(), manager, trial, drill: Drill::default() };
    let ended = Box::pin(run(config, around, stop)).await;
    keeper.finish();
    Ok(ended?)
}

/// Since when the machine has been running, as a name that changes with every start of it. systemd tells a service that may not look
/// (systemd/drk-relay.service).
fn boot() -> Option<String> {
    let told = std::env::var("DRK_RELAY_BOOT").ok();
    let found = told.or_else(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok());
    // systemd writes it without hyphens.
    found.map(|boot| boot.trim().replace('-', "")).filter(|boot| !boot.is_empty())
}

/// On stderr, which is the journal's. What must outlive a power cut is kept besides.
fn log(keeping: Keeping) {
    let keeping = keeping.with_filter(filter_fn(Keeping::wants));
    tracing_subscriber::registry().with(journal(Level::INFO, std::io::stderr)).with(keeping).init();
}
