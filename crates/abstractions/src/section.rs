//! Configuration as it was written: a piece of JSON that knows its path. Read by those who build
//! from it, so that each fault can be told with its place.

mod duration;
pub mod known;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Faults, Misconfigured};

/// A section of the configuration, such as `AzureAd` or `DownstreamApis.Orders`.
///
/// Keys are found without regard to case, as .NET does. A section that was not written is still
/// one: it knows its path and [is absent](Section::is_absent).
///
/// ```
/// use entra_abstractions::{Faults, Section};
///
/// let section = Section::new("AzureAd", serde_json::json!({"SendX5c": true}));
/// let mut faults = Faults::default();
/// assert_eq!(section.flag("SendX5C", &mut faults), Some(true));
/// assert_eq!(section.text("TenantId", &mut faults), None);
/// ```
#[doc(alias = "IConfigurationSection")]
#[derive(Clone, Default)]
pub struct Section {
    path: String,
    value: Value,
}

impl Section {
    /// A section of this path with this content. The default one has neither.
    pub fn new(path: impl Into<String>, value: Value) -> Self {
        Self { path: path.into(), value }
    }

    /// Where it stands, such as `AzureAd.ClientCredentials[1]`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether nothing was written here.
    pub fn is_absent(&self) -> bool {
        self.value.is_null()
    }

    /// Below this one, the section of that name; `:` or `.` go deeper, as in
    /// `DownstreamApis:Orders`.
    #[must_use]
    pub fn section(&self, name: &str) -> Section {
        name.split([':', '.']).filter(|key| !key.is_empty()).fold(self.clone(), |section, key| {
            let value = section.get(key).cloned().unwrap_or(Value::Null);
            let path = section.path_of(key);
            Section { path, value }
        })
    }

    /// The names of what stands directly below.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// What was written here, name by name, where it is a section at all. Values may be secrets.
    pub fn members(&self) -> Option<&Map<String, Value>> {
        self.value.as_object()
    }

