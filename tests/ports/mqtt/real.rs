//! Our port against mosquitto, and mosquitto's clients against our broker. Need the Debian packages mosquitto and mosquitto-clients,
//! which `tests/run` installs.

use super::peer::{ALARMS, NO_ALARMS, Peer, Port, cases, durable, within};
use super::{Restartable, online};
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Starts one of mosquitto's programs; it ends with the test.
fn program(name: &str, broker: SocketAddr, arguments: &[&str]) -> Child {
    let mut command = Command::new(name);
    if name != "mosquitto" {
        command.args(["-h", "127.0.0.1", "-V", "mqttv311", "-p", &broker.port().to_string()]);
    }
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    command.spawn().expect("mosquitto and mosquitto-clients are installed")
}

async fn output(child: Child) -> String {
    let output = within(child.wait_with_output()).await.expect("it ends");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn mosquittos_clients_get_on_with_our_broker() {
    let broker = Restartable::start().await;
    let (mut port, _people) = online(&broker).await;
    let mut subscriber = program("mosquitto_sub", broker.address, &["-q", "1", "-v", "-t", "figures/#", "-t", "relay/status"]);
    let mut lines = BufReader::new(subscriber.stdout.take().expect("piped")).lines();
    assert_eq!(within(lines.next_line()).await.expect("readable").as_deref(), Some("relay/status online"));

    output(program("mosquitto_pub", broker.address, &["-q", "1", "-r", "-t", "figures/corona/cases_new", "-m", "12.735"])).await;
    assert_eq!(port.take().await, 12_735);
    assert_eq!(within(lines.next_line()).await.expect("readable").as_deref(), Some("figures/corona/cases_new 12.735"));

    let ask = ["-t", "figures/corona/incidence", "-e", "relay/receipts/corona/incidence", "-m", "1.234"];
    let receipt = output(program("mosquitto_rr", broker.address, &ask)).await;
    assert!(receipt.contains("ambiguous-number"), "{receipt}");

    let ask = ["-t", "relay/request/withdrow", "-e", "relay/response/withdrow", "-m", r#"{"feed":"corona","transaction":7}"#];
    let answer = output(program("mosquitto_rr", broker.address, &ask)).await;
    assert!(answer.starts_with(r#"{"status":"error","error":"Diese Anfrage gibt es nicht: „withdrow“. Es gibt: health, "#), "{answer}");
    assert!(answer.trim_end().ends_with(r#""data":{},"transaction":7}"#), "{answer}");

    output(program("mosquitto_pub", broker.address, &["-r", "-n", "-t", "figures/corona/cases_new"])).await;
    let kept = output(program("mosquitto_sub", broker.address, &["-t", "#", "-v", "-C", "2"])).await;
    let mut kept: Vec<_> = kept.lines().collect();
    kept.sort_unstable();
    assert_eq!(kept, [format!("{ALARMS} {NO_ALARMS}").as_str(), "relay/status online"], "the retained figure is gone");
}

#[tokio::test]
async fn our_port_gets_on_with_mosquitto() {
    let (listener, address) = super::listen().await;
    drop(listener);
    let mut server = program("mosquitto", address, &["-p", &address.port().to_string()]);
    // Started as a plain program it listens on localhost only and lets everyone in.
    within(async {
        while TcpStream::connect(address).await.is_err() {
            // waits: mosquitto does not say when it listens.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let mut port = Port::start(address, 16);
    let mut people = Peer::connect(address, "publisher").await;
    people.subscribe("relay/#").await;
    while people.message().await.1 != "online" {}
    people.settled().await;

    // More than mosquitto's window of 20, acknowledged in order.
    let many: Vec<_> = (1..=50).map(|count| cases(count.into(), count)).collect();
    people.send(&many).await;
    for expected in 1..=50 {
        assert_eq!(port.take().await, expected);
    }
    people.settled().await;
    drop(port);
    while people.message().await.1 != "offline" {}

    // Published while the relay is away; the session keeps it. What was acknowledged does not come back.
    output(program("mosquitto_pub", address, &["-q", "1", "-t", "figures/corona/cases_new", "-m", "51"])).await;
    let mut port = Port::start(address, 16);
    let (value, arrival) = port.figure().await;
    assert_eq!(value, 51);
    durable(arrival);
    while people.message().await.1 != "online" {}
    server.kill().await.expect("it ran");
}
