//! Other people's processes: who started whom, and signals; and whether this one may do everything. Asserts nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// All that this one has started, directly or not, and that still run.
pub(crate) fn descendants(of: u32) -> Vec<u32> {
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc").expect("Linux").flatten().filter_map(|entry| parent(&entry.path())).collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        at += 1;
    }
    found.split_off(1)
}

/// A process that still runs, and its parent.
fn parent(directory: &Path) -> Option<(u32, u32)> {
    let id = directory.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(directory.join("stat")).ok()?;
    // The name stands in brackets and may contain any of them.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, parent) = (rest.next()?, rest.next()?);
    // Z: it has ended, and its parent has not asked yet.
    (state != "Z").then_some((id, parent.parse().ok()?))
}

/// To all of them; one that is gone already is no matter.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    for process in processes {
        // The shell's own kill: the program of that name is in a package that not everybody has.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("kill -{name} {process}")]).stderr(Stdio::null());
        command.status().expect("a shell");
    }
}

/// Also in a user namespace.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    status.lines().find_map(|line| line.strip_prefix("Uid:")).is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}
