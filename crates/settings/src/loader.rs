//! Finds the files, reads them in their order, and lays the environment over them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use entra_abstractions::{Environment, Misconfigured, Section};
use serde_json::{Map, Value};

use crate::{
    Settings,
    json::{decode, parse},
    overlay::{from_environment, merge},
};

/// Says where settings are loaded from. What comes later wins, key by key:
///
/// 1. `appsettings.json` in the working directory, else the one beside the executable; or the one
///    in the [`directory`](Self::directory), or the [`file`](Self::file), that is told.
/// 2. `appsettings.{Environment}.json` beside it, where there is one. The environment's name is
///    told, or is `DOTNET_ENVIRONMENT`, or `ASPNETCORE_ENVIRONMENT` (that is the order of .NET's
///    `WebApplication.CreateBuilder`), or `Production`.
/// 3. Environment variables with `__` between levels: `DownstreamApis__Orders__BaseUrl`. Numbers
///    count items of lists: `AzureAd__ClientCredentials__0__ClientSecret`. Variables without levels
///    are not looked at, but for those by which Azure's App Service hands on connection strings:
///    `SQLAZURECONNSTR_TokenCacheDb` is `ConnectionStrings__TokenCacheDb`.
///
/// A file that was told must be there. One that was not told may be missing where the environment
/// gives settings: a container often has no file.
///
/// ```
/// use entra_settings::{Environment, Settings};
///
/// let settings = Settings::loader()
///     .json(r#"{"AzureAd": {"ClientCredentials": [{"SourceType": "ClientSecret"}]}}"#)
///     .environment(Environment::from_pairs([("AZUREAD__ClientCredentials__0__ClientSecret", "s3cret")]))
///     .load()?;
/// assert!(!settings.section("AzureAd:ClientCredentials").is_absent());
/// # Ok::<(), entra_settings::Misconfigured>(())
/// ```
#[doc(alias = "ConfigurationBuilder")]
#[derive(Debug, Default)]
#[must_use = "a loader loads when `load` is called"]
pub struct Loader {
    place: Place,
    environment: Option<Environment>,
    environment_name: Option<String>,
}

#[derive(Default)]
enum Place {
    #[default]
    Usual,
    Directory(PathBuf),
    File(PathBuf),
    Text(String),
}

/// The text may hold secrets.
impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usual => f.write_str("Usual"),
            Self::Directory(path) | Self::File(path) => path.fmt(f),
            Self::Text(_) => f.write_str("Text"),
        }
    }
}

impl Loader {
    /// Looks for `appsettings.json` in this directory only.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(directory.into());
        self
    }

    /// Reads this file; the one of the environment is beside it: `orders.Development.json` beside
    /// `orders.json`.
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.place = Place::File(file.into());
        self
    }

    /// Takes this text in place of files.
    pub fn json(mut self, text: impl Into<String>) -> Self {
        self.place = Place::Text(text.into());
        self
    }

    /// Takes these environment variables instead of the process's.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Names the environment, such as `Development`, whatever the variables say.
    pub fn environment_name(mut self, name: impl Into<String>) -> Self {
        self.environment_name = Some(name.into());
        self
    }

    /// Reads what was told.
    ///
    /// # Errors
    /// [`Misconfigured`] when nothing is found, a file cannot be read, or is not well-formed: the
    /// developer must act. The message names file, line and column, never a value.
    pub fn load(self) -> Result<Settings, Misconfigured> {
        let environment = self.environment.unwrap_or_else(Environment::of_process);
        let over = from_environment(&environment);
        let name = name_of(self.environment_name.as_deref(), &environment)?;
        let mut tree = match self.place {
            Place::Text(text) => parse("the JSON text", &text)?,
            Place::File(file) => read_both(&file, &name)?,
            Place::Directory(directory) => read_both(&directory.join(FILE), &name)?,
            Place::Usual => {
                let directories = usual_directories();
                match directories.iter().map(|directory| directory.join(FILE)).find(|file| file.exists()) {
                    Some(file) => read_both(&file, &name)?,
                    None if over.is_empty() => return Err(nothing_found(&directories)),
                    None => Map::new(),
                }
            }
        };
        merge(&mut tree, over);
        Ok(Settings(Section::new("", Value::Object(tree))))
    }
}

fn read_both(file: &Path, environment_name: &str) -> Result<Map<String, Value>, Misconfigured> {
    let mut tree = read(file)?.ok_or_else(|| {
        Misconfigured::new("there is no such file")
            .at(file.display().to_string())
            .hint("it was told to be there")
    })?;
    if let Some(over) = read(&file.with_extension(format!("{environment_name}.json")))? {
        merge(&mut tree, over);
    }
    Ok(tree)
}

fn read(file: &Path) -> Result<Option<Map<String, Value>>, Misconfigured> {
    let name = file.display().to_string();
    match fs::read(file) {
        Ok(bytes) => parse(&name, &decode(&name, &bytes)?).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Misconfigured::new("the file cannot be read").at(name).with_source(error)),
    }
}

fn name_of(told: Option<&str>, environment: &Environment) -> Result<String, Misconfigured> {
    let name = told
        .or_else(|| environment.get("DOTNET_ENVIRONMENT"))
        .or_else(|| environment.get("ASPNETCORE_ENVIRONMENT"))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .unwrap_or("Production");
    // It becomes part of a file's name: nothing that could name a file elsewhere is let in.
    if name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
        return Ok(name.to_owned());
    }
    Err(Misconfigured::new("the name of the environment holds characters that no file name has")
        .hint("set DOTNET_ENVIRONMENT to a word such as Development"))
}

/// The working directory, and the one of the executable: where `cargo run` and a deployed service
/// have their file.
fn usual_directories() -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let mut directories: Vec<PathBuf> = std::env::current_dir().ok().into_iter().chain(beside).collect();
    directories.dedup();
    directories
}

fn nothing_found(directories: &[PathBuf]) -> Misconfigured {
    let looked: Vec<String> = directories.iter().map(|directory| directory.display().to_string()).collect();
    Misconfigured::new(format!("no {FILE} was found in {}", looked.join(" or ")))
        .hint("put one there, tell another directory, or set variables such as AzureAd__ClientId")
}

const FILE: &str = "appsettings.json";
