//! Reads the section `TokenCache` and opens what it names. Never connects.

use std::sync::Arc;

use entra_abstractions::{
    AcquireToken, Faults, MemoryLimit, Misconfigured, Section, SharedStore, StoreSettings, section::known,
};
use serde_json::Value;

use crate::{
    kind::{Kind, MEMORY, known_kinds},
    opening::{Opening, Tokens},
};

/// Opens the store that the section `TokenCache` of a configuration names; `None` where there is no
/// such section, or it says `"Kind": "Memory"` or `SizeLimit` alone: then each process has a cache of
/// its own.
///
/// `root` is the whole configuration, in which `ConnectionStrings` stand: `settings.section("")`.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act. A
/// server that is away is no error here. Where one logs in by a token of Entra, it is
/// [`open_with`] that opens the store.
#[doc(alias = "AddDistributedTokenCaches")]
#[doc(alias = "AddInMemoryTokenCaches")]
pub fn open(root: &Section) -> Result<Option<SharedStore>, Misconfigured> {
    open_named(root, None)
}

/// Opens the store as [`open`] does, and logs in to it by tokens where the connection string leaves
/// that open: Azure SQL with `Authentication=Active Directory ..`, Cosmos DB without a key, Azure
/// Database for PostgreSQL or MySQL without a password, and Azure's Redis without one, as the `user`
/// of the connection string or as whom the token is of. A store that has a password is opened by it,
/// so that one program serves a developer's machine and Azure.
///
/// `tokens` must not keep what they acquire in this very store: a managed identity does not, nor does
/// an acquirer that was built without one.
///
/// ```
/// # #[cfg(feature = "sqlserver")] {
/// # use entra_abstractions::{AcquireToken, Section};
/// # use std::{sync::Arc, time::SystemTime};
/// # use entra_abstractions::{AccessToken, Scheme, testing::FakeAcquirer};
/// let root = Section::new("", serde_json::json!({
///     "ConnectionStrings": {
///         "TokenCacheDb": "Server=contoso.database.windows.net;Database=Tokens;Authentication=Active Directory Default"
///     },
///     "TokenCache": { "Kind": "SqlServer", "EncryptionKeys": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="] }
/// }));
/// # let tokens: Arc<dyn AcquireToken> = Arc::new(FakeAcquirer::new(|_| {
/// #     Ok(AccessToken::new(Scheme::Bearer, "at".into(), SystemTime::UNIX_EPOCH)?)
/// # }));
/// // Such as ManagedIdentity, or a TokenAcquirer without a store.
/// let store = entra_cache::open_with(&root, tokens)?;
/// assert!(store.is_some());
/// # }
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act.
// Unlike .NET: drivers ask for no token by themselves, so whose it is stands in the program.
#[doc(alias = "ConfigureForAzureWithTokenCredentialAsync")]
#[doc(alias = "UsePeriodicPasswordProvider")]
pub fn open_with(
    root: &Section,
    tokens: impl AcquireToken + 'static,
) -> Result<Option<SharedStore>, Misconfigured> {
    open_named(root, Some(Arc::new(tokens)))
}

/// Opens a store whose kind the program chooses, as .NET's samples do. The section `TokenCache` says
/// the rest; where it names no connection string, the entry of `ConnectionStrings` is taken that
/// those samples have: `Redis`, `TokenCacheDb`, `PostgresCache`.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act.
pub fn open_as(kind: Kind, root: &Section) -> Result<SharedStore, Misconfigured> {
    open_kind(kind, root, None)
}

/// Opens a store whose kind the program chooses, as [`open_as`] does, and logs in by tokens as
/// [`open_with`] does.
///
/// # Errors
/// [`Misconfigured`] tells everything that is wrong, each with its place; the developer must act.
pub fn open_as_with(
    kind: Kind,
    root: &Section,
    tokens: impl AcquireToken + 'static,
) -> Result<SharedStore, Misconfigured> {
    open_kind(kind, root, Some(Arc::new(tokens)))
}

fn open_named(root: &Section, tokens: Tokens) -> Result<Option<SharedStore>, Misconfigured> {
    let section = root.section(SECTION);
    let mut faults = Faults::default();
    let written = section.text("Kind", &mut faults);
    if is_memory(&section, written.as_deref()) {
        // An overlay may say so over the section of a shared store, whose keys stay.
        section.check_keys(known::TOKEN_CACHE, &mut faults);
        faults.take(MemoryLimit::from_section(&section));
        return faults.into_result(None);
    }
    let kind = match &written {
        Some(kind) => Kind::parse(kind),
        None => Err(Misconfigured::new("it must be said which kind of store this is").hint(known_kinds())),
    };
    let Some(kind) = faults.take(kind.map_err(|fault| fault.at(section.path_of("Kind")))) else {
        // What else is wrong is told along.
        faults.take(StoreSettings::from_section(&section));
        return Err(faults.into_error());
    };
    open_kind(kind, root, tokens).map(Some)
}

/// Whether nothing is shared. Without a kind, that is where all that is said is about memory.
fn is_memory(section: &Section, kind: Option<&str>) -> bool {
    match kind {
        Some(kind) => MEMORY.iter().any(|memory| kind.trim().eq_ignore_ascii_case(memory)),
        None => match section.members() {
            Some(members) => {
                members.iter().all(|(name, value)| name.eq_ignore_ascii_case("SizeLimit") || value.is_null())
            }
            None => section.is_absent(),
        },
    }
}

fn open_kind(kind: Kind, root: &Section, tokens: Tokens) -> Result<SharedStore, Misconfigured> {
    let section = of_kind(kind, root);
    let mut faults = Faults::default();
    let settings = faults.take(StoreSettings::from_section(&section));
    let store = faults.take(Opening { section: &section, root, tokens }.store(kind));
    match (settings, store) {
        (Some(settings), Some(store)) => faults.into_result(settings.share(store)),
        _ => Err(faults.into_error()),
    }
}

const SECTION: &str = "TokenCache";

/// The section, with the kind that was chosen and, where it names none, the entry of
/// `ConnectionStrings` that is usual for it.
fn of_kind(kind: Kind, root: &Section) -> Section {
    let section = root.section(SECTION);
    // What is no section is told by whoever reads it.
    let Some(members) = section.members().cloned().or_else(|| section.is_absent().then(Default::default))
    else {
        return section;
    };
    let mut members = members;
    members.retain(|name, _| !name.eq_ignore_ascii_case("Kind"));
    members.insert(String::from("Kind"), Value::from(kind.as_str()));
    let usual = root.section("ConnectionStrings").section(kind.connection_string());
    if section.section("ConnectionString").is_absent() && !usual.is_absent() {
        members.retain(|name, _| !name.eq_ignore_ascii_case("ConnectionString"));
        members.insert(String::from("ConnectionString"), Value::from(kind.connection_string()));
    }
    Section::new(section.path(), Value::Object(members))
}
