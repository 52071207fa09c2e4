//! Which database it is.

use entra_abstractions::Misconfigured;

/// Those that this build knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    PostgreSql,
    #[cfg(feature = "mysql")]
    MySql,
}

impl Kind {
    /// By the name that a configuration gives it.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is none of a database, or of one that this build leaves out.
    pub(crate) fn new(name: &str, path: &str) -> Result<Self, Misconfigured> {
        match name.trim().to_ascii_lowercase().as_str() {
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite),
            #[cfg(feature = "postgres")]
            "postgresql" | "postgres" => Ok(Self::PostgreSql),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Ok(Self::MySql),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(left_out("sqlite", path)),
            #[cfg(not(feature = "postgres"))]
            "postgresql" | "postgres" => Err(left_out("postgres", path)),
            #[cfg(not(feature = "mysql"))]
            "mysql" | "mariadb" => Err(left_out("mysql", path)),
            _ => Err(Misconfigured::new("no database of this crate has this name")
                .at(path)
                .hint("one of Sqlite, PostgreSql, MySql")),
        }
    }
}

impl Kind {
    /// As a configuration writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "Sqlite",
            #[cfg(feature = "postgres")]
            Self::PostgreSql => "PostgreSql",
            #[cfg(feature = "mysql")]
            Self::MySql => "MySql",
        }
    }
}

#[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn left_out(feature: &str, path: &str) -> Misconfigured {
    Misconfigured::new("this program was built without that database")
        .at(path)
        .hint(format!("add the feature {feature} of entra-cache-sql"))
}
