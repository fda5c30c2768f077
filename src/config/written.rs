//! A configuration as it is written: `relay.toml`, sentences and topics, text for text, for a backup. Understands no more of it than in
//! which folders it lies; what looks like a secret stays out, because none belongs there.

use super::document::Complaint;
use super::files::{TextFile, listed};
use super::report::{Problem, guarded, why};
use super::{Config, ConfigError, Whereabouts, content};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the files of the two folders are called.
const EXTENSIONS: [&str; 2] = ["ftl", "md"];
/// Longest name of a file, as Linux takes it.
const NAME_MAX: usize = 255;

/// The files of a configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// `relay.toml`, however it is called.
    relay: String,
    /// Sentences by the names of their files, `*.ftl`.
    texts: BTreeMap<String, String>,
    /// Topics by the names of their files, `*.md`.
    topics: BTreeMap<String, String>,
}

impl Written {
    /// These files; `None` if one of them is called as none in its folder can be: nothing is to be written elsewhere.
    pub fn new(relay: String, texts: BTreeMap<String, String>, topics: BTreeMap<String, String>) -> Option<Written> {
        let of_kind = |name: &String, extension: &str| {
            let stem = name.strip_suffix(extension).and_then(|name| name.strip_suffix('.'));
            name.len() <= NAME_MAX && !name.contains(['/', '\0']) && stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.'))
        };
        let [ftl, md] = EXTENSIONS;
        let sound = texts.keys().all(|name| of_kind(name, ftl)) && topics.keys().all(|name| of_kind(name, md));
        sound.then_some(Written { relay, texts, topics })
    }

    /// Reads the files of the configuration at `path`. Besides, where something was left out that looked like a secret: file and line.
    ///
    /// # Errors
    /// If a file cannot be read, or where the folders are cannot be understood.
    pub fn read(path: &Path) -> Result<(Written, Vec<String>), ConfigError> {
        let (text, mut left_out) = (content(path)?, Vec::new());
        let whereabouts = Config::whereabouts_of(path, &text)?;
        let relay = without_secrets(&path.display().to_string(), &text, &mut left_out);
        let [ftl, md] = EXTENSIONS;
        let texts = folder(whereabouts.texts.as_deref(), ftl, &mut left_out)?;
        let topics = folder(whereabouts.topics.as_deref(), md, &mut left_out)?;
        Ok((Written { relay, texts, topics }, left_out))
    }

    /// `relay.toml`.
    pub fn relay(&self) -> &str {
        &self.relay
    }

    /// Sentences by the names of their files.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// Topics by the names of their files.
    pub fn topics(&self) -> &BTreeMap<String, String> {
        &self.topics
    }

    /// Where everything but `relay.toml` belongs if a configuration that says this takes effect, and what is in it.
    pub fn places(&self, whereabouts: &Whereabouts) -> Vec<(PathBuf, &str)> {
        let folders = [(&whereabouts.texts, &self.texts), (&whereabouts.topics, &self.topics)];
        let folders = folders.into_iter().filter_map(|(folder, files)| Some((folder.as_ref()?, files)));
        folders.flat_map(|(folder, files)| files.iter().map(|(name, text)| (folder.join(name), text.as_str()))).collect()
    }
}

/// All files with this extension in a folder, without what looks like a secret.
fn folder(folder: Option<&Path>, extension: &str, left_out: &mut Vec<String>) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(folder) = folder else { return Ok(BTreeMap::new()) };
    let refused = |path: &Path, what: &str, remedy: &str| {
        let name = path.display().to_string();
        ConfigError::new(&name, vec![Problem::of_file(0, &name, what, remedy)])
    };
    let unreadable = |error| refused(folder, &format!("{}.", why(&error)), "den Pfad oder die Leserechte berichtigen.");
    let paths = listed(folder, extension).map_err(unreadable)?;
    let mut files = BTreeMap::new();
    for path in paths {
        let file = TextFile::read(&path).map_err(|Complaint { what, remedy }| refused(&path, &what, &remedy))?;
        files.insert(format!("{}.{extension}", file.name), without_secrets(&file.path, &file.text, left_out));
    }
    Ok(files)
}

fn without_secrets(file: &str, text: &str, left_out: &mut Vec<String>) -> String {
    let lines = text.split('\n').enumerate().map(|(number, line)| {
        let kept = guarded(line);
        if kept != line {
            left_out.push(format!("{file}, Zeile {}", number + 1));
        }
        kept
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_effect_stays_and_secrets_go() {
        let kept = [
            "host_key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\"",
            "token_file = \"/etc/drk-relay/token\" # nur für root",
            "phone_number_id = \"106540352242922\"",
            "url = \"https://relay.example/webhook\"",
            "title = \"# 1 in Musterstadt\"",
            "# Symptome: siehe https://www.rki.de/corona",
        ];
        for line in kept {
            assert_eq!(guarded(line), line);
        }
        for (line, guarded_line) in [
            ("token = \"EAABsbCS1iHgBO7ZC\"", "token =…"),
            ("mqtt = \"mqtt://relay:geheim@broker\"", "mqtt = \"mqtt://…@broker\""),
            ("port = 1883 # altes Token: EAABsbCS1iHgBO7ZCxyz0", "port = 1883 # altes Token: …"),
            ("# password = \"geheim\"", "# password =…"),
            ("# 5f4dcc3b5aa765d61d8327deb882cf99", "# …"),
        ] {
            assert_eq!(guarded(line), guarded_line);
        }
        let mut left_out = Vec::new();
        assert_eq!(without_secrets("relay.toml", "a = 1\r\nsecret = \"x\"\n", &mut left_out), "a = 1\r\nsecret =…\n");
        assert_eq!(left_out, ["relay.toml, Zeile 2"]);
    }

    #[test]
    fn no_file_lies_outside_its_folder() {
        let written = |text: &str, topic: &str| {
            let file = |name: &str| BTreeMap::from([(name.to_owned(), String::new())]);
            Written::new(String::new(), file(text), file(topic))
        };
        assert!(written("du.ftl", "symptome.md").is_some());
        for (text, topic) in [
            ("../du.ftl", "a.md"),
            ("du.ftl", "/etc/passwd"),
            ("du.ftl", "a/b.md"),
            (".ftl", "a.md"),
            ("..ftl", "a.md"),
            ("du.md", "a.md"),
            ("duftl", "a.md"),
            ("du\0.ftl", "a.md"),
            (&format!("{}.ftl", "x".repeat(300)), "a.md"),
        ] {
            assert_eq!(written(text, topic), None, "{text} {topic}");
        }
    }
}
