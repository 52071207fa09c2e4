//! Who answers: the script of the step, in order, and then the defaults that the recordings'
//! README lists.

use std::collections::{BTreeMap, VecDeque};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    request::{Kind, Request},
    scenario::{Answer, Scenario, Step},
};

/// An answer, ready to be sent; `None` breaks the connection.
pub(crate) type Reply = Option<PlainReply>;

/// Status, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlainReply {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// The other side of a scenario: what is left of the step's script, and how many tokens there were.
#[derive(Debug, Default)]
pub(crate) struct Script {
    entra: VecDeque<Answer>,
    apis: VecDeque<Answer>,
    imds: VecDeque<Answer>,
    tokens: u32,
    host_tokens: u32,
    /// The claims of whoever the step is about.
    who: Map<String, Value>,
}

impl Script {
    /// Begins a step: what is left of the last one's answers is dropped.
    pub(crate) fn begin(&mut self, scenario: &Scenario, step: &Step) {
        self.entra = step.entra.iter().cloned().collect();
        self.apis = step.api_answers.iter().cloned().collect();
        self.imds = step.imds.iter().cloned().collect();
        let user = step.user.as_ref().and_then(|name| scenario.users.get(name));
        self.who = user.map(|user| user.claims.clone()).unwrap_or_default();
        self.who.extend(step.entra_user.clone());
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
        match request.kind {
            Kind::Token => match self.entra.pop_front() {
                None => Some(self.token(request, &Map::new())),
                Some(Answer::Token(changed)) => Some(self.token(request, &changed.token)),
                Some(Answer::Plain(answer)) => Some(plain(&answer)),
                Some(Answer::Broken { .. }) => None,
            },
            Kind::Imds => match self.imds.pop_front() {
                Some(Answer::Plain(answer)) => Some(plain(&answer)),
                Some(Answer::Broken { .. }) => None,
                None | Some(Answer::Token(_)) => Some(self.host_token()),
            },
            Kind::Api => match self.apis.pop_front() {
                Some(Answer::Plain(answer)) => Some(plain(&answer)),
                Some(Answer::Broken { .. }) => None,
                None | Some(Answer::Token(_)) => Some(ok(&json!({"ok": true}))),
            },
            Kind::Instance => Some(ok(&instance_discovery(request))),
            Kind::Metadata => Some(ok(&openid_configuration(&request.url))),
        }
    }

    /// The default answer of a token endpoint, with what the script changes.
    fn token(&mut self, request: &Request, changed: &Map<String, Value>) -> PlainReply {
        self.tokens += 1;
        let number = self.tokens;
        let mut answer = json!({
            // As recorded: of other kinds of tokens the script knows nothing.
            "token_type": request.form_text("token_type").filter(|kind| *kind == "mtls_pop").unwrap_or("Bearer"),
            "expires_in": 3599,
            "access_token": format!("at-{number}"),
        });
        if request.form_text("grant_type") != Some("client_credentials") {
            self.add_user(request, &mut answer, number);
        }
        if let Value::Object(members) = &mut answer {
            members.extend(changed.clone());
            members.retain(|_, value| !value.is_null());
        }
        ok(&answer)
    }

    /// The default answer of the service that hands out the tokens of managed identities.
    fn host_token(&mut self) -> PlainReply {
        self.host_tokens += 1;
        let token = format!("mi-{}", self.host_tokens);
        ok(&json!({"access_token": token, "expires_in": "3600", "token_type": "Bearer"}))
    }

    fn add_user(&self, request: &Request, answer: &mut Value, number: u32) {
        let identity = ["openid", "profile", "offline_access"];
        let asked = request.form_text("scope").unwrap_or_default().split_ascii_whitespace();
        let scopes: Vec<&str> = asked.filter(|scope| !identity.contains(scope)).collect();
        let mut claims = self.who.clone();
        let tenant = request.url.split('/').nth(3).unwrap_or_default();
        claims.entry("tid").or_insert_with(|| Value::from(tenant));
        claims.entry("oid").or_insert_with(|| Value::from(SOMEBODY));
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let client_info = json!({"uid": claims.get("oid"), "utid": claims.get("tid")});
        let id_token = format!(
            "{}.{}.",
            encoded(&json!({"alg": "none", "typ": "JWT"})),
            encoded(&Value::Object(claims))
        );
        let more = [
            ("refresh_token", Value::from(format!("rt-{number}"))),
            ("scope", Value::from(scopes.join(" "))),
            ("id_token", Value::from(id_token)),
            ("client_info", Value::from(encoded(&client_info))),
        ];
        if let Value::Object(members) = answer {
            members.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
    }
}

/// The object id of a user about whom the scenario says nothing.
const SOMEBODY: &str = "eeeeeeee-0000-4000-8000-000000000005";

fn ok(body: &Value) -> PlainReply {
    PlainReply {
        status: 200,
        headers: BTreeMap::new(),
        content_type: JSON.to_owned(),
        body: body.to_string(),
    }
}

fn plain(answer: &super::scenario::PlainAnswer) -> PlainReply {
    let body = match &answer.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    PlainReply {
        status: answer.status,
        headers: answer.headers.clone(),
        content_type: answer.content_type.clone().unwrap_or_else(|| JSON.to_owned()),
        body,
    }
}

const JSON: &str = "application/json";

fn openid_configuration(url: &str) -> Value {
    let authority = url.trim_end_matches("/.well-known/openid-configuration").trim_end_matches("/v2.0");
    json!({
        "issuer": format!("{authority}/v2.0"),
        "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{authority}/oauth2/v2.0/devicecode"),
    })
}

fn instance_discovery(request: &Request) -> Value {
    let asked = request.query.get("authorization_endpoint").and_then(Value::as_str).unwrap_or_default();
    let authority = asked.trim_end_matches("/oauth2/v2.0/authorize");
    let metadata = |hosts: &[&str]| json!({"preferred_network": hosts.first(), "preferred_cache": hosts.last(), "aliases": hosts});
    json!({
        "tenant_discovery_endpoint": format!("{authority}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [
            metadata(&["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]),
            metadata(&["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"]),
            metadata(&["login.microsoftonline.us", "login.usgovcloudapi.net"]),
        ],
    })
}
