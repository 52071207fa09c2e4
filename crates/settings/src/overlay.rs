//! Lays one tree of settings over another: a file over a file, the environment over both.

use entra_abstractions::Environment;
use serde_json::{Map, Value};

/// Lays `over` on `base`: what both have, `over` says; the rest of both stays.
///
/// As in .NET, a key is found without regard to case, and lists are merged item by item: a list of
/// one item laid on a list of two replaces the first.
pub(crate) fn merge(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match base.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)) {
            Some((_, known)) => merge_value(known, value),
            None => {
                base.insert(key, value);
            }
        }
    }
}

fn merge_value(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Array(base), Value::Array(over)) => {
            let mut over = over.into_iter();
            for (known, value) in base.iter_mut().zip(over.by_ref()) {
                merge_value(known, value);
            }
            base.extend(over);
        }
        (base @ (Value::Array(_) | Value::Object(_)), over @ (Value::Array(_) | Value::Object(_))) => {
            let mut members = numbered(base.take());
            merge(&mut members, numbered(over));
            *base = Value::Object(members);
        }
        // A text cannot take the place of a section. .NET too lets the section stand: a variable
        // such as `Logging__LogLevel` that another program is meant to read does no harm.
        (base, over) if !is_section(base) => *base = over,
        _ => {}
    }
}

/// An object, or a list of them. A list of texts is not: `Scopes` may be said anew in one text.
fn is_section(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => items.iter().any(is_section),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A list as the environment writes it: an object whose keys are numbers.
fn numbered(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Array(items) => {
            items.into_iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Map::new(),
    }
}

/// What variables begin with by which Azure's App Service hands on the connection strings that are set in
/// its portal, one for each type that can be chosen there.
const CONNECTION_STRINGS: [&str; 7] = [
    "CUSTOMCONNSTR_",
    "DOCDBCONNSTR_",
    "MYSQLCONNSTR_",
    "POSTGRESQLCONNSTR_",
    "REDISCACHECONNSTR_",
    "SQLAZURECONNSTR_",
    "SQLCONNSTR_",
];

/// The tree that the environment describes: variables whose name has levels, such as
/// `AzureAd__ClientCredentials__0__ClientSecret`. `:` separates as well, where a name may hold it.
/// Any other variable, such as `PATH`, is none of ours, and so is one with an empty level, such as
/// `__CF_USER_TEXT_ENCODING`. As in .NET, `SQLAZURECONNSTR_TokenCacheDb` is
/// `ConnectionStrings__TokenCacheDb`, which wins where it is there as well.
pub(crate) fn from_environment(environment: &Environment) -> Map<String, Value> {
    let mut tree = Map::new();
    for (name, value) in environment.iter() {
        if let Some(name) = of_app_service(name) {
            lay(&mut tree, &format!("ConnectionStrings:{name}"), value);
        }
    }
    for (name, value) in environment.iter().filter(|(name, _)| of_app_service(name).is_none()) {
        lay(&mut tree, name, value);
    }
    tree
}

/// The name of a connection string of App Service's.
fn of_app_service(name: &str) -> Option<&str> {
    let begins =
        |prefix: &&str| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    CONNECTION_STRINGS.iter().find(|prefix| begins(prefix)).and_then(|prefix| name.get(prefix.len()..))
}

fn lay(tree: &mut Map<String, Value>, name: &str, value: &str) {
    let name = name.replace("__", ":");
    let levels: Vec<&str> = name.split(':').collect();
    if levels.len() < 2 || levels.iter().any(|level| level.trim().is_empty()) {
        return;
    }
    let leaf = Value::String(value.to_owned());
    let branch = levels
        .iter()
        .rev()
        .fold(leaf, |below, level| Value::Object(std::iter::once(((*level).to_owned(), below)).collect()));
    merge(tree, numbered(branch));
}

#[cfg(test)]
mod tests;
