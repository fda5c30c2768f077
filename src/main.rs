//! Arguments, runtime, exit code. Knows no rule and no format: what a command does stands in `command`.

use clap::Parser;
use drk_relay::command::{Arguments, CONFIGURATION, Failure};
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

/// The last words, where systemd and people look for them.
#[expect(clippy::print_stderr, reason = "the last words of a program go to stderr, whatever became of its log")]
fn complain(why: &str) -> ExitCode {
    eprintln!("drk-relay: {why}");
    ExitCode::FAILURE
}
