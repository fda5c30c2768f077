//! The rules, each as a function from a file to what is wrong in it.

use super::rooms::{Ban, CLOCK_READS, Crates, ROOMS, Room, SIMULATOR_MODEL, SIMULATOR_SOCKETS};
use super::source::Source;
use std::fmt;

/// Something is where it must not be.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    what: String,
    why: String,
    instead: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    why: {}\n    instead: {}", self.file, self.line, self.what, self.why, self.instead)
    }
}

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
const MAIN_LINES: usize = 59;
const COLUMNS: usize = 140;
const NO_DOOR_PLATE: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

/// All that is wrong in one file. `path` starts at the top of the project.
pub(crate) fn violations(path: &str, text: &str) -> Vec<Violation> {
    let source = Source::new(path, text);
    let mut found = Findings { source: &source, all: Vec::new() };
    found.door_plate();
    found.leftovers_and_machines();
    if path.ends_with(".rs") {
        found.sizes();
        found.banned_words();
        found.clocks_and_sleeps();
    }
    if path.starts_with("src/") && path.ends_with(".rs") {
        found.hash_order();
        found.room();
    }
    found.all.sort();
    found.all.dedup();
    found.all
}

struct Findings<'a> {
    source: &'a Source<'a>,
    all: Vec<Violation>,
}

impl Findings<'_> {
    fn add(&mut self, line: usize, what: String, why: &str, instead: &str) {
        self.all.push(Violation { file: self.source.path.to_owned(), line, what, why: why.to_owned(), instead: instead.to_owned() });
    }

    fn door_plate(&mut self) {
        let stems = self.source.path.split('/').map(|part| part.split_once('.').map_or(part, |(stem, _)| stem));
        let named = stems.map(|stem| (1, stem.to_owned()));
        let modules = self.source.words("mod").into_iter().filter(|_| self.source.path.ends_with(".rs"));
        let modules = modules.map(|at| (self.source.line(at), self.source.code[at + 3..].iter().take(60).collect::<String>()));
        let modules = modules.map(|(line, rest)| (line, rest.trim_start().split([' ', ';', '{']).next().unwrap_or_default().to_owned()));
        let bad: Vec<_> = named.chain(modules).filter(|(_, name)| NO_DOOR_PLATE.contains(&name.as_str())).collect();
        for (line, name) in bad {
            let why = "a room without a door plate: nobody knows what belongs into it, so everything does";
            self.add(line, format!("something is called `{name}`"), why, "put it beside its only caller, or name it after what it is");
        }
    }

    /// Rules for every text file, comments included.
    fn leftovers_and_machines(&mut self) {
        let leftovers = [concat!("FIX", "ME"), concat!("XX", "X")];
        let machines = [concat!("/tmp", "/w/"), concat!("/wo", "rk/"), concat!("/ro", "ot/")];
        for (index, line) in self.source.raw.iter().enumerate() {
            for word in leftovers.into_iter().filter(|word| line.split(|char: char| !char.is_alphanumeric()).any(|part| part == *word)) {
                let why = "it says that something is unfinished, to somebody who cannot know what";
                self.add(index + 1, format!("`{word}`"), why, "finish it, or open an issue and write down what is true today");
            }
            let own_root = |path: &str| line.match_indices(path).any(|(at, _)| line[..at].chars().next_back().is_none_or(starts_path));
            for path in machines.into_iter().filter(|path| own_root(path)) {
                let instead = "start at CARGO_MANIFEST_DIR, at `../shared`, or in a temporary directory";
                self.add(index + 1, format!("`{path}…`"), "a path of one machine: nobody else has it", instead);
            }
        }
    }

    fn sizes(&mut self) {
        let source = self.source;
        if source.raw.first().is_none_or(|line| !line.starts_with("//!")) {
            let why = "a reader should know after one sentence what the file does, and what it does not";
            self.add(1, "the first line is no `//!`".to_owned(), why, "say in one sentence what it does, and what it leaves to others");
        }
        let (limit, instead) = match source.path {
            "src/main.rs" => (MAIN_LINES, "move it into a command"),
            _ => (FILE_LINES, "make it a folder of the same name, one file for each noun"),
        };
        if source.raw.len() > limit {
            self.add(limit + 1, format!("{} lines, {limit} allowed", source.raw.len()), "a long file has more than one subject", instead);
        }
        for (index, line) in source.raw.iter().enumerate().filter(|(_, line)| line.chars().count() > COLUMNS) {
            let what = format!("{} columns, {COLUMNS} allowed", line.chars().count());
            self.add(index + 1, what, "two files should fit beside each other", "break it; rustfmt leaves comments and strings alone");
        }
        for (name, from, to) in source.functions() {
            let (from, to) = (source.line(from), source.line(to));
            let lines = to - from + 1;
            if lines > FUNCTION_LINES {
                let why = "nobody holds more than a screen in mind";
                self.add(from, format!("`fn {name}` has {lines} lines, {FUNCTION_LINES} allowed"), why, "split it where a part has a name");
            }
        }
    }

    fn banned_words(&mut self) {
        let bans: &[Ban] = &[
            (&["todo!", "unimplemented!"], "a stub that compiles is forgotten", "write it, or leave it out until it is needed"),
            (&["dbg!"], "it prints, and prints what a person wrote", "use tracing with types that hide themselves"),
            (&["#[ignore"], "a test that nobody runs proves nothing", "make it pass, make it quick, or delete it"),
        ];
        for (words, why, instead) in bans {
            for (word, at) in words.iter().flat_map(|word| self.source.words(word).into_iter().map(move |at| (word, at))) {
                self.add(self.source.line(at), format!("`{word}`"), why, instead);
            }
        }
    }

    fn clocks_and_sleeps(&mut self) {
        let source = self.source;
        // A benchmark measures real time; clippy asks it for a reason.
        if source.path != "src/port/clock/reading.rs" && !source.path.starts_with("benches/") {
            for (clock, at) in CLOCK_READS.iter().flat_map(|clock| source.words(clock).into_iter().map(move |at| (clock, at))) {
                let instead = "take `now` as an argument, ask a `port::clock::Clock`, or bound a wait with `tokio::time::timeout`";
                self.add(source.line(at), format!("`{clock}`"), "only port/clock/reading.rs reads a clock", instead);
            }
        }
        for at in source.words("sleep").into_iter().filter(|at| source.in_test(*at) && source.code.get(at + 5) == Some(&'(')) {
            let line = source.line(at);
            let explained = |line: usize| source.raw.get(line).is_some_and(|line| line.contains("// waits:"));
            if source.code[at - 1] != '.' && !explained(line - 1) && !explained(line.saturating_sub(2)) {
                let why = "a test that sleeps is slow on a quick machine and fails on a slow one";
                let instead = "wait for the event itself, or say on the line above why there is none: `// waits: …`";
                self.add(line, "`sleep(`".to_owned(), why, instead);
            }
        }
    }

    fn hash_order(&mut self) {
        const WALKS: &[&str] = &[".iter(", ".iter_mut(", ".keys(", ".into_keys(", ".values(", ".values_mut(", ".into_values(", ".drain("];
        let source = self.source;
        for table in source.hash_tables() {
            for at in source.words(&table) {
                let after: String = source.code[at + table.chars().count()..].iter().take(20).collect();
                let before: String = source.code[..at].iter().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect();
                let before = before.trim_end_matches("self.").trim_end_matches(['&', ' ']).trim_end_matches("&mut");
                let looped = before.ends_with(" in") && after.trim_start().starts_with('{');
                if looped || WALKS.iter().any(|walk| after.starts_with(walk)) || after.starts_with(".into_iter(") {
                    let why = "the order of a hash table differs from run to run: the same seed must give the same trace";
                    self.add(
                        source.line(at),
                        format!("walks over the hash table `{table}`"),
                        why,
                        "keep a BTreeMap or BTreeSet, or look up by key",
                    );
                }
            }
        }
    }

    fn room(&mut self) {
        let Some((room, own)) = room_of(self.source.path) else {
            let why = "every file belongs to a room of DESIGN.md section 4";
            let instead = "move it, or add a row to the table in tests/tidy/rooms.rs and to ARCHITECTURE.md";
            return self.add(1, "no room has this file".to_owned(), why, instead);
        };
        let paths = self.source.paths();
        let sockets = paths.iter().any(|named| named.segments[0] == "tokio");
        let mut may: Vec<String> = room.may.iter().map(|path| path.replace("{Own}", &camel_case(&own))).collect();
        may.push(own);
        may.extend((room.name == "simulator" && sockets).then(|| SIMULATOR_SOCKETS.to_owned()));
        for named in &paths {
            let path = named.segments.join("::");
            if named.segments[0] == "crate" && !may.iter().any(|may| is_within(&path, may)) {
                self.add(self.source.line(named.at), format!("`{path}` in {}", room.name), room.purpose, room.instead);
            }
            self.dependency(room, &named.segments[0], named.at);
        }
        let model: &[&[Ban]] = if room.name == "simulator" && !sockets { SIMULATOR_MODEL } else { &[] };
        for (words, why, instead) in room.never.iter().chain(model).copied().flatten() {
            for word in *words {
                let named = paths.iter().filter(|named| is_within(&named.segments.join("::"), word)).map(|named| named.at);
                for at in self.source.words(word).into_iter().chain(named).collect::<Vec<_>>() {
                    self.add(self.source.line(at), format!("`{word}` in {}", room.name), why, instead);
                }
            }
        }
    }

    fn dependency(&mut self, room: &Room, name: &str, at: usize) {
        let allowed = match room.crates {
            Crates::Only(names) => names.contains(&name),
            Crates::AllBut(names) => !names.contains(&name),
        };
        if !allowed && dependencies().any(|dependency| dependency == name) {
            self.add(self.source.line(at), format!("`{name}` in {}", room.name), room.purpose, room.instead);
        }
    }
}

