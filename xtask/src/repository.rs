//! The repository as tidy, map and the gate see it: crates and their arrows, files and their text.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::rust_source::RustSource;

/// Everything that was read, once, before any rule looks at it.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
    /// The names of what lies at the top.
    pub(crate) top: Vec<String>,
    pub(crate) crates: Vec<Crate>,
    pub(crate) files: Vec<File>,
    /// `crates/*/tests/scenarios/*`, as paths from the root.
    pub(crate) scenarios: Vec<String>,
    /// The recordings of Microsoft.Identity.Web, such as `A12-file-assertion.json`.
    pub(crate) recordings: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crate {
    /// The package's name.
    pub(crate) package: String,
    /// Where it lies, such as `crates/web-api`.
    pub(crate) folder: String,
    pub(crate) description: String,
    /// Those that are not on by themselves.
    pub(crate) features: Vec<String>,
    /// Whether some are on by themselves.
    pub(crate) has_defaults: bool,
    pub(crate) needs: Vec<Need>,
}

/// An arrow: what a crate depends on.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    pub(crate) package: String,
    /// What the code calls it.
    pub(crate) name: String,
    /// Only its tests, examples and benches do.
    pub(crate) is_dev: bool,
}

/// A text file that people write.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Present for `.rs` files.
    pub(crate) rust: Option<RustSource>,
}

/// The top of the checkout in which this program was built.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

impl Repository {
    /// Reads manifests and texts; compiles nothing and asks no network.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let mut crates: Vec<Crate> = metadata.packages.iter().map(|p| Crate::read(root, p)).collect();
        crates.sort_by(|a, b| a.folder.cmp(&b.folder));

        let mut repository = Self { root: root.to_owned(), crates, ..Self::default() };
        for entry in fs::read_dir(root).context("the root cannot be listed")? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != ".git" && !name.starts_with("target") {
                repository.walk(&entry.path(), &name)?;
                repository.top.push(name);
            }
        }
        repository.top.sort();
        repository.files.sort_by(|a, b| a.path.cmp(&b.path));
        repository.scenarios.sort();
        Ok(repository)
    }

    fn walk(&mut self, on_disk: &Path, path: &str) -> Result<()> {
        if on_disk.is_dir() {
            let is_scenario = path.rsplit_once('/').is_some_and(|(parent, _)| {
                parent.starts_with("crates/") && parent.ends_with("/tests/scenarios")
            });
            if is_scenario {
                self.scenarios.push(path.to_owned());
            }
            for entry in fs::read_dir(on_disk).with_context(|| format!("{path} cannot be listed"))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name != "target" && name != "node_modules" {
                    self.walk(&entry.path(), &format!("{path}/{name}"))?;
                }
            }
        } else if is_written_by_people(path) {
            let text = fs::read_to_string(on_disk).with_context(|| format!("{path} cannot be read"))?;
            self.files.push(File::new(path, text));
        } else if let Some(recording) = path.strip_prefix("crates/conformance/data/golden/scenarios/") {
            self.recordings.push(recording.to_owned());
        }
        Ok(())
    }

    /// All Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&File, &RustSource)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }

    /// The Rust files of a crate's `src`.
    pub(crate) fn sources<'a>(
        &'a self,
        member: &Crate,
    ) -> impl Iterator<Item = (&'a File, &'a RustSource)> + use<'a> {
        let src = format!("{}/src/", member.folder);
        self.rust().filter(move |(file, _)| file.path.starts_with(&src))
    }

    /// The file of this path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Crate {
    fn read(root: &Path, package: &Package) -> Self {
        let folder = package.manifest_path.parent().map_or(root, |folder| folder.as_ref());
        let folder = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
        let defaults = package.features.get("default").cloned().unwrap_or_default();
        let is_choice = |name: &&String| *name != "default" && !defaults.contains(name);
        let mut features: Vec<String> = package.features.keys().filter(is_choice).cloned().collect();
        features.sort();
        let mut needs: Vec<Need> = package
            .dependencies
            .iter()
            .map(|need| Need {
                package: need.name.clone(),
                name: need.rename.as_ref().unwrap_or(&need.name).replace('-', "_"),
                is_dev: need.kind == DependencyKind::Development,
            })
            .collect();
        needs.sort_by(|a, b| a.package.cmp(&b.package));
        Self {
            package: package.name.to_string(),
            folder,
            description: package.description.clone().unwrap_or_default(),
            features,
            has_defaults: !defaults.is_empty(),
            needs,
        }
    }

    /// The name of its folder: what the documents call it.
    pub(crate) fn name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(&self.folder)
    }

    /// Whether it lies in `crates/`.
    pub(crate) fn is_product(&self) -> bool {
        self.folder.starts_with("crates/")
    }

    /// Whether it depends on this package outside of its tests.
    pub(crate) fn is_built_on(&self, package: &str) -> bool {
        self.needs.iter().any(|need| !need.is_dev && need.package == package)
    }
}

impl File {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let rust = (extension(path) == Some("rs")).then(|| RustSource::parse(&text, is_of_tests(path)));
        Self { path: path.to_owned(), text, rust }
    }

    /// Whether people read it as it is.
    pub(crate) fn is_page(&self) -> bool {
        extension(&self.path) == Some("md")
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn is_written_by_people(path: &str) -> bool {
    path == ".ci/run" || matches!(extension(path), Some("rs" | "toml" | "md" | "yml" | "yaml" | "sh"))
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}

fn is_of_tests(path: &str) -> bool {
    let mut parts = path.split('/');
    path.ends_with("/tests.rs") || parts.any(|part| matches!(part, "tests" | "benches" | "fuzz"))
}
