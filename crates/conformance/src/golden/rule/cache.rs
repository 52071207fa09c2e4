//! The cache's table, told once more in a few lines that share nothing with the engine: each
//! request has a record of its own, a good token is served to its end, one that grows old is renewed
//! behind the call, and throttling binds the key that was throttled.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::golden::{
    request::Request,
    scenario::{Answer, Call, PlainAnswer, Scenario, Step},
    story::{Sent, Story},
};

/// Tells what each step comes to.
pub(super) fn apply(story: &mut Story, scenario: &Scenario) -> Result<()> {
    let mut cache =
        Cache { story: story.clone(), now: 0, records: BTreeMap::new(), legs: BTreeMap::new(), fresh: 1000 };
    for (index, step) in scenario.steps.iter().enumerate() {
        let headers = [Call::AppHeader, Call::UserHeader, Call::Header];
        ensure!(headers.contains(&step.call), "the table is told for headers only");
        cache.now += step.sleep_ms / 1000;
        cache.step(index, step)?;
    }
    *story = cache.story;
    for (scene, step) in story.steps.iter_mut().zip(&scenario.steps) {
        if let (Some(key), Some(result)) = (step.session(), scene.result.as_object_mut())
            && result.contains_key("header")
        {
            result.insert("session_key".into(), key.into());
        }
    }
    story.renumber(scenario);
    Ok(())
}

struct Cache {
    story: Story,
    /// Seconds since the play began.
    now: u64,
    records: BTreeMap<String, Record>,
    /// What the legs before the last were granted, by what they asked.
    legs: BTreeMap<String, Token>,
    fresh: u32,
}

#[derive(Clone)]
enum Record {
    Good(Token),
    Throttled { until: u64, result: Value },
}

#[derive(Clone)]
struct Token {
    number: u32,
    ends: u64,
    lives: u64,
    /// No refresh behind it before this.
    rests: u64,
}

impl Token {
    fn granted(number: u32, answer: Option<&Answer>, now: u64) -> Self {
        let expires_in = match answer {
            Some(Answer::Token(changed)) => changed.token.get("expires_in").and_then(Value::as_u64),
            _ => None,
        };
        let lives = expires_in.unwrap_or(3599);
        Self { number, ends: now + lives, lives, rests: 0 }
    }

    fn left(&self, now: u64) -> u64 {
        self.ends.saturating_sub(now)
    }

    fn is_aging(&self, now: u64) -> bool {
        let window = match self.lives {
            ..1200 => 300,
            1200..=5400 => 900,
            _ => 3600,
        };
        self.left(now) <= window
    }

    fn header(&self) -> Value {
        json!({"header": format!("Bearer at-{}", self.number)})
    }
}

impl Cache {
    fn step(&mut self, index: usize, step: &Step) -> Result<()> {
        let key = key(step);
        let acquire = step.options.get("AcquireTokenOptions");
        let wants_new = ["Claims", "ForceRefresh"]
            .iter()
            .any(|name| acquire.and_then(|options| options.get(*name)).is_some());
        let record = self.records.get(&key).cloned().filter(|_| !wants_new);
        match record {
            Some(Record::Throttled { until, result }) if self.now < until => self.tell(index, vec![], result),
            Some(Record::Good(token)) if token.left(self.now) > LAST_MINUTE => {
                if !token.is_aging(self.now) || self.now < token.rests {
                    return self.tell(index, vec![], token.header());
                }
                // One flight behind the call, which is served at once.
                let result = token.header();
                let sent = self.fetch(index, step, &key)?;
                self.tell(index, sent, result)
            }
            _ => {
                let recorded = self.story.steps.get(index).map(|scene| scene.result.clone());
                let sent = self.fetch(index, step, &key)?;
                let result = match (sent.last().and_then(|sent| sent.grant), self.records.get(&key)) {
                    (Some(_), Some(Record::Good(token))) => token.header(),
                    _ => recorded.filter(|result| result.get("error").is_some()).context("no result")?,
                };
                self.tell(index, sent, result)
            }
        }
    }

    fn tell(&mut self, index: usize, sent: Vec<Sent>, result: Value) -> Result<()> {
        let scene = self.story.steps.get_mut(index).context("no such step")?;
        scene.sent = sent;
        scene.result = result;
        Ok(())
    }

