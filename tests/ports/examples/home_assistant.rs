//! The automations for Home Assistant: their templates are rendered with Debian's Jinja, and what they would publish is published. Home
//! Assistant itself is not run: what it makes of `triggers` and `mode` is looked at, not tried.

use super::{BERLIN, example};
use crate::peers::mosquitto::{Broker, output};
use crate::program::within;
use crate::publisher::World;
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const RENDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ports/examples/render.py");
const SENSOR: &str = "sensor.neue_faelle";

/// What the automation of this index would do with such a sensor, or because of such a receipt.
async fn automation(index: u32, state: &str, receipt: &Value) -> Value {
    let asked = json!({
        "file": example("home-assistant.yaml"), "index": index, "states": {SENSOR: state}, "trigger": {"payload_json": receipt},
    });
    let mut command = Command::new("/usr/bin/python3");
    command.arg(RENDER).env("TZ", BERLIN).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("python3 is installed");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(asked.to_string().as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = within(child.wait_with_output()).await.expect("it ends");
    assert!(output.status.success(), "python3-jinja2 and python3-yaml are installed");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Publishes as Home Assistant's action `mqtt.publish` does.
async fn publish(world: &World, broker: &Broker<'_>, action: &Value) {
    let data = &action["data"];
    assert_eq!((&action["action"], &data["qos"], &data["retain"]), (&json!("mqtt.publish"), &json!(1), &json!(true)));
    let text = |key: &str| data[key].as_str().expect("text");
    let publish = ["-q", "1", "-r", "-t", text("topic"), "-m", text("payload")];
    assert_eq!(output(broker.client("mosquitto_pub", &world.publisher.login(), &publish)).await, (true, String::new()));
}

#[tokio::test]
async fn home_assistants_automation_sends_numbers_only_and_hears_of_those_that_are_not_taken() {
    let world = World::new().await;
    let broker = world.broker().await;
    let relay = world.relay().await;
    let mut receipts = world.receipts(&broker).await;
    for (state, code) in [("1204", "accepted"), ("1204", "duplicate"), ("siebzehn", "not-a-number")] {
        let sends = automation(0, state, &Value::Null).await;
        assert_eq!((&sends["conditions"], &sends["triggers"][0]["entity_id"]), (&json!([true]), &json!(SENSOR)));
        publish(&world, &broker, &sends["actions"][0]).await;
        let (topic, receipt) = receipts.next().await;
        assert_eq!(receipt["code"], code, "{receipt}");

        let tells = automation(1, state, &receipt).await;
        assert_eq!((&tells["conditions"], &tells["triggers"][0]["topic"]), (&json!([receipt["result"] == "rejected"]), &json!(topic)));
        assert_eq!(tells["actions"][0]["data"], json!({"title": format!("Fallzahl: {code}"), "message": receipt["hint"]}));
    }
    for none in ["unknown", "unavailable", "none", "None", ""] {
        assert_eq!(automation(0, none, &Value::Null).await["conditions"], json!([false]), "{none}");
    }
    for (result, told) in [("held", true), ("rejected", true), ("accepted", false), ("correction", false)] {
        let receipt = json!({"result": result, "code": "total-fell", "hint": "…"});
        assert_eq!(automation(1, "", &receipt).await["conditions"], json!([told]), "{result}");
    }
    assert_eq!(relay.stop().await.code(), Some(0));
}
