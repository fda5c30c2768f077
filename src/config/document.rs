//! A TOML document as it is read: every key asked for once, everything that is wrong collected, every value written down as it takes
//! effect. Knows no key by name; what there is to be read stands in `branch` and `outside`.

use super::report::{ConfigError, Problem, Source, discreet};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// A file that is TOML, and what has been found in it so far.
pub(super) struct Document<'t> {
    source: Source<'t>,
    root: Spanned<DeTable<'t>>,
    findings: RefCell<Findings>,
}

/// What reading finds.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// The configuration as it takes effect, in TOML, without secrets.
    pub(super) effective: String,
}

/// A value, and where it stands.
pub(super) struct Item<'d> {
    pub(super) value: &'d DeValue<'d>,
    pub(super) span: Range<usize>,
}

impl<'d> Item<'d> {
    /// One of a list.
    pub(super) fn of(value: &'d Spanned<DeValue<'d>>) -> Item<'d> {
        Item { value: value.get_ref(), span: value.span() }
    }
}

/// What is wrong with a value, and what to do.
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) remedy: String,
}

/// How far a key has been read.
pub(super) enum Read<T> {
    /// It is there and good.
    Given(T),
    /// It is not there.
    Absent,
    /// It is there, and what is wrong with it has been written down.
    Refused,
}

impl<T> Read<T> {
    /// For keys that may be left out: nothing only if it was refused.
    pub(super) fn optional(self) -> Option<Option<T>> {
        match self {
            Read::Given(value) => Some(Some(value)),
            Read::Absent => Some(None),
            Read::Refused => None,
        }
    }
}

/// The parser's word for a key or table that is there twice: everything else can still be read.
const TWICE: &str = "duplicate key";

impl<'t> Document<'t> {
    /// Parses.
    ///
    /// # Errors
    /// If it is not TOML: the first reason only, because what follows may be its consequence.
    pub(super) fn parse(source: Source<'t>) -> Result<Document<'t>, ConfigError> {
        Document::parse_as(source.text, source)
    }

    /// Parses `text`, of which reports are to show `source`: as long, line for line, and without what nobody may see.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub(super) fn parse_as(text: &'t str, source: Source<'t>) -> Result<Document<'t>, ConfigError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let span = |error: &Error| error.span().unwrap_or(0..0);
        let header = |error: &Error| text.get(..span(error).start).is_some_and(|before| before.trim_end().ends_with('['));
        if let Some(error) = errors.iter().find(|error| error.message() != TWICE || header(error)) {
            let empty = text.get(span(error)).is_some_and(|text| text.trim().is_empty());
            let (what, remedy) = syntax(error.message(), empty);
            return Err(ConfigError::new(source.name, vec![source.problem(&span(error), &what, remedy)]));
        }
        let twice = |error| source.problem(&span(error), "Dieser Schlüssel steht hier zum zweiten Mal.", "eine der beiden Zeilen löschen.");
        let findings = Findings { problems: errors.iter().map(twice).collect(), ..Findings::default() };
        Ok(Document { source, root, findings: RefCell::new(findings) })
    }

    /// The table that everything else is in.
    pub(super) fn root(&self) -> Section<'_> {
        Section {
            document: self,
            path: String::new(),
            several: false,
            span: None,
            table: Some(self.root.get_ref()),
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// What it is called in reports.
    pub(super) fn name(&self) -> &'t str {
        self.source.name
    }

    /// What has been found.
    pub(super) fn into_findings(self) -> Findings {
        self.findings.into_inner()
    }

    /// Writes down something that does not stand in the document.
    pub(super) fn refuse(&self, problem: Problem) {
        self.findings.borrow_mut().problems.push(problem);
    }

    /// The same, of something that works but deserves a look.
    pub(super) fn warn(&self, problem: Problem) {
        self.findings.borrow_mut().warnings.push(problem);
    }

    fn write(&self, line: &str) {
        let effective = &mut self.findings.borrow_mut().effective;
        effective.push_str(line);
        effective.push('\n');
    }
}

/// A table in it, or one that is left out and has only defaults.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    /// `feed.metric`; empty for the root.
    path: String,
    /// Whether there may be several of that name.
    several: bool,
    /// Its header.
    span: Option<Range<usize>>,
    table: Option<&'d DeTable<'d>>,
    /// The keys that there are.
    asked: Vec<&'static str>,
    /// What is wrong because a key is not there, unless it turns out to be misspelt.
    missing: Vec<(&'static str, Problem)>,
}

