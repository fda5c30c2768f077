//! `drk-relay run`: the relay as systemd starts it. Holds no rule: it reads the configuration, binds the port and waits for a signal.

use super::Failure;
use crate::config::Config;
use crate::port::clock::Clock;
use crate::port::systemd::Manager;
use crate::run::{Show, Surroundings, run};
use anyhow::Context;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

pub(super) async fn execute(config: &Path) -> Result<(), Failure> {
    let config = Config::load(config)?;
    log();
    let address = config.webhook.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address}: der Port lässt sich nicht öffnen"))?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let around = Surroundings { clock: Clock::System, listener, show: Show::default(), manager: Manager::from_environment() };
    Ok(Box::pin(run(config, around, stop)).await?)
}

/// One line an event on stderr, which is the journal's. The libraries speak only when something is wrong: at `debug` some of them would
/// print what must not be in a log.
fn log() {
    let levels = Targets::new().with_default(Level::WARN).with_target("drk_relay", Level::INFO);
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(levels)).init();
}
