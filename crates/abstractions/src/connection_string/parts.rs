//! The parts of a connection string in .NET's syntax, each of which must be taken by whoever reads
//! it: what nobody takes is told.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Faults, Misconfigured, Secret, section::nearest};

/// Names with values, as in `Server=db.example;Password='a;b'`. Names are found without regard to
/// case and blanks: `Data Source` is `datasource`.
#[derive(Clone)]
pub struct ConnectionParts {
    path: String,
    parts: Vec<Part>,
    /// What was asked for, for hints.
    known: Vec<String>,
}

#[derive(Clone)]
struct Part {
    name: String,
    value: Secret,
}

impl ConnectionParts {
    /// Takes them apart as ADO.NET does: values that hold `;` or blanks at their ends are quoted by
    /// `'` or `"`, a quote within is doubled. Of a name that stands there twice, the latter counts.
    /// <https://learn.microsoft.com/dotnet/framework/data/adonet/connection-string-syntax>
    pub(super) fn parse(text: &str, path: &str) -> Result<Self, Misconfigured> {
        let mut parts: Vec<Part> = Vec::new();
        let between = |c: char| c == ';' || c.is_whitespace();
        let mut rest = text.trim_start_matches(between);
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            // Never a piece of the text: it may be a password's.
            let fault =
                |what: &str| Misconfigured::new(format!("part {number} {what}")).at(path).hint(QUOTES);
            let (name, after) = name(rest).ok_or_else(|| fault("has no `=`"))?;
            let (value, after) =
                value(after).ok_or_else(|| fault("has a quote that does not end its value"))?;
            if !is_keyword(&name) {
                return Err(fault("has no name"));
            }
            parts.retain(|part| !is_same(&part.name, &name));
            parts.push(Part { name, value });
            rest = after.trim_start_matches(between);
        }
        Ok(Self { path: path.to_owned(), parts, known: Vec::new() })
    }

    /// What a URL says.
    pub(super) fn of_url(url: &Url, path: &str) -> Result<Self, Misconfigured> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let host = url.host_str().unwrap_or_default();
        let named = [
            ("Host", host.trim_matches(['[', ']']).to_owned()),
            ("Port", url.port().map(|port| port.to_string()).unwrap_or_default()),
            ("Database", decoded(url.path().trim_start_matches('/'))),
            ("User ID", decoded(url.username())),
            ("Password", decoded(url.password().unwrap_or_default())),
        ];
        let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
        let behind =
            url.query_pairs().map(|(name, value)| (name.replace(['-', '_'], ""), value.into_owned()));
        let mut parts: Vec<Part> = Vec::new();
        for (name, value) in named.chain(behind).filter(|(_, value)| !value.is_empty()) {
            // It may be the rest of a password in which a `?` was not encoded.
            if !is_keyword(&name) {
                let fault = Misconfigured::new("something behind the ? of the URL has no name").at(path);
                return Err(fault.hint("a ? that is part of the password is written as %3F"));
            }
            parts.retain(|part| !is_same(&part.name, &name));
            parts.push(Part { name, value: Secret::new(value) });
        }
        Ok(Self { path: path.to_owned(), parts, known: Vec::new() })
    }

    /// The value of the part that has one of these names.
    pub fn take(&mut self, names: &[&str]) -> Option<Secret> {
        let mut found = None;
        // Synonyms are one part: the latter counts.
        self.parts.retain(|part| {
            let is_meant = names.iter().any(|name| is_same(name, &part.name));
            if is_meant {
                found = Some(part.value.clone());
            }
            !is_meant
        });
        self.known.extend(names.iter().copied().map(str::to_owned));
        found.filter(|value| !value.expose().is_empty())
    }

    /// The value of the part that has one of these names, where it is no secret.
    pub fn text(&mut self, names: &[&str]) -> Option<String> {
        self.take(names).map(|value| value.expose().to_owned())
    }

    /// A flag: `True`, `False`, `Yes` or `No`.
    pub fn flag(&mut self, names: &[&str], faults: &mut Faults) -> Option<bool> {
        let value = self.take(names)?;
        let flag = match value.expose().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        };
        if flag.is_none() {
            faults.add(self.fault(names, "true or false is expected"));
        }
        flag
    }

    /// A number.
    pub fn number<N: FromStr>(&mut self, names: &[&str], faults: &mut Faults) -> Option<N> {
        let value = self.take(names)?;
        let number = value.expose().parse().ok();
        if number.is_none() {
            faults.add(self.fault(names, "a number is expected, within its bounds"));
        }
        number
    }

    /// What is wrong with the part that has one of these names.
    #[must_use]
    pub fn fault(&self, names: &[&str], what: &str) -> Misconfigured {
        let name = names.first().copied().unwrap_or_default();
        Misconfigured::new(format!("{name}: {what}")).at(&self.path)
    }

    /// Takes parts that are understood and mean nothing here.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            drop(self.take(&[name]));
        }
    }

    /// Notes each part that nobody took, by its name.
    pub fn finish(self, faults: &mut Faults) {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for part in &self.parts {
            let fault = Misconfigured::new(format!("{}: not understood here", part.name)).at(&self.path);
            faults.add(match nearest(&part.name, &known) {
                Some(known) => fault.hint(format!("did you mean {known}?")),
                None => fault.hint("remove it"),
            });
        }
    }
}

const QUOTES: &str = "a value that holds ; or begins with a quote stands in quotes, such as Password='a;b'";

/// Up to the `=`, which no other part's end may come before.
fn name(text: &str) -> Option<(String, &str)> {
    let (name, rest) = text.split_once('=')?;
    (!name.contains(';')).then(|| (name.trim().to_owned(), rest))
}

/// Up to the `;` that ends it.
fn value(text: &str) -> Option<(Secret, &str)> {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return Some((Secret::new(value.trim_end()), rest));
    };
    let mut value = String::with_capacity(text.len());
    let mut rest = text.get(1..)?;
    loop {
        let (before, after) = rest.split_once(quote)?;
        value.push_str(before);
        let Some(doubled) = after.strip_prefix(quote) else {
            let after = after.trim_start();
            let ends = after.is_empty() || after.starts_with(';');
            return ends.then(|| (Secret::new(value), after.get(1..).unwrap_or_default()));
        };
        value.push(quote);
        rest = doubled;
    }
}

/// What may be named in an error: the words that drivers use, not the rest of a password in which a
/// `;` was forgotten.
fn is_keyword(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.'))
}

fn is_same(one: &str, other: &str) -> bool {
    let folded = |text: &str| {
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    folded(one) == folded(other)
}

/// Only which parts there are.
impl fmt::Debug for ConnectionParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| &part.name)).finish()
    }
}

#[cfg(test)]
mod tests;
