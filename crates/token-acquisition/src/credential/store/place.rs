//! Where a certificate store lies: `CertificateStorePath`, as directories, or as a store of the system.

use std::{fmt, path::PathBuf};

use entra_abstractions::{Environment, Misconfigured};

/// A store, not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::credential) enum Place {
    /// In the order in which they are searched.
    Directories(Vec<PathBuf>),
    /// The system's own, of this name.
    System(Location, String),
}

/// Whose a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::credential) enum Location {
    CurrentUser,
    LocalMachine,
}

impl Location {
    fn name(self) -> &'static str {
        match self {
            Self::CurrentUser => "CurrentUser",
            Self::LocalMachine => "LocalMachine",
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Place {
    /// The place of a store such as `CurrentUser/My`, on this system.
    pub(in crate::credential) fn of(
        path: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, Misconfigured> {
        Self::on(cfg!(windows), path, environment)
    }

    fn on(is_windows: bool, path: Option<&str>, environment: &Environment) -> Result<Self, Misconfigured> {
        let path = path.unwrap_or("CurrentUser/My").trim();
        let refused = || {
            Misconfigured::new(format!("{path:?} is no certificate store"))
                .hint("write CurrentUser/My or LocalMachine/My")
        };
        let (location, name) = path.split_once(['/', '\\']).ok_or_else(refused)?;
        // The name may become that of a directory.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err(refused());
        }
        let location = [Location::CurrentUser, Location::LocalMachine]
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(location))
            .ok_or_else(refused)?;
        let folder = name.to_ascii_lowercase();
        let set = |name| environment.get(name).filter(|value| !value.trim().is_empty()).map(PathBuf::from);
        if let Some(stores) = set(STORES) {
            let store = stores.join(location.name().to_ascii_lowercase()).join(folder);
            return Ok(Self::Directories(vec![store]));
        }
        if is_windows {
            return Ok(Self::System(location, name.to_owned()));
        }
        if location == Location::LocalMachine {
            return Ok(Self::Directories(vec![PathBuf::from("/etc/entra/certificates").join(folder)]));
        }
        let home = set("HOME").ok_or_else(|| {
            Misconfigured::new(format!("there is no home directory for the store {path}"))
                .hint(format!("set HOME, or name a directory of stores in {STORES}"))
        })?;
        Ok(Self::Directories(vec![
            home.join(".entra/certificates").join(&folder),
            // Where .NET keeps the store of the same name, on Linux.
            home.join(".dotnet/corefx/cryptography/x509stores").join(&folder),
        ]))
    }
}

/// Names a directory that holds all stores: for containers, and for systems with another layout.
pub(super) const STORES: &str = "ENTRA_CERTIFICATE_STORES";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(is_windows: bool, path: &str, variables: &[(&str, &str)]) -> Result<Place, String> {
        let environment = Environment::from_pairs(variables.iter().copied());
        Place::on(is_windows, Some(path), &environment).map_err(|fault| fault.to_string())
    }

    fn directories<const N: usize>(paths: [&str; N]) -> Place {
        Place::Directories(paths.map(PathBuf::from).to_vec())
    }

    const HOME: [(&str, &str); 1] = [("HOME", "/homes/o")];
    const STORES: [(&str, &str); 2] = [("HOME", "/homes/o"), ("ENTRA_CERTIFICATE_STORES", "/mnt/stores")];

    #[test]
    fn a_store_is_a_directory() {
        let expected = || {
            directories([
                "/homes/o/.entra/certificates/my",
                "/homes/o/.dotnet/corefx/cryptography/x509stores/my",
            ])
        };
        for path in ["CurrentUser/My", "currentuser/MY", "CurrentUser\\My", " CurrentUser/My "] {
            assert_eq!(of(false, path, &HOME), Ok(expected()), "{path}");
        }
        assert_eq!(Place::on(false, None, &Environment::from_pairs(HOME)).unwrap(), expected());
        assert_eq!(of(false, "LocalMachine/Web", &HOME), Ok(directories(["/etc/entra/certificates/web"])));
    }

    #[test]
    fn on_windows_it_is_the_systems_unless_a_directory_is_named() {
        for (path, location, name) in [
            ("CurrentUser/My", Location::CurrentUser, "My"),
            ("localmachine\\WebHosting", Location::LocalMachine, "WebHosting"),
        ] {
            assert_eq!(of(true, path, &[]), Ok(Place::System(location, name.to_owned())), "{path}");
        }
        for is_windows in [true, false] {
            let place = of(is_windows, "LocalMachine/My", &STORES);
            assert_eq!(place, Ok(directories(["/mnt/stores/localmachine/my"])), "{is_windows}");
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for path in ["My", "Everywhere/My", "CurrentUser/", "CurrentUser/../../etc", "CurrentUser/a b", "/"] {
            for is_windows in [true, false] {
                assert!(
                    of(is_windows, path, &HOME).is_err_and(|told| told.contains("is no certificate store")),
                    "{path}"
                );
            }
        }
        assert!(of(false, "CurrentUser/My", &[]).is_err_and(|told| told.contains("set HOME")));
    }
}
