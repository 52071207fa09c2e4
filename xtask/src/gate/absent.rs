//! What a crate promises not to compile.

use std::path::Path;

use anyhow::{Result, bail};

use crate::program::Program;

/// A package, built alone with its default features, without these in its tree.
struct Absence {
    package: &'static str,
    absent: &'static [&'static str],
}

/// An app that only validates tokens compiles no token client; a daemon compiles no web framework,
/// and no store that it does not use; who implements a trait of ours compiles no runtime.
const PROMISES: &[Absence] = &[
    Absence { package: "entra-abstractions", absent: &["tokio", "reqwest", "hyper", "rustls", "axum"] },
    Absence { package: "entra-settings", absent: &["tokio", "reqwest", "hyper", "rustls", "axum"] },
    Absence {
        package: "entra-web-api",
        absent: &[
            "axum",
            "axum-core",
            "entra-token-acquisition",
            "entra-downstream-api",
            "entra-agent-identities",
        ],
    },
    Absence {
        package: "entra-token-acquisition",
        absent: &[
            "axum",
            "axum-core",
            "azure_core",
            "entra-cache",
            "entra-cache-cosmos",
            "entra-cache-redis",
            "entra-cache-sql",
            "entra-cache-sqlserver",
            "entra-web-api",
            "redis",
            "sqlx",
            "tiberius",
        ],
    },
    // Each store is a feature, and none is on by itself.
    Absence {
        package: "entra-cache",
        absent: &[
            "azure_core",
            "entra-cache-cosmos",
            "entra-cache-redis",
            "entra-cache-sql",
            "entra-cache-sqlserver",
            "entra-token-acquisition",
            "redis",
            "reqwest",
            "sqlx",
            "tiberius",
            "tokio",
        ],
    },
    Absence {
        package: "entra-cache-redis",
        absent: &["entra-token-acquisition", "hyper", "native-tls", "openssl", "reqwest"],
    },
    Absence {
        package: "entra-cache-sql",
        absent: &["entra-token-acquisition", "libsqlite3-sys", "sqlx-mysql", "sqlx-postgres", "sqlx-sqlite"],
    },
    Absence {
        package: "entra-cache-sqlserver",
        absent: &["entra-token-acquisition", "hyper", "native-tls", "openssl", "reqwest"],
    },
    Absence {
        package: "entra-cache-cosmos",
        absent: &["azure_identity", "entra-token-acquisition", "native-tls", "openssl"],
    },
    Absence {
        package: "entra-downstream-api",
        absent: &["axum", "axum-core", "reqwest-middleware", "entra-token-acquisition", "entra-web-api"],
    },
    Absence { package: "entra-agent-identities", absent: &["axum", "axum-core", "entra-downstream-api"] },
    Absence {
        package: "entra-azure-credential",
        absent: &["reqwest", "openssl", "axum", "entra-token-acquisition", "entra-downstream-api"],
    },
    Absence {
        package: "entra-graph",
        absent: &["axum", "axum-core", "reqwest-middleware", "entra-token-acquisition", "entra-web-api"],
    },
    Absence {
        package: "entra-emulator",
        absent: &["entra-abstractions", "entra-settings", "entra-token-acquisition", "entra-web-api"],
    },
];

/// Looks into each tree.
pub(super) fn check(root: &Path) -> Result<()> {
    let mut faults = Vec::new();
    for Absence { package, absent } in PROMISES {
        let tree = Program::cargo(
            root,
            &format!("tree --package {package} --edges normal --prefix none --color never"),
        );
        for name in present(&tree.output()?, absent) {
            faults.push(format!("{package} compiles {name}: cargo tree -p {package} -e normal -i {name}"));
        }
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("\n    "));
    }
    Ok(())
}

fn present<'a>(tree: &str, absent: &[&'a str]) -> Vec<&'a str> {
    let is_there = |name: &&&str| tree.lines().any(|line| line.split(' ').next() == Some(**name));
    absent.iter().filter(is_there).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_a_whole() {
        let tree = "entra-web-api v0.1.0 (crates/web-api)\naxum-core v0.5.5\nbytes v1.0.0 (*)\n";
        assert_eq!(present(tree, &["axum", "axum-core", "bytes", "ring"]), ["axum-core", "bytes"]);
    }
}
