#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod json;
mod loader;
mod overlay;

use std::fmt;

pub use entra_abstractions::{Environment, Misconfigured, Section};
pub use loader::Loader;

/// The settings of an application, as they were written: files and environment in one tree.
#[doc(alias = "IConfiguration")]
#[derive(Clone)]
pub struct Settings(Section);

impl Settings {
    /// Loads `appsettings.json`, the file of the environment beside it, and the environment
    /// variables of this process. [`Loader`] tells where it looks and what wins.
    ///
    /// # Errors
    /// [`Misconfigured`] when nothing is found, or a file is not well-formed: the developer must
    /// act. The message names file, line and column, never a value.
    pub fn load() -> Result<Self, Misconfigured> {
        Self::loader().load()
    }

    /// Loads from elsewhere than [`load`](Self::load) does.
    pub fn loader() -> Loader {
        Loader::default()
    }

    /// Settings that are written in the program. No file is read and no environment.
    ///
    /// # Errors
    /// [`Misconfigured`] when the text is not well-formed.
    pub fn from_json(text: &str) -> Result<Self, Misconfigured> {
        Self::loader().json(text).environment(Environment::empty()).load()
    }

    /// The section at a path such as `AzureAd` or `DownstreamApis:Orders` (`.` separates as well).
    /// Keys are found without regard to case. A section that was not written is one too: it knows
    /// its path, and whoever builds from it says what is missing.
    #[doc(alias = "GetSection")]
    #[must_use]
    pub fn section(&self, path: &str) -> Section {
        self.0.section(path)
    }
}

/// Values may be secrets, so only the names of the sections show.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.names()).finish()
    }
}
