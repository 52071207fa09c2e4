//! Reads the section `TokenCache` and opens what it names. Never connects.

use std::sync::Arc;

use entra_abstractions::{Faults, Misconfigured, Section, SharedStore, StoreSettings, StoreTokens};
use serde_json::Value;

use crate::kind::{Kind, MEMORY, known_kinds};

/// Opens the store that the section `TokenCache` of a configuration names; `None` where there is no
/// such section, or it says `"Kind": "Memory"`: then each process has a cache of its own.
///
/// `root` is the whole configuration, in which `ConnectionStrings` stand: `settings.section("")`.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act. A
/// server that is away is no error here.
#[doc(alias = "AddDistributedTokenCaches")]
pub fn open(root: &Section) -> Result<Option<SharedStore>, Misconfigured> {
    let section = root.section(SECTION);
    if section.is_absent() {
        return Ok(None);
    }
    let mut faults = Faults::default();
    let kind = match section.text("Kind", &mut faults).as_deref().map(str::trim) {
        Some(kind) if kind.eq_ignore_ascii_case(MEMORY) => return Ok(None),
        Some(kind) => Kind::parse(kind),
        None => Err(Misconfigured::new("it must be said which kind of store this is").hint(known_kinds())),
    };
    let Some(kind) = faults.take(kind.map_err(|fault| fault.at(section.path_of("Kind")))) else {
        // What else is wrong is told along.
        faults.take(StoreSettings::from_section(&section));
        return Err(faults.into_error());
    };
    open_as(kind, root).map(Some)
}

/// Opens a store whose kind the program chooses, as .NET's samples do. The section `TokenCache` says
/// the rest; where it names no connection string, the entry of `ConnectionStrings` is taken that
/// those samples have: `Redis`, `TokenCacheDb`, `PostgresCache`.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act.
pub fn open_as(kind: Kind, root: &Section) -> Result<SharedStore, Misconfigured> {
    let section = of_kind(kind, &root.section(SECTION));
    let mut faults = Faults::default();
    let settings = faults.take(StoreSettings::from_section(&section));
    let open = STORES.iter().find(|(known, _)| *known == kind).map(|(_, open)| *open);
    let store = faults.take(match open {
        Some(open) => open(&section, root),
        None => Err(Misconfigured::new(format!("this program was built without {kind}"))
            .at(section.path_of("Kind"))
            .hint(format!("add the feature \"{}\" to entra-cache", kind.feature()))),
    });
    match (settings, store) {
        (Some(settings), Some(store)) => faults.into_result(settings.share(store)),
        _ => Err(faults.into_error()),
    }
}

const SECTION: &str = "TokenCache";

type Open = fn(&Section, &Section) -> Result<Arc<dyn StoreTokens>, Misconfigured>;

/// Those that this program was built with.
const STORES: &[(Kind, Open)] = &[
    #[cfg(feature = "redis")]
    (Kind::Redis, |section, root| Ok(Arc::new(entra_cache_redis::RedisStore::from_section(section, root)?))),
    #[cfg(feature = "sqlite")]
    (Kind::Sqlite, sql),
    #[cfg(feature = "postgres")]
    (Kind::PostgreSql, sql),
    #[cfg(feature = "mysql")]
    (Kind::MySql, sql),
    #[cfg(feature = "sqlserver")]
    (Kind::SqlServer, |section, root| {
        Ok(Arc::new(entra_cache_sqlserver::SqlServerStore::from_section(section, root)?))
    }),
    #[cfg(feature = "cosmos")]
    (Kind::CosmosDb, |section, root| {
        Ok(Arc::new(entra_cache_cosmos::CosmosStore::from_section(section, root)?))
    }),
];

/// It tells them apart by the section's `Kind`.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn sql(section: &Section, root: &Section) -> Result<Arc<dyn StoreTokens>, Misconfigured> {
    Ok(Arc::new(entra_cache_sql::SqlStore::from_section(section, root)?))
}

/// The section, with the kind that was chosen and a connection string.
fn of_kind(kind: Kind, section: &Section) -> Section {
    // What is no section is told by whoever reads it.
    let Some(members) = section.members().cloned().or_else(|| section.is_absent().then(Default::default))
    else {
        return section.clone();
    };
    let mut members = members;
    members.retain(|name, _| !name.eq_ignore_ascii_case("Kind"));
    members.insert(String::from("Kind"), Value::from(kind.as_str()));
    if section.section("ConnectionString").is_absent() {
        members.insert(String::from("ConnectionString"), Value::from(kind.connection_string()));
    }
    Section::new(section.path(), Value::Object(members))
}
