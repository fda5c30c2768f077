//! `drk-relay documents`: the manual page, and what completes commands in three shells, made from what clap knows of the commands.
//! `docs/drk-relay.8` and `docs/completions` are copies of it. Commands that devices do not have are left out.

use super::{Arguments, Failure};
use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The program, which is also the package.
const PROGRAM: &str = "drk-relay";
/// Commands of the features `documents` and `simulator`: devices are built without them.
const NOT_ON_DEVICES: &[&str] = &["asyncapi", "demo", "documents", "self-test"];
/// The section of the manual: programs for whoever looks after a machine.
const SECTION: &str = "8";
/// Where shells look for completions has names of its own for each of them.
const SHELLS: &[(Shell, &str)] =
    &[(Shell::Bash, "completions/drk-relay.bash"), (Shell::Zsh, "completions/_drk-relay"), (Shell::Fish, "completions/drk-relay.fish")];
/// What a technician may want to look at, and what it is.
const FILES: &[(&str, &str)] = &[
    ("/etc/drk-relay/relay.toml", "Die Konfiguration; sie enthält kein Geheimnis. Ein zweites Relay auf dem Gerät: NAME.toml."),
    ("/etc/drk-relay/relay.example.toml", "Alle Schlüssel der Konfiguration mit ihren Vorgaben."),
    ("/etc/credstore/drk-relay.*", "Die Geheimnisse, eines je Datei; nur root darf sie lesen."),
    ("/etc/credstore.encrypted/drk-relay.*", "Geheimnisse, die nur dieses Gerät entschlüsseln kann."),
    ("/var/lib/drk-relay", "Was das Relay weiß."),
    ("/usr/share/doc/drk-relay/handbuch", "Das Handbuch."),
];
/// The exit codes (see `main`).
const CODES: &[(&str, &str)] = &[
    ("0", "Getan, oder gewollt beendet."),
    ("1", "Nicht gelungen; noch einmal zu starten kann helfen."),
    ("2", "Einen solchen Aufruf gibt es nicht."),
    ("64", "Die Konfiguration kann nicht gehen; zuerst ist sie zu ändern."),
];

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Der Ordner, in den sie geschrieben werden.
    #[arg(value_name = "ORDNER")]
    folder: PathBuf,
}

pub(super) fn execute(options: &Options) -> Result<(), Failure> {
    for (name, text) in documents().context("documents")? {
        let file = options.folder.join(name);
        write(&file, &text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn write(file: &Path, text: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

/// Each document: its place below the folder, and what is in it.
fn documents() -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    let mut documents = vec![("drk-relay.8", page()?)];
    for (shell, name) in SHELLS {
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut of_devices(), PROGRAM, &mut text);
        documents.push((*name, text));
    }
    Ok(documents)
}

/// What can be typed on a device.
fn of_devices() -> Command {
    let all = Arguments::command();
    let there = all.get_subcommands().filter(|command| !NOT_ON_DEVICES.contains(&command.get_name())).cloned();
    Command::new(PROGRAM)
        .about(all.get_about().cloned().unwrap_or_default())
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand_value_name("Befehl")
        .subcommands(there)
}

/// One page with everything. clap_mangen would write one for each command: its sections are taken, without their English headings.
fn page() -> io::Result<Vec<u8>> {
    let mut all = of_devices().disable_help_flag(true);
    all.build();
    let man = Man::new(all.clone()).section(SECTION).title(PROGRAM).manual("Befehle zur Systemverwaltung");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    text.extend(heading("SH", "BEZEICHNUNG"));
    text.extend(section(|text| man.render_name_section(text))?);
    text.extend(heading("SH", "ÜBERSICHT"));
    text.extend(section(|text| man.render_synopsis_section(text))?);
    text.extend(heading("SH", "BEFEHLE"));
    text.extend(b"Jeder Befehl kennt auch \\fB\\-\\-help\\fR.\n");
    for command in all.get_subcommands() {
        describe(command, &mut text)?;
    }
    text.extend(list("DATEIEN", FILES));
    text.extend(list("RÜCKGABEWERT", CODES));
    Ok(text)
}

/// A command, or all those below it.
fn describe(command: &Command, text: &mut Vec<u8>) -> io::Result<()> {
    if command.has_subcommands() {
        return command.get_subcommands().try_for_each(|below| describe(below, text));
    }
    let man = Man::new(command.clone());
    text.extend(heading("SS", command.get_bin_name().unwrap_or(PROGRAM)));
    text.extend(section(|text| man.render_synopsis_section(text))?);
    text.extend(heading("PP", ""));
    text.extend(section(|text| man.render_description_section(text))?);
    text.extend(section(|text| man.render_options_section(text))?);
    Ok(())
}

/// What is rendered, without what stands before it: the preamble that the title already has, and the heading.
fn section(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    render(&mut text)?;
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    Ok(lines.skip_while(|line| !line.starts_with(b".SH ")).skip(1).flatten().copied().collect())
}

/// A macro of roff, with words or without.
fn heading(name: &str, words: &str) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control(name, Some(words).filter(|words| !words.is_empty()));
    roff.to_roff().into_bytes()
}

fn list(title: &str, rows: &[(&str, &str)]) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, words) in rows {
        roff.control("TP", []).text([bold(*name)]).text([roman(*words)]);
    }
    roff.to_roff().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copies_are_what_the_code_says() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        for (name, text) in documents().expect("documents") {
            let copy = fs::read(folder.join(name)).unwrap_or_default();
            assert!(copy == text, "docs/{name} is old: cargo run -- documents docs");
        }
    }

    #[test]
    fn what_devices_do_not_have_is_a_command_elsewhere() {
        let all = Arguments::command();
        for name in NOT_ON_DEVICES {
            assert!(cfg!(not(feature = "simulator")) || all.find_subcommand(name).is_some(), "{name}");
            assert!(of_devices().find_subcommand(name).is_none(), "{name}");
        }
    }

    #[test]
    fn every_command_of_a_device_is_on_the_page() {
        let page = String::from_utf8(page().expect("a page")).expect("UTF-8").replace('\\', "");
        for command in of_devices().get_subcommands() {
            assert!(page.contains(&format!("drk-relay {}", command.get_name())), "{}", command.get_name());
        }
        assert!(!page.contains("self-test"), "{page}");
    }
}