    /// What is sent for a step, and what is kept of the answers.
    fn fetch(&mut self, index: usize, step: &Step, key: &str) -> Result<Vec<Sent>> {
        let mut sent = self.story.steps.get(index).context("no such step")?.sent.clone();
        if sent.is_empty() {
            self.fresh += 1;
            sent.push(Sent { request: self.like_another(step)?, grant: Some(self.fresh) });
        }
        self.renew_legs_behind(index, &mut sent);
        let mut script = step.entra.iter();
        let answers: Vec<Option<&Answer>> = sent.iter().map(|_| script.next()).collect();
        for (sent, answer) in sent.iter().zip(&answers) {
            if let Some(number) = sent.grant {
                self.legs.insert(asked(&sent.request), Token::granted(number, *answer, self.now));
            }
        }
        let answer = answers.last().copied().flatten();
        let result = self.story.steps.get(index).map(|scene| scene.result.clone()).unwrap_or_default();
        match (sent.last().and_then(|sent| sent.grant), answer, self.records.get_mut(key)) {
            (Some(number), answer, _) => {
                self.records.insert(key.to_owned(), Record::Good(Token::granted(number, answer, self.now)));
            }
            (None, Some(Answer::Plain(plain)), _) if plain.status == 429 => {
                let until = self.now + retry_after(plain);
                self.records.entry(key.to_owned()).or_insert(Record::Throttled { until, result });
            }
            // The user must act: nobody else may be served what they were granted before.
            (None, Some(Answer::Plain(plain)), _) if plain.status == 400 => drop(self.records.remove(key)),
            (None, _, Some(Record::Good(token))) => token.rests = self.now + 30,
            (None, _, _) => {}
        }
        Ok(sent)
    }

    /// A leg whose token grows old is renewed behind its use: the legs after it show the old one.
    fn renew_legs_behind(&mut self, index: usize, sent: &mut [Sent]) {
        for at in 0..sent.len().saturating_sub(1) {
            let Some((leg, later)) = sent.get_mut(at..).and_then(<[Sent]>::split_first_mut) else { return };
            let known =
                self.legs.get(&asked(&leg.request)).filter(|token| token.left(self.now) > LAST_MINUTE);
            let (Some(known), Some(new)) = (known, leg.grant) else { continue };
            let (new, old) = (json!(format!("at-{new}")), json!(format!("at-{}", known.number)));
            for value in later.iter_mut().flat_map(|later| later.request.form.values_mut()) {
                if *value == new {
                    *value = old.clone();
                }
            }
            if let Some(scene) = self.story.steps.get_mut(index) {
                scene.any_order = true;
            }
        }
    }

    /// The recorded library sent nothing where we ask: as it asked for another user or scope.
    fn like_another(&self, step: &Step) -> Result<Request> {
        let sent = self.story.steps.iter().flat_map(|scene| &scene.sent);
        let is_like = |request: &&Request| request.form.contains_key("assertion") == step.user.is_some();
        let mut request =
            sent.map(|sent| &sent.request).find(is_like).context("no request to take as a model")?.clone();
        let mut scopes = step.scopes.join(" ");
        if let Some(user) = &step.user {
            scopes.push_str(" openid profile offline_access");
            request.form.insert("assertion".into(), format!("<user-token:{user}>").into());
        }
        request.form.insert("scope".into(), scopes.into());
        request.form.remove("claims");
        Ok(request)
    }
}

/// Callers wait in the last minute of a token.
const LAST_MINUTE: u64 = 60;

fn key(step: &Step) -> String {
    let folded: BTreeSet<String> = step.scopes.iter().map(|scope| scope.to_ascii_lowercase()).collect();
    let agent = step.agent.as_ref().map(|agent| json!([agent.app, agent.upn, agent.oid]));
    let acquire = |name: &str| step.options.get("AcquireTokenOptions")?.get(name).cloned();
    // Whose session it is was said when it began.
    let user = step.session().or(step.user.as_deref());
    json!([step.call == Call::AppHeader, user, agent, folded, acquire("Tenant"), acquire("FmiPath")])
        .to_string()
}

/// What a request asks, whatever proves it.
fn asked(request: &Request) -> String {
    let proofs = ["client_assertion", "client_secret", "user_federated_identity_credential", "refresh_token"];
    let fields: Vec<_> = request.form.iter().filter(|(name, _)| !proofs.contains(&name.as_str())).collect();
    json!([request.url, fields]).to_string()
}

fn retry_after(answer: &PlainAnswer) -> u64 {
    let header = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    header.and_then(|(_, value)| value.parse().ok()).unwrap_or(60)
}