impl<'d> Section<'d> {
    /// Its document.
    pub(super) fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// Whether it is there at all.
    pub(super) fn is_given(&self) -> bool {
        self.table.is_some()
    }

    /// How it is called in reports.
    fn place(&self) -> String {
        match (self.path.as_str(), self.several) {
            ("", _) => "auf oberster Ebene".to_owned(),
            (path, false) => format!("unter [{path}]"),
            (path, true) => format!("unter [[{path}]]"),
        }
    }

    /// How a key of it is called in reports.
    pub(super) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn item(&mut self, key: &'static str) -> Option<Item<'d>> {
        self.asked.push(key);
        Some(Item::of(self.table?.get(key)?))
    }

    /// Whether a key is there. It counts as known.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.item(key).is_some()
    }

    /// Reads a key. What `parse` complains of is written down.
    pub(super) fn read<T>(&mut self, key: &'static str, parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>) -> Read<T> {
        let read = self.read_silently(key, parse);
        if let (Read::Given(_), Some(value)) = (&read, self.table.and_then(|table| table.get(key))) {
            self.effective(key, &literal(value.get_ref()));
        }
        read
    }

    /// The same, but how it takes effect is for the caller to write down.
    pub(super) fn read_silently<T>(&mut self, key: &'static str, parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>) -> Read<T> {
        let Some(item) = self.item(key) else { return Read::Absent };
        match parse(&item) {
            Ok(value) => Read::Given(value),
            Err(Complaint { what, remedy }) => {
                self.document.refuse(self.document.source.problem(&item.span, &format!("{}: {what}", self.name(key)), &remedy));
                Read::Refused
            }
        }
    }

    /// Reads a key that may be left out.
    pub(super) fn optional<T>(&mut self, key: &'static str, parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>) -> Option<Option<T>> {
        self.read(key, parse).optional()
    }

