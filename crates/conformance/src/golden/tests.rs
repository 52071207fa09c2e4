//! The judge judged: recordings agree with themselves, every field that must agree is seen when it
//! is changed or left out, and a play that differs is told.

use serde_json::json;

use super::{request::Request, *};

fn at_hand() -> Vec<(String, Value)> {
    read_folder(&data().join("scenarios")).unwrap()
}

/// The requests of every step, pending scenarios included, as they are written.
fn recorded() -> Vec<(String, Vec<Value>)> {
    let mut found = Vec::new();
    for (name, scenario) in at_hand() {
        for (index, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
            let requests = step["recorded"]["requests"].as_array().unwrap().clone();
            found.push((format!("{name} step {}", index + 1), requests));
        }
    }
    found
}

fn read(requests: &[Value]) -> Vec<Request> {
    serde_json::from_value(Value::from(requests.to_vec())).unwrap()
}

fn differ(recorded: &[Request], ours: &[Request]) -> bool {
    let named = BTreeSet::from(["x-fine".to_owned()]);
    !compare::requests(recorded, ours, &named).is_empty()
}

/// The places of all texts, numbers and flags in a value, as JSON pointers.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{}", escaped(name)), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), found));
        }
        _ => found.push(at.to_owned()),
    }
}

/// What the README calls information.
fn is_information(request: &Value, at: &str) -> bool {
    let is_app = request["form"]["grant_type"] == "client_credentials";
    let random = request["headers"]["client-request-id"] == "<guid>";
    let compared = [
        "Authorization",
        "Accept",
        "Content-Type",
        "x-anchormailbox",
        "Metadata",
        "X-IDENTITY-HEADER",
        "secret",
        "X-Fine",
    ];
    match at.strip_prefix("/headers/") {
        Some("client-request-id") => random,
        Some(name) => !compared.contains(&name),
        None => at == "/form/client_info" && is_app,
    }
}

fn changed(leaf: &Value, at: &str) -> Value {
    match leaf {
        Value::String(kind) if at == "/kind" => Value::from(if kind == "api" { "token" } else { "api" }),
        Value::String(text) => Value::from(format!("x{text}")),
        Value::Bool(flag) => Value::from(!flag),
        other => json!([other]),
    }
}

#[test]
fn all_scenarios_are_here() {
    assert_eq!(at_hand().len(), 188);
}

#[test]
fn recordings_agree_with_themselves() {
    for (place, requests) in recorded() {
        assert!(!differ(&read(&requests), &read(&requests)), "{place}");
    }
}

#[test]
fn every_change_of_what_must_agree_is_seen_and_no_other() {
    let mut tried = BTreeSet::new();
    for (place, requests) in recorded() {
        let known = read(&requests);
        for index in (0..requests.len()).filter(|index| known[*index].kind.counts()) {
            let mut places = Vec::new();
            leaves(&requests[index], "", &mut places);
            for at in places {
                let mut other = requests.clone();
                let leaf = other[index].pointer_mut(&at).unwrap();
                *leaf = changed(leaf, &at);
                let must_be_seen = !is_information(&requests[index], &at);
                assert_eq!(differ(&known, &read(&other)), must_be_seen, "{place}, request {index}, {at}");
                tried.insert(at);
            }
        }
    }
    for at in
        ["/form/scope", "/form/client_assertion/jwt/header/x5t#S256", "/headers/x-anchormailbox", "/body"]
    {
        assert!(tried.contains(at), "{at} was never changed");
    }
}

