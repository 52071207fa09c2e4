//! Where a certificate store lies: `CertificateStorePath`, as directories.

use std::path::PathBuf;

use entra_abstractions::{Environment, Misconfigured};

/// The directories of a store such as `CurrentUser/My`, in the order in which they are searched.
pub(in crate::credential) fn directories(
    path: Option<&str>,
    environment: &Environment,
) -> Result<Vec<PathBuf>, Misconfigured> {
    let path = path.unwrap_or("CurrentUser/My").trim();
    let refused = || {
        Misconfigured::new(format!("{path:?} is no certificate store"))
            .hint("write CurrentUser/My or LocalMachine/My")
    };
    let (location, name) = path.split_once(['/', '\\']).ok_or_else(refused)?;
    let name = name.to_ascii_lowercase();
    // The name becomes that of a directory.
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err(refused());
    }
    let location = ["CurrentUser", "LocalMachine"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(location))
        .ok_or_else(refused)?;
    let set = |name| environment.get(name).filter(|value| !value.trim().is_empty()).map(PathBuf::from);
    if let Some(stores) = set(STORES) {
        return Ok(vec![stores.join(location.to_ascii_lowercase()).join(name)]);
    }
    if cfg!(windows) {
        return Err(Misconfigured::new("the certificate store of Windows is not read")
            .hint(format!("export the certificate to a PFX file and use the source Path, or name a directory of stores in {STORES}")));
    }
    if location == "LocalMachine" {
        return Ok(vec![PathBuf::from("/etc/entra/certificates").join(name)]);
    }
    let home = set("HOME").ok_or_else(|| {
        Misconfigured::new(format!("there is no home directory for the store {path}"))
            .hint(format!("set HOME, or name a directory of stores in {STORES}"))
    })?;
    Ok(vec![
        home.join(".entra/certificates").join(&name),
        // Where .NET keeps the store of the same name, on Linux.
        home.join(".dotnet/corefx/cryptography/x509stores").join(&name),
    ])
}

/// Names a directory that holds all stores: for containers, and for systems with another layout.
const STORES: &str = "ENTRA_CERTIFICATE_STORES";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, variables: &[(&str, &str)]) -> Result<Vec<PathBuf>, String> {
        directories(Some(path), &Environment::from_pairs(variables.iter().copied()))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_store_is_a_directory() {
        let home = [("HOME", "/homes/o")];
        let expected =
            ["/homes/o/.entra/certificates/my", "/homes/o/.dotnet/corefx/cryptography/x509stores/my"];
        for path in ["CurrentUser/My", "currentuser/MY", "CurrentUser\\My", " CurrentUser/My "] {
            assert_eq!(of(path, &home), Ok(expected.map(PathBuf::from).to_vec()), "{path}");
        }
        assert_eq!(directories(None, &Environment::from_pairs(home)).unwrap(), expected.map(PathBuf::from));
        assert_eq!(of("LocalMachine/Web", &home), Ok(vec!["/etc/entra/certificates/web".into()]));
        let stores = [("HOME", "/homes/o"), ("ENTRA_CERTIFICATE_STORES", "/mnt/stores")];
        assert_eq!(of("LocalMachine/My", &stores), Ok(vec!["/mnt/stores/localmachine/my".into()]));
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for path in ["My", "Everywhere/My", "CurrentUser/", "CurrentUser/../../etc", "CurrentUser/a b", "/"] {
            assert!(
                of(path, &[("HOME", "/homes/o")]).is_err_and(|told| told.contains("is no certificate store")),
                "{path}"
            );
        }
        assert!(of("CurrentUser/My", &[]).is_err_and(|told| told.contains("set HOME")));
    }
}
