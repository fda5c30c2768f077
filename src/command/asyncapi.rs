//! `drk-relay asyncapi`: the description of the MQTT interface. `docs/asyncapi.json` is a copy of it.

use super::Failure;
use super::output::say;
use crate::port::mqtt::asyncapi;
use anyhow::Context;

pub(super) fn execute() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&asyncapi()).context("asyncapi")?;
    say!("{text}");
    Ok(())
}
