//! cloud-init's `user-data` on the boot partition: what Raspberry Pi Imager wrote stays, and one command more runs at the first boot. Works
//! on lines, because comments and order are to stay; what it does not understand it leaves alone, and says so. Touches no file.

/// What cloud-init wants in the first line, letter for letter (cloud-init docs: user-data formats).
const HEADER: &str = "#cloud-config";
/// Begin and end of what is ours, so that it is found again.
const BEGIN: &str = "# drk-relay provision: Anfang";
const END: &str = "# drk-relay provision: Ende";
/// Ours, as an entry of `runcmd`.
const ENTRY: &str = "- [sh, /boot/firmware/drk-relay/install.sh]";

/// Why it is left alone. The sentences say what to do by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unclear {
    /// A script, several parts, a template.
    #[error(
        "user-data ist keine cloud-config, sondern etwas anderes. Abhilfe: die Karte mit Raspberry Pi Imager 2 neu beschreiben, oder dort \
         von Hand beim ersten Start aufrufen lassen: sh /boot/firmware/drk-relay/install.sh"
    )]
    Foreign,
    /// Tabs, with which no YAML is read.
    #[error(
        "Zeile {0} von user-data beginnt mit einem Tabulator; so liest cloud-init die ganze Datei nicht. Abhilfe: durch \
         Leerzeichen ersetzen"
    )]
    Tab(usize),
    /// A list in one line, or something that is no list.
    #[error(
        "Zeile {0} von user-data: runcmd ist nicht als Liste mit einem Eintrag je Zeile geschrieben. Abhilfe: von Hand so schreiben, einen \
         Eintrag je Zeile:\n\nruncmd:\n- [sh, /boot/firmware/drk-relay/install.sh]\n"
    )]
    Flow(usize),
    /// Two of them.
    #[error("Zeile {0} von user-data: runcmd steht dort zum zweiten Mal, und nur eines gilt. Abhilfe: beide zu einem zusammenfassen")]
    Twice(usize),
}

/// The text with our entry, which is the last of `runcmd`. The same text, if it is there already.
pub(super) fn with_entry(text: &str) -> Result<String, Unclear> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = without_ours(&text);
    let first = lines.iter().position(|line| !line.trim().is_empty());
    match first.map(|first| lines[first].trim_end()) {
        Some(HEADER) => drop(lines.drain(..first.unwrap_or(0))),
        Some(line) if line.starts_with("#!") || line.starts_with("## ") || is_header(line) => return Err(Unclear::Foreign),
        Some(_) | None => lines.insert(0, HEADER),
    }
    if let Some(tab) = lines.iter().position(|line| line.trim_start_matches(' ').starts_with('\t') && !line.trim().is_empty()) {
        return Err(Unclear::Tab(tab + 1));
    }
    let keys: Vec<usize> = (0..lines.len()).filter(|at| key(lines[*at]).is_some_and(|(key, _)| key == "runcmd")).collect();
    let (at, indent) = match keys.as_slice() {
        [] => {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
            lines.extend([BEGIN, "runcmd:", ENTRY, END]);
            return Ok(lines.join("\n") + "\n");
        }
        [at] => place(&lines, *at)?,
        [_, second, ..] => return Err(Unclear::Twice(second + 1)),
    };
    let indent = " ".repeat(indent);
    let ours = [BEGIN, ENTRY, END].map(|line| format!("{indent}{line}"));
    let all = lines[..at].iter().map(|line| (*line).to_owned()).chain(ours).chain(lines[at..].iter().map(|line| (*line).to_owned()));
    Ok(all.map(|line| line + "\n").collect())
}

/// The lines without what is ours.
fn without_ours(text: &str) -> Vec<&str> {
    let mut ours = false;
    let keep = |line: &&str| {
        ours |= line.trim() == BEGIN;
        let kept = !ours;
        ours &= line.trim() != END;
        kept
    };
    text.lines().filter(keep).collect()
}

/// Another format of cloud-init: `#include`, `#cloud-boothook`, `Content-Type: multipart/mixed`.
fn is_header(line: &str) -> bool {
    let formats = ["#include", "#cloud-", "#part-", "#upstart-", "Content-Type:", "MIME-Version:"];
    formats.iter().any(|format| line.starts_with(format))
}

/// A key at the top, and what stands behind its colon.
fn key(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(':')?;
    let at_the_top = !key.is_empty() && !key.starts_with([' ', '#', '-']);
    at_the_top.then(|| (key.trim_end().trim_matches(['"', '\'']), rest.split(" #").next().unwrap_or_default().trim()))
}

