//! Rust text as tidy reads it: what is code, what is comment, what is a literal, what is a test.
//!
//! A small lexer instead of a parser: the rules are about lines, and a file that does not compile
//! is rustc's to complain about.

/// A file of Rust text, line by line.
#[derive(Debug)]
pub(crate) struct RustSource {
    lines: Vec<Line>,
}

/// One line in its three forms.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from one.
    pub(crate) number: usize,
    /// As written.
    pub(crate) text: String,
    /// Without comments and without what stands in string literals.
    pub(crate) code: String,
    /// Without comments.
    pub(crate) uncommented: String,
    /// Whether it belongs to an item that is compiled for tests only.
    pub(crate) is_test: bool,
}

impl RustSource {
    /// Reads a text; `is_test` says that the whole file is one of tests.
    pub(crate) fn parse(text: &str, is_test: bool) -> Self {
        let masked = Masker::run(text);
        let tests = test_lines(&masked.code);
        let lines = text
            .lines()
            .zip(masked.code.lines().zip(masked.uncommented.lines()))
            .enumerate()
            .map(|(index, (text, (code, uncommented)))| Line {
                number: index + 1,
                text: text.to_owned(),
                code: code.to_owned(),
                uncommented: uncommented.to_owned(),
                is_test: is_test || tests.contains(&index),
            })
            .collect();
        Self { lines }
    }

    /// All lines.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines that go into the crate.
    pub(crate) fn production(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.is_test)
    }
}

impl Line {
    /// Whether the words stand in a comment of this line.
    pub(crate) fn comment_has(&self, words: &str) -> bool {
        self.text.matches(words).count() > self.uncommented.matches(words).count()
    }
}

/// The words of a piece of code: identifiers, keywords, numbers.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !is_word(c)).filter(|word| !word.is_empty())
}

/// Whether `path` stands in the code as a whole, not as the end of a longer name.
pub(crate) fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        code.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|before| !is_word(before))
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Masker<'a> {
    rest: &'a str,
    code: String,
    uncommented: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Literal,
    Comment,
}

impl<'a> Masker<'a> {
    fn run(text: &'a str) -> Self {
        let mut masker = Self { rest: text, code: String::new(), uncommented: String::new() };
        while let Some(next) = masker.rest.chars().next() {
            let (length, kind) = masker.piece(next);
            masker.take(length, kind);
        }
        masker
    }

    /// How long the next piece is, and of what kind.
    fn piece(&self, next: char) -> (usize, Kind) {
        let rest = self.rest;
        if rest.starts_with("//") {
            return (rest.find('\n').unwrap_or(rest.len()), Kind::Comment);
        }
        if rest.starts_with("/*") {
            return (block_comment(rest), Kind::Comment);
        }
        if next == '"' {
            return (quoted(rest), Kind::Literal);
        }
        if next == '\'' {
            return character(rest).map_or((1, Kind::Code), |length| (length, Kind::Literal));
        }
        if is_word(next) {
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (prefix, behind) = rest.split_at(word);
            return match prefix {
                "r" | "br" | "cr" => {
                    raw(behind).map_or((word, Kind::Code), |raw| (word + raw, Kind::Literal))
                }
                _ => (word, Kind::Code),
            };
        }
        (next.len_utf8(), Kind::Code)
    }

    fn take(&mut self, length: usize, kind: Kind) {
        let (piece, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        for c in piece.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            self.code.push(if kind == Kind::Code { c } else { blank });
            self.uncommented.push(if kind == Kind::Comment { blank } else { c });
        }
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A raw string, from behind its `r` on, if it is one.
fn raw(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let inside = text.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len()))
}

/// A character literal, unless it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        return characters.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// The lines, from zero, of each item behind `#[cfg(test)]`.
fn test_lines(code: &str) -> std::collections::HashSet<usize> {
    let mut lines = std::collections::HashSet::new();
    for (start, _) in ["#[cfg(test)]", "#[cfg(all(test"].iter().flat_map(|mark| code.match_indices(mark)) {
        let Some(rest) = code.get(start..) else { continue };
        let first = code.get(..start).map_or(0, |before| before.matches('\n').count());
        let count = rest.get(..item_length(rest)).map_or(0, |item| item.matches('\n').count());
        lines.extend(first..=first + count);
    }
    lines
}

/// An item ends with its `;`, or with the brace that closes its first one.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            ';' if depth == 0 => return at,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &[&str], uncommented: &[&str]) {
        let source = RustSource::parse(text, false);
        let found: Vec<_> = source.lines().iter().map(|line| line.code.trim_end()).collect();
        assert_eq!(found, code, "the code of {text:?}");
        let found: Vec<_> = source.lines().iter().map(|line| line.uncommented.trim_end()).collect();
        assert_eq!(found, uncommented, "the text without comments of {text:?}");
    }

    #[test]
    fn comments_and_literals_are_told_apart() {
        check("let a = 1; // b", &["let a = 1;"], &["let a = 1;"]);
        check("a /* b /* c */ d */ e", &["a                   e"], &["a                   e"]);
        check(r#"f("// no", b"\"x")"#, &["f(       , b     )"], &[r#"f("// no", b"\"x")"#]);
        check("f(r#\"a\"b\nc\"#) // d", &["f(", "   )"], &["f(r#\"a\"b", "c\"#)"]);
        check(
            "fn f<'a>(x: &'a str) { '\"' '\\'' }",
            &["fn f<'a>(x: &'a str) {          }"],
            &["fn f<'a>(x: &'a str) { '\"' '\\'' }"],
        );
    }

    #[test]
    fn what_is_compiled_for_tests_is_known() {
        let source =
            RustSource::parse("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n", false);
        let production: Vec<_> = source.production().map(|line| line.number).collect();
        assert_eq!(production, [1, 6]);

        let source = RustSource::parse("#[cfg(test)]\nmod tests;\nfn a() {}\n", false);
        let production: Vec<_> = source.production().map(|line| line.number).collect();
        assert_eq!(production, [3]);
        assert_eq!(RustSource::parse("fn a() {}", true).production().count(), 0);
    }

    #[test]
    fn a_path_is_found_as_a_whole() {
        assert!(names("reqwest::Client::new()", "Client::new("));
        assert!(!names("GraphClient::new()", "Client::new("));
    }
}
