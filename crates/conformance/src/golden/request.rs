//! A request in the form in which recordings keep it. Ours are brought into the same form, so that
//! two of them can be compared field by field.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Kind {
    /// To a token endpoint.
    #[serde(rename = "token")]
    Token,
    /// To the metadata service of the machine.
    #[serde(rename = "imds")]
    Imds,
    /// To a protected API.
    #[serde(rename = "api")]
    Api,
    /// Instance discovery. Information only: who knows the public clouds by heart need not ask.
    #[serde(rename = "instance")]
    Instance,
    /// `OpenID` metadata. Information only.
    #[serde(rename = "openid-configuration")]
    Metadata,
}

impl Kind {
    /// Whether the sequence of requests must agree in it.
    pub(crate) fn counts(self) -> bool {
        matches!(self, Self::Token | Self::Imds | Self::Api)
    }
}

/// One request: what varies from play to play (ids, times, user tokens) is replaced by its name in
/// angle brackets, assertions are decoded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) method: String,
    /// Without the query.
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Value>,
    /// Names in lower case.
    #[serde(default, deserialize_with = "lower_names")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) form: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Value,
    #[serde(default)]
    pub(crate) client_certificate: Option<String>,
}

impl Request {
    /// A form's field that is text.
    pub(crate) fn form_text(&self, name: &str) -> Option<&str> {
        self.form.get(name).and_then(Value::as_str)
    }

    /// Enough to recognise it in a report.
    pub(crate) fn summary(&self) -> String {
        let told = ["grant_type", "client_id", "scope"].iter().filter_map(|name| self.form_text(name));
        format!("{} {} {}", self.method, self.url, told.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
    }
}

fn lower_names<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let headers = BTreeMap::<String, String>::deserialize(from)?;
    Ok(headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}
