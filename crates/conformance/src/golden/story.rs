//! What a play must look like: at first as it was recorded, then as the wanted differences change
//! it. Tokens are numbered by the order in which they are granted, so a story can be numbered anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    request::{Kind, Request},
    scenario::{Answer, Scenario, Step},
};

/// What must be sent and answered, step by step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Scene>,
}

/// One step of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    pub(crate) sent: Vec<Sent>,
    pub(crate) result: Value,
    /// Whether the requests may come in any order, because some of them are made behind the call.
    pub(crate) any_order: bool,
}

impl Scene {
    /// The requests alone.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.sent.iter().map(|sent| sent.request.clone()).collect()
    }
}

/// A request, and the number of the token that it was granted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) request: Request,
    pub(crate) grant: Option<u32>,
}

impl Story {
    /// The story as it was recorded.
    pub(crate) fn recorded(scenario: &Scenario) -> Self {
        let mut steps: Vec<Scene> = Vec::new();
        for step in &scenario.steps {
            let requests = step.recorded.requests.iter().filter(|request| request.kind.counts());
            let sent = requests.map(|request| Sent { request: request.clone(), grant: None }).collect();
            steps.push(Scene { sent, result: step.recorded.result.clone(), any_order: false });
        }
        let mut story = Self { steps };
        let numbers = story.grants(scenario);
        for (sent, number) in story.steps.iter_mut().flat_map(|scene| &mut scene.sent).zip(numbers) {
            sent.grant = number;
        }
        story
    }

    /// Numbers the tokens by the order in which this story is granted them, everywhere.
    pub(crate) fn renumber(&mut self, scenario: &Scenario) {
        let numbers = self.grants(scenario);
        let mut renamed = BTreeMap::new();
        for (sent, number) in self.steps.iter_mut().flat_map(|scene| &mut scene.sent).zip(numbers) {
            if let (Some(old), Some(new)) = (sent.grant, number) {
                renamed.insert(old, new);
            }
            sent.grant = number;
        }
        let rename = |text: &str| rename(text, &renamed);
        for scene in &mut self.steps {
            rewrite(&mut scene.result, &rename);
            for sent in &mut scene.sent {
                sent.request.form.values_mut().for_each(|value| rewrite(value, &rename));
                sent.request.headers.values_mut().for_each(|value| *value = rename(value));
            }
        }
    }

    /// This story in every order of requests that it allows.
    pub(crate) fn orders(&self, scenario: &Scenario) -> Vec<Self> {
        let Some(at) = self.steps.iter().position(|scene| scene.any_order) else {
            return vec![self.clone()];
        };
        let mut orders = Vec::new();
        for order in permutations(self.steps.get(at).map_or(0, |scene| scene.sent.len())) {
            let mut story = self.clone();
            if let Some(scene) = story.steps.get_mut(at) {
                scene.sent = order.iter().filter_map(|index| scene.sent.get(*index).cloned()).collect();
                scene.any_order = false;
            }
            story.renumber(scenario);
            orders.extend(story.orders(scenario));
        }
        orders
    }

    /// For each request the number of the token that it is granted, if its answer is one.
    fn grants(&self, scenario: &Scenario) -> Vec<Option<u32>> {
        let mut granted = 0;
        let mut numbers = Vec::new();
        for (scene, step) in self.steps.iter().zip(&scenario.steps) {
            let mut script = step.entra.iter();
            for sent in &scene.sent {
                let is_grant = sent.request.kind == Kind::Token
                    && matches!(script.next(), None | Some(Answer::Token(_)));
                granted += u32::from(is_grant);
                numbers.push(is_grant.then_some(granted));
            }
        }
        numbers
    }
}

/// The OAuth errors that the scripts of a scenario answer.
pub(crate) fn scripted_errors(scenario: &Scenario) -> BTreeSet<String> {
    let answers = scenario.steps.iter().flat_map(|step| step.entra.iter().chain(&step.imds));
    answers
        .filter_map(|answer| match answer {
            Answer::Plain(answer) => answer.body.get("error")?.as_str().map(str::to_owned),
            Answer::Token(_) | Answer::Broken { .. } => None,
        })
        .collect()
}

/// The headers that the input of a scenario or of a step names, in lower case.
pub(crate) fn named_headers(scenario: &Scenario, step: &Step) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let inputs = [Some(&scenario.config), Some(&step.options), step.defaults.as_ref()];
    for input in inputs.into_iter().flatten() {
        collect_headers(&Value::Object(input.clone()), &mut names);
    }
    names
}

fn collect_headers(value: &Value, names: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if ["ExtraHeaderParameters", "ExtraHeadersParameters"].contains(&name.as_str()) {
            names.extend(value.as_object().into_iter().flatten().map(|(name, _)| name.to_ascii_lowercase()));
        }
        collect_headers(value, names);
    }
}

fn rewrite(value: &mut Value, rename: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = rename(text),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, rename)),
        Value::Object(members) => members.values_mut().for_each(|member| rewrite(member, rename)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Gives the tokens in a text (`at-3`, `rt-3`, also behind `Bearer `) their new numbers.
fn rename(text: &str, renamed: &BTreeMap<u32, u32>) -> String {
    let words = text.split(' ').map(|word| {
        let (kind, number) = word.split_once('-')?;
        let new = renamed.get(&number.parse().ok()?)?;
        ["at", "rt"].contains(&kind).then(|| format!("{kind}-{new}"))
    });
    let words: Vec<String> =
        words.zip(text.split(' ')).map(|(new, old)| new.unwrap_or_else(|| old.to_owned())).collect();
    words.join(" ")
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    (0..length).fold(vec![Vec::new()], |shorter, next| {
        let insert = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len()).rev().map(move |at| {
                let mut longer = order.clone();
                longer.insert(at, next);
                longer
            })
        };
        shorter.iter().flat_map(insert).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_get_new_numbers_and_other_words_do_not() {
        let renamed = BTreeMap::from([(1, 7), (2, 1)]);
        assert_eq!(rename("Bearer at-2", &renamed), "Bearer at-1");
        assert_eq!(rename("rt-1", &renamed), "rt-7");
        assert_eq!(rename("at-3 that-1 at-x mi-1", &renamed), "at-3 that-1 at-x mi-1");
    }

    #[test]
    fn every_order_once() {
        let orders = permutations(3);
        assert_eq!(orders.len(), 6);
        assert_eq!(orders.first(), Some(&vec![0, 1, 2]), "the recorded order is tried first");
        assert_eq!(orders.iter().collect::<BTreeSet<_>>().len(), 6);
    }
}
