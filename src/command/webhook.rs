//! `drk-relay webhook register`: this number's webhooks shall come to this relay. Asks the address what Meta will ask, then Meta, and then
//! Meta once more what it has understood. Changes nothing if the address does not answer.

use super::Failure;
use crate::command::output::say;
use crate::config::{Checked, Config, Files, GraphConfig};
use crate::port::clock::Clock;
use crate::port::graph::{register, registered};
use crate::port::knock::{Knocks, WEBHOOK};
use crate::port::outward::Outward;
use crate::port::probe::Probe;
use crate::run::beside;
use anyhow::{Context, bail};
use clap::Subcommand;
use secrecy::ExposeSecret;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Options {
    /// Bei Meta eintragen, dass die Webhooks dieser Nummer hierher kommen. Das Relay muss dabei laufen.
    Register {
        /// Die Konfiguration.
        #[arg(long, value_name = "DATEI", default_value = super::CONFIGURATION_FILE)]
        config: PathBuf,
    },
}

pub(super) async fn execute(options: &Options) -> Result<(), Failure> {
    let Options::Register { config } = options;
    let Checked { config, .. } = Checked::open(config, &Files::of_technician(config), None)?;
    let entered = beside(&config, &Clock::System, async |outward| enter(&config, outward).await).await?;
    Ok(entered?)
}

async fn enter(config: &Config, outward: &Outward) -> anyhow::Result<()> {
    let public =
        config.probe.clone().context("ingress.url fehlt: welche Adresse soll Meta aufrufen? Abhilfe: url = \"https://…\" ergänzen.")?;
    let (host, url) = (public.host.clone(), public.url(WEBHOOK));
    let verify_token = &config.webhook.verify_token;
    let graph = GraphConfig { proxy: outward.proxy().cloned(), ..config.graph.clone() };
    let probe = Probe::new(public, outward.clone(), Knocks::default(), &Clock::System)?;
    match probe.challenge(verify_token.expose_secret()).await {
        Ok(true) => say!("✓ {url} beantwortet Metas Prüfung."),
        Ok(false) => bail!("{url} antwortet, kennt aber dieses Prüfwort nicht. Abhilfe: läuft dort das Relay mit dieser Konfiguration?"),
        Err(broken) => bail!(broken.sentence(&host)),
    }
    register(&graph, &url, verify_token).await?;
    say!("✓ Meta hat die Adresse geprüft und angenommen.");
    match registered(&graph).await? {
        Some(found) if found == url => say!("✓ Die Webhooks der Nummer {} kommen hierher.", config.graph.phone_number_id),
        Some(found) => bail!("Meta liefert weiter an {found}. Abhilfe: in einigen Minuten noch einmal versuchen."),
        None => bail!("Meta hat die Adresse nicht behalten. Abhilfe: in einigen Minuten noch einmal versuchen."),
    }
    say!("Was das WhatsApp-Konto als Ganzes betrifft, schickt Meta weiter an die Adresse der App.");
    Ok(())
}
