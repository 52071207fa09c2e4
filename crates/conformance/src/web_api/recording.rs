//! The recording as it lies in its folder: profiles, cases, and the metadata of the authorities.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use entra_abstractions::Section;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Everything that was recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) cases: Vec<Case>,
    pub(crate) documents: Documents,
}

/// The documents of the authorities, by their URL.
pub(crate) type Documents = BTreeMap<String, Value>;

#[derive(Deserialize)]
struct ProfileFile {
    profiles: BTreeMap<String, Profile>,
}

/// A configuration of the API.
#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    #[serde(rename = "AzureAd")]
    pub(crate) section: Map<String, Value>,
    pub(crate) metadata_available: bool,
}

impl Profile {
    pub(crate) fn section(&self) -> Section {
        Section::new("AzureAd", Value::Object(self.section.clone()))
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.section.get(key).and_then(Value::as_str)
    }
}

/// A request and the verdict on it.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) profile: String,
    pub(crate) endpoint: String,
    pub(crate) story: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Vec<String>,
    pub(crate) status: u16,
    pub(crate) www_authenticate: Option<Value>,
    pub(crate) authenticated: Option<bool>,
    pub(crate) principal: Option<Principal>,
}

/// Who the caller was found to be.
#[derive(Debug, Deserialize)]
pub(crate) struct Principal {
    pub(crate) claims: BTreeMap<String, Vec<String>>,
}

impl Recording {
    /// Reads a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let profiles: ProfileFile = json(&folder.join("profiles.json"))?;
        let path = folder.join("cases.jsonl");
        let lines = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let cases = lines
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).with_context(|| path.display().to_string()))
            .collect::<Result<_>>()?;
        let documents = json(&folder.join("metadata-documents.json"))?;
        Ok(Self { profiles: profiles.profiles, cases, documents })
    }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
