//! One connection to the broker, to see whether it lets us in and lets us hear: for whoever looks while no relay runs. Under a name of its
//! own, because the relay's would throw the relay out; without a last will and without a session, so that nothing of it stays.

use super::connection::Connection;
use super::line::Line;
use super::lost::Lost;
use super::subscriptions::Subscriptions;
use super::{REQUESTS, network, plain};
use crate::config::MqttConfig;
use crate::port::clock::Clock;
use crate::port::outward::Outward;
use rumqttc::{AsyncClient, ConnectReturnCode, Event, EventLoop, Packet};

/// Connects, logs in, subscribes to what the relay subscribes to, and leaves.
///
/// # Errors
/// What is in the way: a German sentence with what to do.
pub async fn trial(config: &MqttConfig, outward: &Outward, clock: &Clock) -> Result<(), String> {
    let connection = &Connection::default();
    let (line, path) = Line::new(config, outward, clock, connection).map_err(|error| format!("kein Socket ({error})"))?;
    let name = format!("{}-doctor-{:08x}", config.client_id, getrandom::u32().unwrap_or_default());
    let mut options = plain(config, &name, path);
    options.set_clean_session(true);
    let (client, mut eventloop) = AsyncClient::new(options, REQUESTS);
    eventloop.set_network_options(network());
    tokio::select! {
        never = line.run() => match never {},
        heard = hear(&client, &mut eventloop, config, connection) => heard,
    }
}

async fn hear(client: &AsyncClient, eventloop: &mut EventLoop, config: &MqttConfig, connection: &Connection) -> Result<(), String> {
    let mut subscriptions = Subscriptions::new(config);
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {
                let filters = subscriptions.connected(false).map(|subscribe| subscribe.filters).unwrap_or_default();
                client.try_subscribe_many(filters).map_err(|error| error.to_string())?;
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                subscriptions.answered(&answer.return_codes);
                // The broker need not hear it: who is gone is gone.
                let _ = client.try_disconnect();
                let _ = eventloop.poll().await;
                return match subscriptions.refused() {
                    None => Ok(()),
                    Some(topic) => Err(format!("der Broker lässt {topic} nicht lesen. Abhilfe: dem Relay dort das Lesen erlauben (ACL)")),
                };
            }
            Ok(_) => {}
            Err(error) => return Err(Lost::new(error, connection.broken()).sentence()),
        }
    }
}
