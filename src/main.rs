//! Arguments, runtime, exit code. Knows no rule and no format: what a command does stands in `command`.

use clap::Parser;
use drk_relay::command::{Arguments, CONFIGURATION, Failure, output};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("runtime: {error}")),
    };
    let ended = runtime.block_on(arguments.execute());
    // Dropping it would wait for the last name lookup, which takes half a minute where there is no network.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Configuration(error)) => {
            complain(&format!("{error}"));
            ExitCode::from(CONFIGURATION)
        }
        Err(Failure::Fatal(error)) => complain(&format!("{error:#}")),
        Err(Failure::Said(code)) => ExitCode::from(code),
    }
}

/// The last words go to stderr, where systemd and people look for them, whatever became of the log.
fn complain(why: &str) -> ExitCode {
    output::complain(format_args!("drk-relay: {why}"));
    ExitCode::FAILURE
}
