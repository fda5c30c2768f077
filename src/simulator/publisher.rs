//! A local system that publishes figures over MQTT, QoS 1. Reads no receipt and knows no feed: a topic and a payload.

use rumqttc::{AsyncClient, MqttOptions, QoS};
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

/// Publishes that may wait for the connection.
const WAITING: usize = 16;
/// Before another attempt to connect.
const RETRY: Duration = Duration::from_millis(200);

/// Connected as long as it lives.
#[derive(Debug)]
pub struct Publisher {
    client: AsyncClient,
    _connection: AbortOnDropHandle<()>,
}

impl Publisher {
    /// Connects to the broker, again and again until it is there.
    pub fn connect(broker: SocketAddr) -> Publisher {
        let mut options = MqttOptions::new("publisher", broker.ip().to_string(), broker.port());
        options.set_keep_alive(Duration::from_secs(30));
        let (client, mut connection) = AsyncClient::new(options, WAITING);
        let connection = tokio::spawn(async move {
            loop {
                if connection.poll().await.is_err() {
                    tokio::time::sleep(RETRY).await;
                }
            }
        });
        Publisher { client, _connection: AbortOnDropHandle::new(connection) }
    }

    /// Publishes with QoS 1, retained, as publishers are advised to.
    pub async fn publish(&self, topic: &str, payload: &str) {
        // Fails only if the connection's task is gone, which lives as long as this.
        let _ = self.client.publish(topic, QoS::AtLeastOnce, true, payload.as_bytes()).await;
    }
}
