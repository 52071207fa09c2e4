//! The form that is posted. Values are encoded here, so that none can break out of its field.

use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
};

use entra_abstractions::{Secret, SecretRef};

/// The fields of a token request, in order; a field that is set again is replaced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    fields: Vec<(Cow<'static, str>, Secret)>,
}

impl Form {
    pub(crate) fn set(&mut self, name: impl Into<Cow<'static, str>>, value: &str) {
        self.set_secret(name, &Secret::new(value));
    }

    pub(crate) fn set_secret<'a>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<SecretRef<'a>>,
    ) {
        let (name, value) = (name.into(), value.into().to_secret());
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.fields.push((name, value)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.retain(|(known, _)| known != name);
    }

    /// Whether a word, or a part of it that has so many characters, stands in any value, or such a
    /// part of a value in the word; in whatever case.
    pub(super) fn has_to_do_with(&self, word: &str, shortest: usize) -> bool {
        fn parts(text: &str, shortest: usize) -> impl Iterator<Item = &str> {
            text.split(|c: char| !c.is_alphanumeric()).filter(move |part| part.len() >= shortest)
        }
        let word = Secret::new(word.to_ascii_lowercase());
        let word = word.expose().trim_matches(|c: char| !c.is_alphanumeric());
        self.fields.iter().any(|(_, value)| {
            let value = Secret::new(value.expose().to_ascii_lowercase());
            let value = value.expose();
            (word.len() >= shortest && value.contains(word))
                || parts(word, shortest).any(|part| value.contains(part))
                || parts(value, shortest).any(|part| word.contains(part))
        })
    }

    /// What tells this request from others.
    pub(crate) fn hash_into(&self, state: &mut impl Hasher) {
        for (name, value) in &self.fields {
            name.hash(state);
            value.expose().hash(state);
        }
    }

    /// This form with further fields.
    pub(crate) fn with<'a>(&self, fields: impl Iterator<Item = (&'static str, &'a Secret)>) -> Self {
        let mut form = self.clone();
        fields.for_each(|(name, value)| form.set_secret(name, value));
        form
    }

    /// The body.
    pub(crate) fn encode(&self) -> Secret {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.fields {
            encoded.append_pair(name, value.expose());
        }
        // MSAL writes blanks as %20; a literal plus is %2B by now.
        Secret::new(Secret::new(encoded.finish()).expose().replace('+', "%20"))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_set_arrives_and_nothing_else(
            fields in prop::collection::vec(("[a-z_&=+ é]{1,6}", ".{0,24}"), 0..8),
        ) {
            let mut form = Form::default();
            let mut expected: Vec<(String, String)> = Vec::new();
            for (name, value) in &fields {
                form.set(name.clone(), value);
                // Set again, a field keeps its place.
                match expected.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => known.clone_from(value),
                    None => expected.push((name.clone(), value.clone())),
                }
            }
            let encoded = form.encode();
            let read: Vec<(String, String)> = form_urlencoded::parse(encoded.expose().as_bytes())
                .map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value)))
                .collect();
            prop_assert_eq!(read, expected);
            prop_assert!(encoded.expose().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+'));
        }
    }
}
