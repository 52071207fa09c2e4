//! `WWW-Authenticate`: what an API asks of its caller. Parsed on the client's side, written on the
//! API's side.

use std::fmt;

use crate::Claims;

/// One challenge (RFC 9110 section 11.6.1): a scheme and its parameters.
///
/// ```
/// use entra_abstractions::Challenge;
///
/// let found = Challenge::parse("Negotiate abc==, Bearer error=\"insufficient_claims\", claims=\"e30=\"");
/// assert_eq!(found.len(), 2);
/// assert_eq!(found[1].get("error"), Some("insufficient_claims"));
/// assert_eq!(Challenge::bearer().with("error", "a \"quoted\" word").to_string(),
///     r#"Bearer error="a \"quoted\" word""#);
/// ```
#[doc(alias = "WwwAuthenticateParameters")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

/// More than any real answer has; the rest of a hostile one is not looked at.
const MOST: usize = 64;
const LONGEST: usize = 32 * 1024;

impl Challenge {
    /// A `Bearer` challenge without parameters.
    pub fn bearer() -> Self {
        Self { scheme: "Bearer".to_owned(), parameters: Vec::new() }
    }

    /// With one more parameter. Characters that cannot stand in a header are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref().chars().filter(|c| matches!(c, ' '..='~')).collect();
        self.parameters.push((name.to_owned(), value));
        self
    }

    /// Reads every challenge of one header value. What is malformed is passed over: a challenge is
    /// a stranger's text, and the call has failed already.
    pub fn parse(header: &str) -> Vec<Self> {
        Parser { rest: header.get(..LONGEST).unwrap_or(header), found: Vec::new() }.run()
    }

    /// The claims that a resource asks for: of a `Bearer` challenge with the error
    /// `insufficient_claims`, as Entra's APIs send it.
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
    pub fn claims<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Claims> {
        headers
            .into_iter()
            .flat_map(Self::parse)
            .filter(Self::is_bearer)
            .filter(|challenge| {
                challenge.get("error").is_some_and(|error| error.eq_ignore_ascii_case("insufficient_claims"))
            })
            .find_map(|challenge| challenge.get("claims").and_then(|claims| Claims::new(claims).ok()))
    }

    /// The scheme, as written.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is `Bearer`.
    pub fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Bearer")
    }

    /// A parameter's value; names are compared without regard to case. A `token68` has the name
    /// of the scheme.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            write!(f, "{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
        }
        Ok(())
    }
}

/// Hand-written, because parameters separated by blanks alone (Azure Storage sends them) and a
/// `token68` before another challenge are refused by the crates there are.
struct Parser<'a> {
    rest: &'a str,
    found: Vec<Challenge>,
}

impl Parser<'_> {
    fn run(mut self) -> Vec<Challenge> {
        let mut may_be_token68 = false;
        while self.found.len() <= MOST {
            let before = self.rest;
            self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let after_comma = before.len() != self.rest.len()
                && before.get(..before.len() - self.rest.len()).is_some_and(|gap| gap.contains(','));
            if self.rest.is_empty() {
                break;
            }
            let word = self.take(is_token);
            if word.is_empty() {
                self.skip_one();
                continue;
            }
            if let Some(value) = self.value() {
                self.parameter(word, value);
                may_be_token68 = false;
            } else if may_be_token68 && !after_comma {
                let tail = self.take(|c| is_token(c) || "/=".contains(c));
                let scheme = self.found.last().map(|challenge| challenge.scheme.clone()).unwrap_or_default();
                self.parameter(scheme, word + &tail);
                may_be_token68 = false;
            } else {
                self.found.push(Challenge { scheme: word, parameters: Vec::new() });
                may_be_token68 = true;
            }
        }
        self.found
    }

    fn parameter(&mut self, name: String, value: String) {
        if let Some(challenge) = self.found.last_mut()
            && challenge.parameters.len() < MOST
        {
            challenge.parameters.push((name, value));
        }
    }

    /// The value behind `=`, or nothing where the word was no parameter's name: `abc==` is a
    /// `token68` with its padding.
    fn value(&mut self) -> Option<String> {
        let behind = self.rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
        let behind = behind.trim_start_matches([' ', '\t']);
        if behind.is_empty() || behind.starts_with('=') || behind.starts_with(',') {
            return None;
        }
        self.rest = behind;
        if let Some(quoted) = behind.strip_prefix('"') {
            self.rest = quoted;
            return Some(self.quoted());
        }
        Some(self.take(|c| !c.is_ascii_whitespace() && c != ','))
    }

    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        let mut escaped = false;
        for (at, c) in characters.by_ref() {
            if escaped {
                value.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '"' {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return value;
            } else {
                value.push(c);
            }
        }
        self.rest = "";
        value
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn skip_one(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/:".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
        let found = Challenge::parse(header);
        let found: Vec<_> = found
            .iter()
            .map(|challenge| {
                let parameters: Vec<_> = challenge.parameters().collect();
                (challenge.scheme.as_str(), parameters)
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(scheme, parameters)| (*scheme, parameters.to_vec())).collect();
        assert_eq!(found, expected, "{header}");
    }

    #[test]
    fn reads_what_apis_send() {
        check("Bearer", &[("Bearer", &[])]);
        check(r#"Bearer realm="", error="x y""#, &[("Bearer", &[("realm", ""), ("error", "x y")])]);
        check(
            "Bearer authorization_uri=https://login.example/t/oauth2 resource_id=https://storage.example",
            &[(
                "Bearer",
                &[
                    ("authorization_uri", "https://login.example/t/oauth2"),
                    ("resource_id", "https://storage.example"),
                ],
            )],
        );
        check(
            r#"Negotiate YII=, WLID1.0, NTLM, Bearer REALM="a\"b""#,
            &[
                ("Negotiate", &[("Negotiate", "YII=")]),
                ("WLID1.0", &[]),
                ("NTLM", &[]),
                ("Bearer", &[("REALM", "a\"b")]),
            ],
        );
        check(r#"Bearer a = "1" , PoP nonce="n""#, &[("Bearer", &[("a", "1")]), ("PoP", &[("nonce", "n")])]);
    }

    #[test]
    fn claims_need_their_error() {
        let claims = |header: &str| Challenge::claims([header]).map(|claims| claims.as_str().to_owned());
        assert_eq!(claims(r#"bearer error="insufficient_claims", claims="e30=""#).as_deref(), Some("{}"));
        assert_eq!(claims(r#"Bearer error="invalid_token", claims="e30=""#), None);
        assert_eq!(claims(r#"PoP error="insufficient_claims", claims="e30=""#), None);
        assert_eq!(claims(r#"Bearer error="insufficient_claims", claims="not json""#), None);
    }

    #[test]
    fn a_header_cannot_be_broken_out_of() {
        let written =
            Challenge::bearer().with("error_description", "a\r\nSet-Cookie: x=\"y\"\u{e9}").to_string();
        assert_eq!(written, r#"Bearer error_description="aSet-Cookie: x=\"y\"""#);
        assert_eq!(Challenge::parse(&written)[0].get("error_description"), Some("aSet-Cookie: x=\"y\""));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,300}") {
            proptest::prop_assert!(Challenge::parse(&text).len() <= MOST + 1);
        }

        #[test]
        fn what_is_written_is_read(value in "[ -~]{0,60}") {
            let written = Challenge::bearer().with("claims", &value).to_string();
            let read = Challenge::parse(&written);
            proptest::prop_assert_eq!(read[0].get("claims"), Some(value.as_str()));
        }
    }
}
