//! The flow for Node-RED: the code of its function nodes with Debian's Node.js, and the whole of it in Node-RED where `tests/run --all` has
//! installed that.

use super::{BERLIN, example, text};
use crate::peers::handbook::with;
use crate::peers::mosquitto::output;
use crate::program::{Place, until, within};
use crate::publisher::World;
use serde_json::{Value, json};
use std::fs;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

const FUNCTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ports/examples/function.js");
/// Where Node-RED is: `tests/run --all` says so.
const NODE_RED: &str = "DRK_RELAY_NODE_RED";

/// The node of this id.
fn node(id: &str) -> Value {
    let flow: Vec<Value> = serde_json::from_str(&text("node-red.json")).expect("JSON");
    flow.into_iter().find(|node| node["id"] == id).expect(id)
}

/// What a function node sends on, and what it shows.
async fn function(id: &str, message: &Value) -> (Value, Value) {
    let mut command = Command::new("node");
    command.arg(FUNCTION).arg(example("node-red.json")).arg(id).env("TZ", BERLIN);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("nodejs is installed");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(message.to_string().as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = within(child.wait_with_output()).await.expect("it ends");
    assert!(output.status.success(), "{id}: {message}");
    let Value::Object(mut said) = serde_json::from_slice(&output.stdout).expect("JSON") else { panic!("no object") };
    (said.remove("sent").unwrap_or_default(), said.remove("status").unwrap_or_default())
}

#[test]
fn every_wire_of_the_flow_leads_somewhere() {
    let flow: Vec<Value> = serde_json::from_str(&text("node-red.json")).expect("JSON");
    for from in &flow {
        for to in from["wires"].as_array().into_iter().flatten().flat_map(|output| output.as_array().expect("a list")) {
            assert!(flow.iter().any(|node| node["id"] == *to && node["z"] == from["z"]), "{to}");
        }
        if let Some(broker) = from["broker"].as_str().filter(|_| from["type"] != "mqtt-broker") {
            assert_eq!(node(broker)["type"], "mqtt-broker");
        }
    }
    assert_eq!((&node("drk-out")["qos"], &node("drk-out")["retain"]), (&json!("1"), &json!("true")));
}

#[tokio::test]
async fn node_reds_functions_make_figures_and_judge_receipts() {
    let world = World::new().await;
    let broker = world.broker().await;
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let topic = node("drk-out")["topic"].as_str().expect("a topic").to_owned();
    for (payload, code) in [(json!(" 1.204 "), "accepted"), (json!(1204), "duplicate"), (json!("siebzehn"), "not-a-number")] {
        let (built, _) = function("drk-build", &json!({"payload": payload})).await;
        // Node-RED sends objects as JSON.
        let body = built["payload"].to_string();
        let publish = ["-q", "1", "-r", "-t", &topic, "-m", &body];
        assert_eq!(output(broker.client("mosquitto_pub", &world.publisher.login(), &publish)).await, (true, String::new()));
        let (heard, receipt) = receipts.next().await;
        assert_eq!((&node("drk-in")["topic"], receipt["code"].as_str()), (&json!(heard), Some(code)), "{receipt}");
        let (judged, status) = function("drk-judge", &json!({"payload": receipt})).await;
        let good = code != "not-a-number";
        assert_eq!((judged[0].is_null(), judged[1].is_null()), (!good, good), "{judged}");
        assert_eq!(status["fill"], if good { "green" } else { "red" });
    }
    for none in [json!("unknown"), json!("unavailable"), json!(null), json!(" ")] {
        let (sent, status) = function("drk-build", &json!({"payload": none})).await;
        assert!(sent.is_null() && status["text"].as_str().is_some_and(|text| text.contains("nichts gesendet")), "{none}");
    }
    assert_eq!(function("drk-judge", &json!({"payload": {"result": "held", "hint": "…"}})).await.1["fill"], "red");
    assert_eq!(relay.stop().await.code(), Some(0));
}

/// Asks Node-RED's own interface to press the inject node's button, with this instead of 17.
async fn press(place: &Place, payload: &str) -> Option<()> {
    let body = json!({"__user_inject_props__": [{"p": "payload", "v": payload, "vt": "str"}]}).to_string();
    let mut stream = TcpStream::connect(place.address).await.ok()?;
    let head = "POST /inject/drk-inject HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}

#[tokio::test]
async fn the_flow_runs_in_node_red() {
    let Ok(node_red) = std::env::var(NODE_RED) else {
        return println!("skipped: {NODE_RED} does not say where Node-RED is (tests/run --all does)");
    };
    let world = World::new().await;
    let broker = world.broker().await;
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    let (home, place) = (tempfile::tempdir().expect("a directory"), Place::reserve());
    let at = |name: &str| home.path().join(name);
    // Imported, then the broker's place, user and password entered.
    let flow = with(&text("node-red.json"), "\"broker\": \"localhost\", \"port\": \"1883\"", &{
        let address = world.place.address;
        format!("\"broker\": \"{}\", \"port\": \"{}\"", address.ip(), address.port())
    });
    let login = json!({"drk-broker": {"user": world.publisher.user, "password": world.publisher.password}});
    let settings = format!(
        "module.exports = {{ flowFile: 'flows.json', credentialSecret: false, uiHost: '127.0.0.1', uiPort: {} }};",
        place.address.port()
    );
    for (name, content) in [("flows.json", flow), ("flows_cred.json", login.to_string()), ("settings.js", settings)] {
        fs::write(at(name), content).expect("written");
    }
    let log = fs::File::create(at("log")).expect("a log");
    let mut command = Command::new("node");
    command.arg(format!("{node_red}/node_modules/node-red/red.js")).arg("--userDir").arg(home.path()).env("TZ", BERLIN);
    command.stdin(Stdio::null()).stderr(log.try_clone().expect("a log")).stdout(log).kill_on_drop(true);
    let _child = command.spawn().expect("nodejs is installed");
    let said = || fs::read_to_string(at("log")).unwrap_or_default();
    until(async || said().contains("Connected to broker").then_some(())).await;

    for (payload, code) in [("1.204", "accepted"), ("1204", "duplicate"), ("siebzehn", "not-a-number")] {
        until(async || press(&place, payload).await).await;
        assert_eq!(receipts.said().await.1, code, "{}", said());
    }
    // What is not taken, and only that, reaches the debug node, which also writes to the log.
    until(async || said().contains("not-a-number").then_some(())).await;
    assert!(!said().contains("'duplicate'") && !said().contains("'accepted'"), "{}", said());
    assert_eq!(relay.stop().await.code(), Some(0));
}