/// The room of a file, and the module path of that room.
fn room_of(path: &str) -> Option<(&'static Room, String)> {
    let inner = path.strip_suffix(".rs")?;
    ROOMS.iter().find_map(|room| {
        let place = match room.at.strip_suffix('*') {
            Some(folder) => format!("{folder}{}", inner.strip_prefix(folder)?.split('/').next()?),
            None => room.at.to_owned(),
        };
        let inside = inner == place || inner.strip_prefix(&place).is_some_and(|rest| rest.starts_with('/'));
        let module = place.trim_start_matches("src/").trim_end_matches("/mod").replace('/', "::");
        // port/mod.rs may not name its children by their full path, so it owns nothing; main and lib are the crate's root.
        let own = if ["main", "lib", "port"].contains(&room.name) { format!("crate::{module}::self") } else { format!("crate::{module}") };
        inside.then_some((room, own))
    })
}

fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What may stand before a path that begins at the root.
fn starts_path(char: char) -> bool {
    !char.is_alphanumeric() && !"._-~}*/".contains(char)
}

/// `crate::port::mqtt` gives `Mqtt`.
fn camel_case(module: &str) -> String {
    let name = module.rsplit("::").next().unwrap_or_default();
    let capital = |part: &str| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>();
    name.split('_').map(capital).collect()
}

/// The dependencies of Cargo.toml, as code names them.
fn dependencies() -> impl Iterator<Item = String> {
    let manifest = include_str!("../../Cargo.toml");
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim().replace('-', "_"))
}
