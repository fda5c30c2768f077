//! A Rust file as the rules see it: what is code and what is not, which paths it names, which functions it has. Knows no rule, and is no
//! parser: it is exact for formatted code, which `cargo fmt --check` guarantees.

/// One file.
pub(crate) struct Source<'a> {
    /// From the top of the project, with `/`.
    pub(crate) path: &'a str,
    /// As written.
    pub(crate) raw: Vec<&'a str>,
    /// The same lines, with comments and the insides of literals blanked out.
    pub(crate) code: Vec<char>,
    /// `mod name { … }`: opening brace, closing brace, name.
    inline: Vec<(usize, usize, String)>,
}

/// A path that the code names, groups taken apart: `use a::{b, c::d}` names `a::b` and `a::c::d`.
pub(crate) struct Named {
    /// Where it stands.
    pub(crate) at: usize,
    /// Its segments, `self` and `super` resolved, `drk_relay` read as `crate`, `core` as `std`.
    pub(crate) segments: Vec<String>,
}

impl<'a> Source<'a> {
    /// Reads a file.
    pub(crate) fn new(path: &'a str, text: &'a str) -> Source<'a> {
        let mut source = Source { path, raw: text.lines().collect(), code: blanked(text), inline: Vec::new() };
        source.inline = source.inline_modules();
        source
    }

    /// The line, from 1, of a place in the code.
    pub(crate) fn line(&self, at: usize) -> usize {
        1 + self.code.iter().take(at).filter(|char| **char == '\n').count()
    }

    /// The places of a word: no letter, digit or `_` beside it.
    pub(crate) fn words(&self, word: &str) -> Vec<usize> {
        let word: Vec<char> = word.chars().collect();
        let edge = |at: usize, char: char| !is_word(char) || !self.code.get(at).copied().is_some_and(is_word);
        let fits = |at: &usize| {
            self.code[*at..].starts_with(&word) && (*at == 0 || edge(*at - 1, word[0])) && edge(*at + word.len(), word[word.len() - 1])
        };
        (0..self.code.len()).filter(fits).collect()
    }

    /// Name, first and last place of every function with a body.
    pub(crate) fn functions(&self) -> Vec<(String, usize, usize)> {
        let body = |at: usize| {
            let name = self.word_at(self.skip_space(at + 2))?;
            Some((name, at, self.closing(self.body_of(at)?)))
        };
        self.words("fn").into_iter().filter_map(body).collect()
    }

    /// Whether a place lies in a test: a file of `tests/`, or `mod tests` of any other.
    pub(crate) fn in_test(&self, at: usize) -> bool {
        self.path.starts_with("tests/") || self.inline_at(at).any(|name| name == "tests")
    }

    /// Every path of more than one segment, and every crate named by `use` or `extern crate`.
    pub(crate) fn paths(&self) -> Vec<Named> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at < self.code.len() {
            let Some(word) = self.word_at(at).filter(|_| self.is_head(at)) else {
                at += 1;
                continue;
            };
            let end = at + word.chars().count();
            let mut trees = Vec::new();
            let next = self.tree(at, &Vec::new(), &mut trees);
            if next > end || self.follows_use(at) {
                found.extend(trees.into_iter().map(|segments| Named { at, segments: self.resolved(at, segments) }));
            }
            at = next.max(end);
        }
        found
    }

    /// Names declared as a hash table anywhere in the file: fields, arguments, variables.
    pub(crate) fn hash_tables(&self) -> Vec<String> {
        let tables = ["HashMap", "HashSet"].into_iter().flat_map(|table| self.words(table));
        let declared = |at: usize| {
            let before: String = self.code[..at].iter().rev().take_while(|char| !"\n,;({|".contains(**char)).collect();
            let before: String = before.chars().rev().collect();
            let (name, _) = before.trim_start().trim_start_matches("let ").split_once([':', '='])?;
            name.split_whitespace().next_back().map(str::to_owned)
        };
        tables.filter_map(declared).filter(|name| name.chars().all(is_word)).collect()
    }

    fn word_at(&self, at: usize) -> Option<String> {
        let word: String = self.code.get(at..)?.iter().take_while(|char| is_word(**char)).collect();
        (!word.is_empty()).then_some(word)
    }

    fn skip_space(&self, at: usize) -> usize {
        at + self.code.iter().skip(at).take_while(|char| char.is_whitespace()).count()
    }

    fn is(&self, at: usize, text: &str) -> bool {
        text.chars().enumerate().all(|(index, char)| self.code.get(at + index) == Some(&char))
    }

    /// Whether a path can begin here: not within a word, after a dot, or after `something::`.
    fn is_head(&self, at: usize) -> bool {
        let before = |back: usize| at.checked_sub(back).map(|at| self.code[at]);
        let goes_on = before(1) == Some(':') && before(2) == Some(':') && before(3).is_some_and(|char| is_word(char) || char == '>');
        let method = before(1) == Some('.') && before(2) != Some('.');
        !goes_on && !method && before(1).is_none_or(|char| !is_word(char))
    }

    fn follows_use(&self, at: usize) -> bool {
        let before: String = self.code[..at].iter().rev().take(13).collect::<Vec<_>>().into_iter().rev().collect();
        before.ends_with("use ") || before.ends_with("extern crate ")
    }

    /// Takes a tree of paths apart; returns the place after it.
    fn tree(&self, at: usize, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
        let mut segments = before.to_vec();
        let mut at = at;
        while let Some(word) = self.word_at(at) {
            at += word.chars().count();
            segments.push(word);
            if !self.is(at, "::") {
                found.push(segments);
                return at;
            }
            at = self.skip_space(at + 2);
        }
        if self.is(at, "{") {
            self.group(at, &segments, found);
            return self.closing(at) + 1;
        }
        found.push(segments);
        at
    }

    /// The trees between two braces. `as other_name` is none of them.
    fn group(&self, open: usize, before: &[String], found: &mut Vec<Vec<String>>) {
        let (mut at, end) = (open + 1, self.closing(open));
        while at < end {
            match self.word_at(at) {
                Some(word) if word == "as" => at = self.skip_word(self.skip_space(at + 2)),
                Some(_) => at = self.tree(at, before, found),
                None => {
                    found.extend((self.code[at] == '*').then(|| before.to_vec()));
                    at += 1;
                }
            }
        }
    }

    fn skip_word(&self, at: usize) -> usize {
        at + self.word_at(at).map_or(0, |word| word.chars().count())
    }

    fn resolved(&self, at: usize, segments: Vec<String>) -> Vec<String> {
        let mut here = self.module();
        here.extend(self.inline_at(at).map(str::to_owned));
        let mut rest = segments.into_iter().peekable();
        match rest.peek().map(String::as_str) {
            Some("drk_relay") => {
                rest.next();
                here = vec!["crate".to_owned()];
            }
            Some("self" | "super") => {
                while let Some(step) = rest.next_if(|segment| segment == "self" || segment == "super") {
                    here.truncate(here.len() - usize::from(step == "super"));
                }
            }
            Some("core" | "alloc") => {
                rest.next();
                here = vec!["std".to_owned()];
            }
            Some(_) | None => here.clear(),
        }
        here.extend(rest.filter(|segment| segment != "self"));
        here
    }

    /// The module that the file is: `src/port/mqtt.rs` is `crate::port::mqtt`.
    fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let parts = inner.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
        std::iter::once("crate").chain(parts).map(str::to_owned).collect()
    }

    fn inline_at(&self, at: usize) -> impl Iterator<Item = &str> {
        self.inline.iter().filter(move |(open, close, _)| (*open..*close).contains(&at)).map(|(_, _, name)| name.as_str())
    }

    fn inline_modules(&self) -> Vec<(usize, usize, String)> {
        let module = |at: usize| {
            let name = self.word_at(self.skip_space(at + 3))?;
            let open = self.skip_space(self.skip_space(at + 3) + name.chars().count());
            self.is(open, "{").then(|| (open, self.closing(open), name))
        };
        self.words("mod").into_iter().filter_map(module).collect()
    }

    /// The opening brace of a function's body; `None` for a declaration.
    fn body_of(&self, at: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for (index, char) in self.code.iter().enumerate().skip(at) {
            match char {
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                ';' if depth <= 0 => return None,
                '{' if depth <= 0 => return Some(index),
                _ => {}
            }
        }
        None
    }

    /// The brace that closes the one at `open`.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_i32;
        for (index, char) in self.code.iter().enumerate().skip(open) {
            depth += i32::from(*char == '{') - i32::from(*char == '}');
            if depth == 0 {
                return index;
            }
        }
        self.code.len()
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The text with everything blanked that is no code. Lines and columns stay.
fn blanked(text: &str) -> Vec<char> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment(&chars, at);
        out.iter_mut().take(end).skip(at).filter(|char| **char != '\n').for_each(|char| *char = ' ');
        at = end.max(at + 1);
    }
    out
}

/// The end of the comment or literal that begins here; `at` itself if none does.
fn literal_or_comment(chars: &[char], at: usize) -> usize {
    let is = |offset: usize, char: char| chars.get(at + offset) == Some(&char);
    let within_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if is(1, '/') => at + chars[at..].iter().take_while(|char| **char != '\n').count(),
        '/' if is(1, '*') => block_comment(chars, at),
        '"' => quoted(chars, at + 1, '"'),
        '\'' if is(1, '\\') => quoted(chars, at + 1, '\''),
        '\'' if is(2, '\'') => at + 3,
        'r' if !within_word || (at > 0 && matches!(chars[at - 1], 'b' | 'c')) => raw_string(chars, at),
        _ => at,
    }
}

fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += 1 + usize::from(chars[at] == '\\');
    }
    (at + 1).min(chars.len())
}

fn raw_string(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|char| **char == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = at + hashes + 2;
    (body..chars.len()).find(|at| chars[*at..].starts_with(&end)).map_or(chars.len(), |at| at + end.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0);
    while at < chars.len() {
        let pair = (chars[at], chars.get(at + 1).copied().unwrap_or(' '));
        match pair {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    at
}
