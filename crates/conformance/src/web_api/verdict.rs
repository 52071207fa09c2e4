//! A verdict: the recorded one, and ours as it was observed over HTTP.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use anyhow::{Context, Result, bail};
use entra_abstractions::{Challenge, Misconfigured};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{api::WHO, claims, recording::Case};

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The API was never started: its configuration was refused.
    RefusedAtStart(Misconfigured),
    /// It answered.
    Answered(Answer),
}

/// An answer, as far as it is compared.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<Asked>,
    pub(crate) has_retry_after: bool,
    pub(crate) caller: Option<Caller>,
}

/// What a challenge asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) scheme: String,
    pub(crate) is_invalid_token: bool,
}

/// Who the caller was found to be.
#[derive(Debug)]
pub(crate) enum Caller {
    /// In the words of .NET.
    Recorded(BTreeMap<String, Vec<String>>),
    /// In those of the token.
    Ours(Map<String, Value>),
}

impl Caller {
    fn claims(&self, maps_claims: bool) -> BTreeMap<String, Vec<String>> {
        match self {
            Self::Recorded(claims) => claims.clone(),
            Self::Ours(claims) => claims::mapped(claims, maps_claims),
        }
    }
}

impl Verdict {
    /// What Microsoft's library answered.
    pub(crate) fn recorded(case: &Case) -> Answer {
        let header = case.www_authenticate.as_ref().map(|header| match header {
            Value::String(text) => text.clone(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        });
        let principal = case.principal.as_ref().filter(|_| case.authenticated == Some(true));
        Answer {
            status: case.status,
            challenge: header.as_deref().and_then(asked),
            has_retry_after: false,
            caller: principal.map(|principal| Caller::Recorded(principal.claims.clone())),
        }
    }

    /// What we answer: to the request itself, and to the question who its sender is.
    pub(crate) async fn observe(api: SocketAddr, case: &Case) -> Result<Self> {
        let answer = Reply::to(api, &case.method, &case.path, &case.authorization).await?;
        let who = Reply::to(api, "GET", WHO, &case.authorization).await?;
        let caller = match serde_json::from_slice::<Value>(&who.body)?.get_mut("claims").map(Value::take) {
            Some(Value::Object(claims)) => Some(Caller::Ours(claims)),
            _ => None,
        };
        Ok(Self::Answered(Answer {
            status: answer.status,
            challenge: answer.header("www-authenticate").and_then(asked),
            has_retry_after: answer.header("retry-after").is_some_and(|wait| wait.parse::<u32>().is_ok()),
            caller,
        }))
    }
}

fn asked(header: &str) -> Option<Asked> {
    let challenge = Challenge::parse(header).into_iter().next()?;
    Some(Asked {
        scheme: challenge.scheme().to_ascii_lowercase(),
        is_invalid_token: challenge.get("error") == Some("invalid_token"),
    })
}

impl Answer {
    /// Where ours parts from this one, which was recorded.
    pub(crate) fn differences(&self, ours: &Verdict, maps_claims: bool) -> Vec<String> {
        let mut found = Vec::new();
        let ours = match ours {
            Verdict::Answered(ours) => ours,
            Verdict::RefusedAtStart(fault) => {
                return vec![format!("status: recorded {}, ours: refused at start-up, {fault}", self.status)];
            }
        };
        let mut note = |what: &str, recorded: &dyn fmt::Debug, ours: &dyn fmt::Debug, is_same: bool| {
            if !is_same {
                found.push(format!("{what}: recorded {recorded:?}, ours {ours:?}"));
            }
        };
        note("status", &self.status, &ours.status, self.status == ours.status);
        note("challenge", &self.challenge, &ours.challenge, self.challenge == ours.challenge);
        let (was, is) = (self.caller.is_some(), ours.caller.is_some());
        note("authenticated", &was, &is, was == is);
        if let (Some(recorded), Some(ours)) = (&self.caller, &ours.caller) {
            let (recorded, ours) = (recorded.claims(maps_claims), ours.claims(maps_claims));
            let names: std::collections::BTreeSet<_> = recorded.keys().chain(ours.keys()).collect();
            for name in names {
                let (was, is) = (recorded.get(name), ours.get(name));
                let is_same = was.zip(is).is_some_and(|(was, is)| claims::is_same(was, is));
                note(&format!("claim {name}"), &was, &is, is_same);
            }
        }
        found
    }
}

/// A raw answer. The request is written byte by byte, as it was recorded: no client's opinion of
/// headers comes between.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    async fn to(api: SocketAddr, method: &str, path: &str, authorization: &[String]) -> Result<Self> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n");
        for value in authorization {
            request.extend(["Authorization: ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(api).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Self::parse(&answer)
    }

    fn parse(answer: &[u8]) -> Result<Self> {
        let end =
            answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("the answer has no head")?;
        let (head, body) = answer.split_at(end);
        let head = std::str::from_utf8(head)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?.parse()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        if headers.iter().any(|(name, _)| name == "transfer-encoding") {
            bail!("the answer came in chunks");
        }
        Ok(Self { status, headers, body: body.get(4..).unwrap_or_default().to_vec() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