    /// The path of a key below.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let members = self.value.as_object()?;
        members
            .get(key)
            .or_else(|| {
                members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
            })
            .filter(|value| !value.is_null())
    }

    /// Notes each key that nobody knows, with the known one it looks like. Notes too when this is
    /// not a section at all.
    pub fn check_keys(&self, known: &[&str], faults: &mut Faults) {
        if !self.is_absent() && !self.value.is_object() {
            faults.add(Misconfigured::new("a section is expected here").at(&self.path));
        }
        for name in self.names().filter(|name| !known.iter().any(|known| known.eq_ignore_ascii_case(name))) {
            let fault = Misconfigured::new("unknown key").at(self.path_of(name));
            faults.add(match nearest(name, known) {
                Some(known) => fault.hint(format!("did you mean {known}?")),
                None => fault.hint("remove it, or move it out of this section"),
            });
        }
    }

    /// A text; numbers and flags are taken as their text, blank counts as not written.
    pub fn text(&self, key: &str, faults: &mut Faults) -> Option<String> {
        self.text_or_blank(key, faults).filter(|text| !text.trim().is_empty())
    }

    /// A text that may be blank on purpose.
    pub fn text_or_blank(&self, key: &str, faults: &mut Faults) -> Option<String> {
        let value = self.get(key)?;
        let text = scalar(value);
        if text.is_none() {
            faults.add(Misconfigured::new("a text is expected here").at(self.path_of(key)));
        }
        text
    }

    /// A flag: `true` or `false`, also as text, as the environment gives it.
    pub fn flag(&self, key: &str, faults: &mut Faults) -> Option<bool> {
        let text = self.text(key, faults)?;
        let flag = text.trim().to_ascii_lowercase().parse().ok();
        if flag.is_none() {
            faults.add(Misconfigured::new("true or false is expected here").at(self.path_of(key)));
        }
        flag
    }

    /// How long something lasts: seconds, or hours, minutes and seconds as .NET writes them.
    pub fn duration(&self, key: &str, faults: &mut Faults) -> Option<Duration> {
        let text = self.text(key, faults)?;
        let duration = duration::parse(text.trim());
        if duration.is_none() {
            faults.add(
                Misconfigured::new("not a time that can be waited")
                    .at(self.path_of(key))
                    .hint("write seconds, such as 30, or hours, minutes and seconds, such as 00:00:30"),
            );
        }
        duration
    }

    /// Words: a list of texts, or one text with blanks between. An empty list is `Some`.
    pub fn words(&self, key: &str, faults: &mut Faults) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let items = match value {
            Value::Array(_) | Value::Object(_) => self.items(key).map(|item| scalar(&item.value)).collect(),
            one => vec![scalar(one)],
        };
        let Some(items) = items.into_iter().collect::<Option<Vec<String>>>() else {
            faults.add(Misconfigured::new("a list of texts is expected here").at(self.path_of(key)));
            return None;
        };
        Some(items.iter().flat_map(|item| item.split_ascii_whitespace()).map(str::to_owned).collect())
    }

    /// A list of sections; an object whose keys are numbers is a list too, as the environment
    /// writes it.
    pub fn list(&self, key: &str, faults: &mut Faults) -> Vec<Section> {
        let is_list = match self.get(key) {
            None | Some(Value::Array(_)) => true,
            Some(Value::Object(members)) => members.keys().all(|name| name.parse::<u32>().is_ok()),
            Some(_) => false,
        };
        if !is_list {
            faults.add(Misconfigured::new("a list is expected here").at(self.path_of(key)));
            return Vec::new();
        }
        self.items(key).collect()
    }

    /// Names with texts, such as `ExtraQueryParameters`.
    pub fn pairs(&self, key: &str, faults: &mut Faults) -> Vec<(String, String)> {
        let section = self.section(key);
        if section.is_absent() {
            return Vec::new();
        }
        if !section.value.is_object() {
            faults.add(Misconfigured::new("names with texts are expected here").at(section.path()));
        }
        section
            .names()
            .filter_map(|name| Some((name.to_owned(), section.text_or_blank(name, faults)?)))
            .collect()
    }

    fn items(&self, key: &str) -> impl Iterator<Item = Section> {
        let path = self.path_of(key);
        let values: Vec<&Value> = match self.get(key) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(Value::Object(members)) => {
                let mut items: Vec<(&String, &Value)> = members.iter().collect();
                items.sort_by_key(|(name, _)| name.parse::<u32>().unwrap_or(u32::MAX));
                items.into_iter().map(|(_, value)| value).collect()
            }
            _ => Vec::new(),
        };
        values
            .into_iter()
            .enumerate()
            .map(move |(index, value)| Section::new(format!("{path}[{index}]"), value.clone()))
    }
}

/// Values may be secrets, so only the path and the names show.
impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Section")
            .field("path", &self.path)
            .field("names", &self.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The word that was probably meant, out of those there are.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(&word, &known.to_ascii_lowercase()), *known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// Whether a value is one of those that documentation writes where the real one belongs, such as
/// `your-tenant-id`, `<your-agent-identity>`, `Enter_the_Application_Id_here` or a GUID of zeros.
pub fn is_placeholder(text: &str) -> bool {
    let folded = text.trim().to_ascii_lowercase();
    let bracketed = [('<', '>'), ('[', ']'), ('{', '}')]
        .iter()
        .any(|(open, close)| folded.starts_with(*open) && folded.ends_with(*close));
    let worded = ["your-", "your_", "your ", "enter-", "enter_", "enter ", "replace-", "replace_", "insert-"]
        .iter()
        .any(|prefix| folded.starts_with(prefix));
    bracketed || worded || folded == "00000000-0000-0000-0000-000000000000"
}

#[cfg(test)]
mod tests;