#[test]
fn everything_that_is_left_out_is_seen() {
    for (place, requests) in recorded() {
        let known = read(&requests);
        for index in (0..requests.len()).filter(|index| known[*index].kind.counts()) {
            let mut places = Vec::new();
            leaves(&requests[index], "", &mut places);
            for at in places.iter().filter(|at| !["/kind", "/method", "/url"].contains(&at.as_str())) {
                let (parent, name) = at.rsplit_once('/').unwrap();
                let mut other = requests.clone();
                let Some(Value::Object(members)) = other[index].pointer_mut(parent) else { continue };
                members.remove(&name.replace("~1", "/").replace("~0", "~"));
                let must_be_seen = !is_information(&requests[index], at);
                assert_eq!(differ(&known, &read(&other)), must_be_seen, "{place}, request {index}, {at}");
                // And the other way round: we send what nobody recorded. Only Accept may come then.
                let must_be_seen =
                    must_be_seen && at != "/headers/Accept" && at != "/headers/client-request-id";
                assert_eq!(differ(&read(&other), &known), must_be_seen, "{place}, request {index}, +{at}");
            }
        }
    }
}

#[test]
fn the_sequence_is_compared() {
    for (place, requests) in recorded() {
        let known = read(&requests);
        if let Some(at) = known.iter().position(|request| request.kind.counts()) {
            let mut fewer = known.clone();
            let twice = fewer.remove(at);
            assert!(differ(&known, &fewer), "{place}: one less");
            let mut more = known.clone();
            more.insert(at, twice);
            assert!(differ(&known, &more), "{place}: one more");
        }
    }
}

#[test]
fn order_of_words_and_members_is_no_difference() {
    let request = |scope: &str, claims: &str| {
        read(&[json!({
            "kind": "token", "method": "POST", "url": "https://login.example/t",
            "form": {"scope": scope, "claims": claims},
        })])
    };
    assert!(!differ(&request("a b", r#"{"x":1,"y":2}"#), &request("b a", r#"{"y":2, "x":1}"#)));
    assert!(differ(&request("a b", "{}"), &request("A b", "{}")), "the spelling of a scope counts");
}

#[test]
fn every_deviation_changes_its_story() {
    let deviations = Deviations::read(&fs::read_to_string(data().join("deviations.toml")).unwrap()).unwrap();
    let pending = PendingList::read(&fs::read_to_string(data().join("pending.toml")).unwrap()).unwrap();
    for (name, written) in at_hand() {
        if pending.reason(&name).is_none() {
            let scenario: Scenario = serde_json::from_value(written).unwrap();
            let (story, reasons) = deviations.apply(&scenario).unwrap();
            assert_eq!(deviations.concerns(&scenario), !reasons.is_empty(), "{name}");
            assert_eq!(story != Story::recorded(&scenario), !reasons.is_empty(), "{name}");
        }
    }
}

/// Plays scenarios that are written here.
async fn played(scenarios: Vec<Value>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for scenario in scenarios {
        let file = folder.path().join(format!("{}.json", scenario["name"].as_str().unwrap()));
        fs::write(file, scenario.to_string()).unwrap();
    }
    play_folder(folder.path()).await.unwrap()
}

fn scenario(name: &str) -> Value {
    at_hand().into_iter().find(|(known, _)| known.starts_with(name)).unwrap().1
}

#[tokio::test]
async fn a_play_that_differs_is_told() {
    let spoil = |name: &str, at: &str| {
        let mut scenario = scenario(name);
        let leaf = scenario.pointer_mut(at).unwrap();
        *leaf = if leaf.is_number() { Value::from(499) } else { Value::from("other") };
        scenario
    };
    let report = played(vec![
        scenario("A01"),
        spoil("A03", "/steps/0/recorded/requests/1/form/client_assertion/jwt/header/x5t#S256"),
        spoil("B01", "/steps/0/recorded/result/header"),
        spoil("B10", "/steps/0/recorded/result/error/inner/error/status"),
        spoil("C07", "/steps/0/recorded/requests/3/headers/x-anchormailbox"),
        spoil("D12", "/steps/0/recorded/requests/2/body"),
        spoil("E01", "/steps/0/call"),
    ])
    .await;
    let mut text = Vec::new();
    report.print(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("agree 1, wanted difference 0, pending 0, differ 6\n"), "{text}");
}
