//! The section `TokenCache` as users write it, and the section that .NET's samples call like the
//! connection string, `PostgresCache`.

use std::path::PathBuf;

use entra_abstractions::{ConnectionString, Faults, Misconfigured, Section, StoreSettings, section::known};

use crate::{
    SqlStoreBuilder,
    builder::{Authority, Named},
    kind::Kind,
};

impl SqlStoreBuilder {
    /// Reads `Kind`, `ConnectionString`, `SchemaName`, `TableName`, `CreateIfNotExists`,
    /// `CertificateAuthority` and `ExpiredItemsDeletionInterval` of a section such as `TokenCache`.
    /// `root` is the whole configuration: there are
    /// `ConnectionStrings`, and a section that is called like one of them says what this one does
    /// not.
    ///
    /// ```
    /// # #[cfg(feature = "postgres")] {
    /// use entra_abstractions::Section;
    /// use entra_cache_sql::SqlStoreBuilder;
    ///
    /// let root = Section::new("", serde_json::json!({
    ///     "ConnectionStrings": {
    ///         "PostgresCache": "Host=localhost;Database=tokens;Username=app;Password=s3cret?%G&="
    ///     },
    ///     "PostgresCache": { "SchemaName": "public", "TableName": "token_cache", "CreateIfNotExists": true },
    ///     "TokenCache": { "Kind": "PostgreSql", "ConnectionString": "PostgresCache" }
    /// }));
    /// let store = SqlStoreBuilder::from_section(&root.section("TokenCache"), &root)?.build()?;
    /// # }
    /// # Ok::<(), entra_abstractions::Misconfigured>(())
    /// ```
    ///
    /// # Errors
    /// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must
    /// act.
    pub fn from_section(section: &Section, root: &Section) -> Result<Self, Misconfigured> {
        let mut faults = Faults::default();
        let kind = section.text("Kind", &mut faults).unwrap_or_default();
        let kind = faults.take(Kind::new(&kind, &section.path_of("Kind")));
        if let Some(kind) = kind {
            StoreSettings::check_keys(section, kind.as_str(), &mut faults);
        }
        let connection = faults.take(ConnectionString::from_section(section, root));
        let beside = beside(section, root, &mut faults);
        let schema = named("SchemaName", section, &beside, &mut faults);
        let table = named("TableName", section, &beside, &mut faults);
        let create = section.flag("CreateIfNotExists", &mut faults);
        let create = create.or_else(|| beside.flag("CreateIfNotExists", &mut faults));
        let interval = section.duration("ExpiredItemsDeletionInterval", &mut faults);
        let interval = interval.or_else(|| beside.duration("ExpiredItemsDeletionInterval", &mut faults));
        let authority = section.text("CertificateAuthority", &mut faults).map(PathBuf::from);
        let (Some(kind), Some(connection)) = (kind, connection) else {
            return Err(faults.into_error());
        };
        let mut builder = Self::new(kind, connection);
        (builder.schema, builder.table, builder.create_if_not_exists) = (schema, table, create);
        builder.cleaning = interval.unwrap_or(builder.cleaning);
        builder.authority = Authority { file: authority, path: section.path_of("CertificateAuthority") };
        faults.into_result(builder)
    }
}

/// The section beside `ConnectionStrings` that has the name of the connection string.
fn beside(section: &Section, root: &Section, faults: &mut Faults) -> Section {
    let nothing = Section::default();
    let Some(name) = section.text("ConnectionString", &mut Faults::default()) else { return nothing };
    let is_name = |one: &str| one.eq_ignore_ascii_case(name.trim());
    if !root.section("ConnectionStrings").names().any(is_name) || !root.names().any(is_name) {
        return nothing;
    }
    let beside = root.section(name.trim());
    beside.check_keys(known::POSTGRES_CACHE, faults);
    beside
}

fn named(key: &str, section: &Section, beside: &Section, faults: &mut Faults) -> Named {
    for place in [section, beside] {
        if let Some(name) = place.text(key, faults) {
            return Named { name: Some(name), path: place.path_of(key) };
        }
    }
    Named { name: None, path: section.path_of(key) }
}

#[cfg(test)]
mod tests;