    /// Reads a key that must be there. `example` is a value, for those who left it out.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>,
    ) -> Option<T> {
        match self.read(key, parse) {
            Read::Given(value) => Some(value),
            Read::Refused => None,
            Read::Absent => {
                let remedy = format!("{} ergänzen, zum Beispiel: {key} = {example}", self.place());
                self.missing(key, &format!("{} fehlt.", self.name(key)), &remedy);
                None
            }
        }
    }

    /// Reads a key that has a default.
    pub(super) fn or<T: Clone + Into<toml::Value>>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>,
    ) -> Option<T> {
        let shown = default.clone().into().to_string();
        self.or_shown(key, default, &shown, parse)
    }

    /// Reads a key that has a default, which is shown as `shown`.
    pub(super) fn or_shown<T>(
        &mut self,
        key: &'static str,
        default: T,
        shown: &str,
        parse: impl FnOnce(&Item<'d>) -> Result<T, Complaint>,
    ) -> Option<T> {
        match self.read(key, parse) {
            Read::Given(value) => Some(value),
            Read::Refused => None,
            Read::Absent => {
                self.effective(key, shown);
                Some(default)
            }
        }
    }

    /// Reads one of a few words; the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (word, default) = *words.first()?;
        self.or_shown(key, default, &quoted(word), |item| one_of(item, words))
    }

    /// Reads one of a few words, which must be there.
    pub(super) fn required_choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (example, _) = *words.first()?;
        self.required(key, &quoted(example), |item| one_of(item, words))
    }

    /// A table that may be left out: its keys then have their defaults.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'d>> {
        let table = match self.item(key) {
            None => None,
            Some(Item { value: DeValue::Table(table), span }) => Some((table, span)),
            Some(Item { value, span }) => {
                let name = self.name(key);
                let remedy = format!("den Abschnitt mit einer Zeile [{name}] beginnen.");
                let what = format!("{name}: hier wird ein Abschnitt erwartet, nicht {}.", kind(value));
                self.document.refuse(self.document.source.problem(&span, &what, &remedy));
                return None;
            }
        };
        let (table, span) = table.unzip();
        Some(Section { path: self.name(key), several: false, span, table, ..self.document.root() })
    }

    /// A table that must be there. `keys` are those that it cannot be without.
    pub(super) fn required_section(&mut self, key: &'static str, keys: &str) -> Option<Section<'d>> {
        let section = self.section(key)?;
        if !section.is_given() {
            let name = self.name(key);
            self.missing(key, &format!("Der Abschnitt [{name}] fehlt."), &format!("[{name}] ergänzen, darunter mindestens {keys}."));
            return None;
        }
        Some(section)
    }

    /// Tables of one name, so many of them.
    pub(super) fn sections(&mut self, key: &'static str, many: RangeInclusive<usize>) -> Option<Vec<Section<'d>>> {
        let name = self.name(key);
        let item = self.item(key);
        let source = self.document.source;
        let Some(Item { value: DeValue::Array(array), span }) = item else {
            let remedy = format!("jeden Abschnitt mit einer Zeile [[{name}]] beginnen, auch wenn es nur einer ist.");
            match item {
                None if many.contains(&0) => return Some(Vec::new()),
                None => self.missing(key, &format!("Es fehlt mindestens ein Abschnitt [[{name}]]."), &remedy),
                Some(Item { value, span }) => {
                    let what = format!("{name}: hier werden Abschnitte in doppelten Klammern erwartet, nicht {}.", kind(value));
                    self.document.refuse(source.problem(&span, &what, &remedy));
                }
            }
            return None;
        };
        if !many.contains(&array.len()) {
            let span = array.get(*many.end()).map_or(span, Spanned::span);
            let what = format!("{name}: erlaubt sind {} bis {} Abschnitte, hier sind es {}.", many.start(), many.end(), array.len());
            self.document.refuse(source.problem(&span, &what, "überzählige Abschnitte löschen, fehlende ergänzen."));
            return None;
        }
        let section = |value: &'d Spanned<DeValue<'d>>| {
            let DeValue::Table(table) = value.get_ref() else {
                let what = format!("{name}: hier wird ein Abschnitt erwartet, nicht {}.", kind(value.get_ref()));
                self.document.refuse(source.problem(&value.span(), &what, &format!("mit einer Zeile [[{name}]] beginnen.")));
                return None;
            };
            Some(Section { path: name.clone(), several: true, span: Some(value.span()), table: Some(table), ..self.document.root() })
        };
        let found: Vec<_> = array.iter().map(section).collect();
        found.into_iter().collect()
    }

    /// Writes the header of what is written down next.
    pub(super) fn begin(&self) {
        self.document.write(&format!("\n[{}]", self.path));
    }

    /// The same, for one of several of that name.
    pub(super) fn begin_another(&self) {
        self.document.write(&format!("\n[[{}]]", self.path));
    }

    /// Writes down a value as it takes effect.
    pub(super) fn effective(&self, key: &str, shown: &str) {
        self.document.write(&format!("{key} = {shown}"));
    }

    /// Where the value of a key stands; where the section begins if it does not.
    pub(super) fn span(&self, key: &str) -> Range<usize> {
        let value = self.table.and_then(|table| table.get(key));
        value.map(Spanned::span).or_else(|| self.span.clone()).unwrap_or(0..0)
    }

    /// Something is wrong with the value of a key, beyond its form.
    pub(super) fn refuse(&self, key: &str, what: &str, remedy: &str) {
        self.document.refuse(self.problem(key, what, remedy));
    }

    /// Something about the value of a key deserves a look.
    pub(super) fn warn(&self, key: &str, what: &str, remedy: &str) {
        self.document.warn(self.problem(key, what, remedy));
    }

    fn problem(&self, key: &str, what: &str, remedy: &str) -> Problem {
        self.document.source.problem(&self.span(key), &format!("{}: {what}", self.name(key)), remedy)
    }

    /// Something is wrong because `key` is not there. It is said at the end, unless the key turns out to be misspelt.
    pub(super) fn missing(&mut self, key: &'static str, what: &str, remedy: &str) {
        let source = self.document.source;
        let problem = match &self.span {
            Some(span) => source.problem(span, what, remedy),
            None => Problem::of_file(0, source.name, what, remedy),
        };
        self.missing.push((key, problem));
    }

    /// The same, said of the value of another key.
    pub(super) fn missing_beside(&mut self, key: &'static str, beside: &str, what: &str, remedy: &str) {
        let problem = self.problem(beside, what, remedy);
        self.missing.push((key, problem));
    }

    /// Refuses the keys that nobody has asked for. To be called when all have been read.
    pub(super) fn end(&mut self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let near = nearest(name, &self.asked);
            let meant = near.map_or(String::new(), |near| format!(" Meinten Sie „{near}“?"));
            let what = format!("„{}“ ist {} unbekannt.{meant}", discreet(name), self.place());
            let remedy = format!("berichtigen oder löschen; bekannt sind hier: {}.", self.asked.join(", "));
            self.document.refuse(self.document.source.problem(&key.span(), &what, &remedy));
            self.missing.retain(|(missing, _)| Some(*missing) != near);
        }
        self.end_early();
    }

    /// To be called when not all keys have been read and the others do not matter.
    pub(super) fn end_early(&mut self) {
        self.missing.drain(..).for_each(|(_, problem)| self.document.refuse(problem));
    }
}