/// Where the list below the key in line `at` ends, and how far its entries are indented.
fn place(lines: &[&str], at: usize) -> Result<(usize, usize), Unclear> {
    let unclear = Unclear::Flow(at + 1);
    match key(lines[at]) {
        Some((_, "" | "|" | ">")) if !lines[at].contains(['|', '>']) => {}
        Some(_) | None => return Err(unclear),
    }
    let content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let Some(first) = lines[at + 1..].iter().find(|line| content(line)) else { return Ok((at + 1, 0)) };
    let indent = indent_of(first);
    if !is_entry(first.trim_start()) {
        // Nothing stands below it, or it is no list.
        return if indent == 0 { Ok((at + 1, 0)) } else { Err(unclear) };
    }
    let mut end = at + 1;
    for (number, line) in lines.iter().enumerate().skip(at + 1) {
        if !content(line) {
            continue;
        }
        let inside = indent_of(line) > indent || indent_of(line) == indent && is_entry(line.trim_start());
        if !inside {
            break;
        }
        end = number + 1;
    }
    Ok((end, indent))
}

fn is_entry(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "# drk-relay provision: Anfang\n- [sh, /boot/firmware/drk-relay/install.sh]\n# drk-relay provision: Ende\n";

    #[track_caller]
    fn edited(text: &str, expected: &str) {
        let made = with_entry(text).expect("understood");
        assert_eq!(made, expected);
        assert_eq!(with_entry(&made).as_deref(), Ok(expected), "twice is once");
    }

    #[test]
    fn what_imager_wrote_stays() {
        let alone = OURS.replace("Anfang\n", "Anfang\nruncmd:\n");
        edited("", &format!("#cloud-config\n{alone}"));
        edited("\u{feff}#cloud-config\r\n\r\nhostname: relaypi\r\n\r\n", &format!("#cloud-config\n\nhostname: relaypi\n{alone}"));
        edited("hostname: relaypi\n", &format!("#cloud-config\nhostname: relaypi\n{alone}"));
        edited("# nur Kommentare\n", &format!("#cloud-config\n# nur Kommentare\n{alone}"));
        let imager = "#cloud-config\nhostname: relaypi\nuser:\n  name: technik\n  ssh_authorized_keys:\n    - ssh-ed25519 AAAA\nruncmd:\n";
        edited(
            &format!("{imager}- systemctl enable ssh\n- [rfkill, unblock, wifi]\n\n# Ende\nrpi:\n  spi: true\n"),
            &format!("{imager}- systemctl enable ssh\n- [rfkill, unblock, wifi]\n{OURS}\n# Ende\nrpi:\n  spi: true\n"),
        );
        let indented: String = OURS.lines().map(|line| format!("  {line}\n")).collect();
        edited(
            &format!("{imager}  - - sh\n    - -c\n    - |\n      echo a\n"),
            &format!("{imager}  - - sh\n    - -c\n    - |\n      echo a\n{indented}"),
        );
        edited(&format!("{imager}ntp: true\n"), &format!("{imager}{OURS}ntp: true\n"));
        edited(imager, &format!("{imager}{OURS}"));
    }

    #[test]
    fn what_is_not_clear_is_left_to_a_human() {
        for (text, unclear) in [
            ("#!/bin/sh\necho\n", Unclear::Foreign),
            ("Content-Type: multipart/mixed\n", Unclear::Foreign),
            ("#cloud-config-archive\n- a\n", Unclear::Foreign),
            ("## template: jinja\n#cloud-config\n", Unclear::Foreign),
            ("#cloud-config\nuser:\n\tname: x\n", Unclear::Tab(3)),
            ("#cloud-config\nruncmd: [ls]\n", Unclear::Flow(2)),
            ("#cloud-config\nruncmd: []\n", Unclear::Flow(2)),
            ("#cloud-config\nruncmd: &a\n- ls\n", Unclear::Flow(2)),
            ("#cloud-config\nruncmd:\n  a: b\n", Unclear::Flow(2)),
            ("#cloud-config\nruncmd:\n- a\nruncmd:\n- b\n", Unclear::Twice(4)),
        ] {
            assert_eq!(with_entry(text), Err(unclear), "{text}");
        }
        assert!(Unclear::Flow(2).to_string().contains("\nruncmd:\n- [sh, /boot/firmware/drk-relay/install.sh]\n"));
    }
}
