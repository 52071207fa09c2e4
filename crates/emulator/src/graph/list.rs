//! What a query makes of a list: `$filter`, `$search`, `$orderby`, `$select`, `$count`, and pages by `$top`.

use serde_json::{Map, Value, json};

use super::bad_request;
use crate::bearer::Denied;
use crate::exchange::Exchange;

type Members = Map<String, Value>;

/// What the small Graph reads in a query; anything else it refuses, so that no test believes that it was heard.
const READ: [&str; 7] = ["$select", "$top", "$count", "$filter", "$search", "$orderby", "$skiptoken"];

/// A single thing, with the selected members.
pub(super) fn single(exchange: &Exchange, of: &str, mut members: Members) -> Result<Value, Denied> {
    check(exchange)?;
    select(exchange, &mut members);
    members.insert("@odata.context".into(), context(exchange, of));
    Ok(Value::Object(members))
}

/// The page of a list that was asked for, and the link to the next one.
pub(super) fn page(exchange: &Exchange, of: &str, all: Vec<Members>) -> Result<Value, Denied> {
    check(exchange)?;
    let mut all = narrowed(exchange, all)?;
    if let Some(order) = exchange.query.get("$orderby") {
        let (name, direction) = order.split_once(' ').unwrap_or((order, "asc"));
        all.sort_by_key(|members| members.get(name).map(ToString::to_string));
        if direction == "desc" {
            all.reverse();
        }
    }
    let from: usize = exchange.query.get("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let top = match exchange.query.get("$top").map(str::parse) {
        None => TOP,
        Some(Ok(top)) if (1..=999).contains(&top) => top,
        Some(_) => return Err(bad_request("Invalid page size specified.")),
    };
    let mut body = Map::new();
    body.insert("@odata.context".into(), context(exchange, of));
    if exchange.query.get("$count") == Some("true") {
        body.insert("@odata.count".into(), json!(all.len()));
    }
    if from + top < all.len() {
        body.insert("@odata.nextLink".into(), json!(link(exchange, "$skiptoken", &(from + top).to_string())));
    }
    let mut value: Vec<Members> = all.into_iter().skip(from).take(top).collect();
    for members in &mut value {
        select(exchange, members);
    }
    body.insert("value".into(), json!(value));
    Ok(Value::Object(body))
}

/// The URL that was asked, with this in its query.
pub(super) fn link(exchange: &Exchange, name: &str, value: &str) -> String {
    let kept = exchange.query.iter().filter(|(known, _)| *known != name);
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair(name, value).finish();
    format!("{}{}?{query}", exchange.origin.base(), exchange.path)
}

fn context(exchange: &Exchange, of: &str) -> Value {
    let version = exchange.path.trim_start_matches('/').split('/').next().unwrap_or("v1.0");
    json!(format!("{}/{version}/$metadata#{of}", exchange.origin.base()))
}

fn check(exchange: &Exchange) -> Result<(), Denied> {
    if exchange.query.iter().any(|(name, _)| name.starts_with('$') && !READ.contains(&name)) {
        return Err(bad_request("The query option is not supported."));
    }
    Ok(())
}

fn select(exchange: &Exchange, members: &mut Members) {
    if let Some(wanted) = exchange.query.get("$select") {
        members.retain(|name, _| wanted.split(',').any(|one| one.trim() == name));
    }
}

/// `name eq 'text'`, `startswith(name,'text')`, and a search that needs eventual consistency.
fn narrowed(exchange: &Exchange, all: Vec<Members>) -> Result<Vec<Members>, Denied> {
    let text = |members: &Members, name: &str| {
        members.get(name).and_then(Value::as_str).map(str::to_lowercase).unwrap_or_default()
    };
    if let Some(filter) = exchange.query.get("$filter") {
        let (name, wanted, is_start) = filtered(filter).ok_or(bad_request("Invalid filter clause."))?;
        let fits = |members: &Members| {
            let text = text(members, name);
            if is_start { text.starts_with(&wanted) } else { text == wanted }
        };
        return Ok(all.into_iter().filter(fits).collect());
    }
    if let Some(search) = exchange.query.get("$search") {
        let consistency = exchange.headers.get("consistencylevel").and_then(|level| level.to_str().ok());
        if !consistency.is_some_and(|level| level.eq_ignore_ascii_case("eventual")) {
            return Err(bad_request(
                "Request with $search query parameter only works with eventual consistency.",
            ));
        }
        let (name, wanted) =
            search.trim_matches('"').split_once(':').ok_or(bad_request("Syntax error in the search."))?;
        let wanted = wanted.to_lowercase();
        return Ok(all.into_iter().filter(|members| text(members, name).contains(&wanted)).collect());
    }
    Ok(all)
}

fn filtered(filter: &str) -> Option<(&str, String, bool)> {
    let literal = |text: &str| {
        let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        // A single quote within a literal is doubled; a lone one ends it, and what follows is no literal.
        let unquoted = inner.replace("''", "\u{0}");
        (!unquoted.contains('\'')).then(|| unquoted.replace('\u{0}', "'").to_lowercase())
    };
    if let Some(inner) = filter.strip_prefix("startswith(").and_then(|rest| rest.strip_suffix(')')) {
        let (name, text) = inner.split_once(',')?;
        return Some((name.trim(), literal(text)?, true));
    }
    let (name, text) = filter.split_once(" eq ")?;
    Some((name.trim(), literal(text)?, false))
}

/// What Graph gives where nothing is said.
const TOP: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_ends_where_it_ends() {
        assert_eq!(filtered("displayName eq 'O''Hara'"), Some(("displayName", "o'hara".to_owned(), false)));
        assert_eq!(filtered("startswith(mail,'a')"), Some(("mail", "a".to_owned(), true)));
        for broken in ["displayName eq 'O'Hara'", "displayName eq x", "x", "startswith(mail,'a'"] {
            assert_eq!(filtered(broken), None, "{broken}");
        }
    }
}