fn one_of<T: Copy>(item: &Item<'_>, words: &[(&str, T)]) -> Result<T, Complaint> {
    let known = words.iter().map(|(word, _)| quoted(word)).collect::<Vec<_>>().join(" oder ");
    let DeValue::String(given) = item.value else {
        let what = format!("erwartet wird {known}, nicht {}.", kind(item.value));
        return Err(Complaint { what, remedy: format!("{known} schreiben.") });
    };
    let found = words.iter().find(|(word, _)| word == given);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let meant = nearest(given, &all).map_or(String::new(), |near| format!(" Meinten Sie {}?", quoted(near)));
        Complaint { what: format!("das gibt es hier nicht.{meant}"), remedy: format!("{known} schreiben.") }
    })
}

/// What a value is, in German.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "Text",
        DeValue::Integer(_) => "eine ganze Zahl",
        DeValue::Float(_) => "eine Kommazahl",
        DeValue::Boolean(_) => "true oder false",
        DeValue::Datetime(_) => "ein Datum",
        DeValue::Array(_) => "eine Liste",
        DeValue::Table(_) => "ein Abschnitt",
    }
}

/// A word as TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn literal(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => DOTS.to_owned(),
    }
}

/// Nothing that is read as one value is a list or a table.
const DOTS: &str = "…";

/// The parser's reason in German, as far as technicians usually meet it.
fn syntax(message: &str, empty: bool) -> (String, &'static str) {
    let known: &[(&str, &str, &'static str)] = &[
        ("string values must be quoted", "Text steht hier ohne Anführungszeichen.", "den Wert in Anführungszeichen setzen: \"…\""),
        ("invalid basic string", "Das schließende Anführungszeichen fehlt.", "hinter dem Wert ein \" ergänzen."),
        ("missing value for key", "Hinter dem = fehlt der Wert.", "den Wert ergänzen oder die Zeile löschen."),
        ("key with no value", "Hinter dem Schlüssel fehlen = und ein Wert.", "in der Form schlüssel = wert schreiben."),
        ("unclosed table", "Die schließende Klammer ] fehlt.", "die Zeile in der Form [abschnitt] schreiben."),
        ("unclosed array table", "Die schließenden Klammern ]] fehlen.", "die Zeile in der Form [[abschnitt]] schreiben."),
        ("unclosed array", "Die schließende Klammer ] fehlt.", "hinter dem letzten Wert ein ] ergänzen."),
        ("duplicate key", "Diesen Abschnitt gibt es schon.", "beide zu einem zusammenfassen; wo es mehrere geben darf, heißen alle [[…]]."),
    ];
    let reason = match message.split(", expected").next().unwrap_or_default() {
        "string values must be quoted" if empty => "missing value for key",
        reason => reason,
    };
    match known.iter().find(|(english, ..)| *english == reason) {
        Some((_, german, remedy)) => ((*german).to_owned(), remedy),
        None => (format!("Das ist kein TOML ({message})."), "diese Zeile und die davor mit der Beispielkonfiguration vergleichen."),
    }
}

/// Longest unknown key for which a similar one is looked for, in bytes.
const KEY_MAX: usize = 64;
/// Letters that tell which word is meant, if it begins with them.
const BEGINNING_MIN: usize = 4;

/// The word that `given` was probably meant to be.
pub(super) fn nearest<'w>(given: &str, words: &[&'w str]) -> Option<&'w str> {
    // A third of the letters wrong is another word, and no key is that long.
    if given.len() > KEY_MAX {
        return None;
    }
    let allowed = given.chars().count().div_ceil(3);
    let near = words.iter().map(|word| (distance(given, word), *word)).min();
    let near = near.filter(|(distance, _)| *distance <= allowed).map(|(_, word)| word);
    // Whoever writes `token` means `token_file`.
    near.or_else(|| words.iter().find(|word| given.len() >= BEGINNING_MIN && word.starts_with(given)).copied())
}

/// Letters to be put in, left out, exchanged or swapped to come from one word to the other (Damerau and Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, char) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let exchanged = rows[i][j] + usize::from(char != other);
            let swapped = i > 0 && j > 0 && from[i - 1] == *other && to[j - 1] == *char;
            let least = exchanged.min(rows[i][j + 1] + 1).min(row[j] + 1);
            row.push(if swapped { least.min(rows[i - 1][j - 1] + 1) } else { least });
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}
