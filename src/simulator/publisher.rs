//! A local system that publishes figures over MQTT, QoS 1, and hears the receipts, those of others too. It may ask for something, and hears
//! the responses as well. Knows no feed, only topics.

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Publishes that may wait for the connection.
const WAITING: usize = 16;
/// Receipts that may wait to be looked at; more are not noticed.
const RECEIPTS: usize = 64;
/// Before another attempt to connect.
const RETRY: Duration = Duration::from_millis(200);

/// What the relay says of a publication, or of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Where it was published; of a request, where the response came.
    pub topic: String,
    /// For programs.
    pub code: String,
    /// What became of it, and why.
    pub said: String,
}

/// Connected as long as it lives.
#[derive(Debug)]
pub struct Publisher {
    client: AsyncClient,
    _connection: AbortOnDropHandle<()>,
}

impl Publisher {
    /// Connects to the broker, again and again until it is there. Receipts for anybody come out of the receiver.
    pub fn connect(broker: SocketAddr) -> (Publisher, mpsc::Receiver<Receipt>) {
        let mut options = MqttOptions::new("publisher", broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        let (client, connection) = AsyncClient::new(options, WAITING);
        let (tell, receipts) = mpsc::channel(RECEIPTS);
        let connection = AbortOnDropHandle::new(tokio::spawn(keep(client.clone(), connection, tell)));
        (Publisher { client, _connection: connection }, receipts)
    }

    /// Publishes with QoS 1, retained, as publishers are advised to.
    pub async fn publish(&self, topic: &str, payload: &str) {
        // Fails only if the connection's task is gone, which lives as long as this.
        let _ = self.client.publish(topic, QoS::AtLeastOnce, true, payload.as_bytes()).await;
    }

    /// Asks for something. Not retained: what is asked for is wanted now.
    pub async fn ask(&self, request: &str, payload: &str) {
        let _ = self.client.publish(format!("relay/request/{request}"), QoS::AtLeastOnce, false, payload.as_bytes()).await;
    }
}

async fn keep(client: AsyncClient, mut connection: EventLoop, receipts: mpsc::Sender<Receipt>) {
    loop {
        match connection.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // Full only if nobody can publish either.
                let _ = client.try_subscribe("relay/receipts/#", QoS::AtMostOnce);
                let _ = client.try_subscribe("relay/response/#", QoS::AtMostOnce);
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                // Whoever does not look in time does not notice.
                let _ = receipts.try_send(receipt(&publish));
            }
            Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

fn receipt(publish: &Publish) -> Receipt {
    let topic = publish.topic.replacen("relay/receipts", "figures", 1);
    let json: Value = serde_json::from_slice(&publish.payload).unwrap_or_default();
    let about = json.get("data").unwrap_or(&json);
    let text = |key: &str| about[key].as_str().unwrap_or_default().to_owned();
    Receipt { topic, code: text("code"), said: format!("{}: {}", text("result"), text("hint")) }
}
