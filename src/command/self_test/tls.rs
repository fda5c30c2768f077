//! Whether TLS works on this machine, with ring and the client that sends to Meta: both versions, and nobody who is not believed. Builds no
//! client of its own.

use crate::command::stage::{cloud_config, graph_config, listen};
use crate::config::GraphConfig;
use crate::domain::decision::{Body, Send};
use crate::domain::event::Outcome;
use crate::domain::ids::{Address, Bsuid, InstanceId, OutboxId};
use crate::port::clock::Clock;
use crate::port::graph::Graph;
use crate::port::pseudonym::Pseudonyms;
use crate::simulator::cloud::Cloud;
use crate::simulator::meta::Person;
use crate::simulator::tls::Identity;
use anyhow::{Context, ensure};
use rustls::ProtocolVersion;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::mpsc;

/// How long the message may be written.
const MINUTE: u32 = 60;

pub(super) async fn both_versions_and_no_stranger(identity: &Identity) -> anyhow::Result<String> {
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        one_version(identity, version, spoken).await.with_context(|| format!("{spoken:?}"))?;
    }
    Ok("1.2 und 1.3; einem unbekannten Aussteller wird nicht geglaubt".to_owned())
}

/// A server that speaks one version only: who believes its certificate gets a message through, who does not says why and sends nothing.
async fn one_version(identity: &Identity, version: &'static SupportedProtocolVersion, spoken: ProtocolVersion) -> anyhow::Result<()> {
    let listener = listen().await?;
    let url = format!("https://{}", listener.local_addr()?);
    let (listener, mut handshakes) = identity.listen(listener, version)?;
    // Nobody hears the statuses, and nobody looks at the telephone.
    let (nobody, _) = mpsc::channel(1);
    let cloud = Cloud::start(listener, cloud_config(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))), Clock::System, nobody)?;
    let (person, now) = (Person::with_phone(1), Clock::System.now().second());
    cloud.join(person.clone());
    drop(cloud.look(|meta| meta.message_webhook(&person.user_id, "Hallo", now)));

    let to = Bsuid::new(&person.user_id).context("Adresse")?;
    let send = Send { id: OutboxId(1), to: Address::Bsuid(to), body: Body::Text("Probe".to_owned()), not_after: now.plus(MINUTE) };
    let (clock, pseudonyms, instance) = (Clock::System, Pseudonyms::new([0; 32]), InstanceId(1));
    let stranger = Graph::new(graph_config(url.clone()), clock.clone(), pseudonyms.clone(), instance)?;
    ensure!(stranger.send(&send).await == Outcome::Later, "einem unbekannten Aussteller wurde geglaubt");
    let refused = handshakes.recv().await.context("kein Verbindungsversuch")?;
    ensure!(refused.as_ref().is_err_and(|why| why.contains("UnknownCA")), "abgelehnt wurde aus einem anderen Grund: {refused:?}");
    ensure!(cloud.counters().sent == 0, "ohne geprüftes Zertifikat ging eine Nachricht hinaus");

    let trusting = GraphConfig { extra_roots: Some(identity.pem()), ..graph_config(url) };
    let friend = Graph::new(trusting, clock, pseudonyms, instance)?;
    let outcome = friend.send(&send).await;
    ensure!(matches!(outcome, Outcome::Accepted(_)), "nicht angenommen: {outcome:?}");
    let shaken = handshakes.recv().await.context("keine Verbindung")?;
    ensure!(shaken == Ok(spoken), "ausgehandelt wurde {shaken:?}");
    ensure!(cloud.counters().sent == 1, "die Nachricht kam nicht an");
    Ok(())
}
