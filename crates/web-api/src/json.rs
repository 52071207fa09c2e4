//! JSON as a token may hold it: one object, nothing behind it, no member twice. Borrowed, so that
//! reading a token costs next to nothing.
//!
//! Everything is read to its end, also what nobody asks for: a text that one reader takes and
//! another refuses is how tokens are forged (RFC 8725 section 2.4).

use std::{borrow::Cow, collections::HashSet, fmt, slice};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// The members of an object, in their order.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    members: Vec<Member<'a>>,
    marks: Marks,
}

#[derive(Debug)]
struct Member<'a> {
    mark: u8,
    name: Cow<'a, str>,
    item: Item<'a>,
}

/// The marks of all names, one bit each. Most questions are about names that are not there, and
/// end here.
#[derive(Debug, Clone, Copy, Default)]
struct Marks(u128);

impl Marks {
    fn has(self, mark: u8) -> bool {
        self.0 & (1 << mark) != 0
    }

    fn add(&mut self, mark: u8) {
        self.0 |= 1 << mark;
    }
}

/// Seven bits from a name's length and ends, so that names that differ mostly differ in them.
fn mark(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let end = |byte: Option<&u8>| byte.copied().unwrap_or_default().wrapping_mul(5);
    let ends = end(bytes.first()) ^ end(bytes.last()).rotate_left(3);
    ends.wrapping_add(name.len().to_le_bytes()[0]) & 127
}

/// A value; what stands inside objects and inner lists is checked, but not kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item<'a> {
    Null,
    Flag(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Item<'a>>),
    Object,
}

/// As .NET's reader: deeper than any token, too shallow to hurt.
const DEEPEST: usize = 64;

/// Up to here a look at each name is cheaper than hashing them.
const FEW: usize = 32;

impl<'a> Members<'a> {
    /// Reads one object that is the whole text.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Top).ok()?;
        reader.end().ok()?;
        Some(members)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Item<'a>> {
        let mark = mark(name);
        if !self.marks.has(mark) {
            return None;
        }
        let found = self.members.iter().find(|member| member.mark == mark && member.name == name);
        found.map(|member| &member.item)
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Item::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is a member whose name differs from this one in case only.
    pub(crate) fn has_another_spelling(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name != name && member.name.eq_ignore_ascii_case(name))
    }
}

impl<'a> Item<'a> {
    /// What a claim of several values holds: each text, number and flag of a list, or the one.
    pub(crate) fn values(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let items = match self {
            Self::List(items) => items.as_slice(),
            one => slice::from_ref(one),
        };
        items.iter().filter_map(Item::value)
    }

    fn value(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Flag(flag) => Some(flag.to_string().into()),
            Self::Null | Self::List(_) | Self::Object => None,
        }
    }

    /// Seconds since 1970: a number, or its digits as a text, as some issuers write them.
    pub(crate) fn seconds(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Self::Text(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked in the line before")]
fn whole(seconds: f64) -> Option<i64> {
    // 2^63 itself is the first float beyond the range.
    (seconds.is_finite() && seconds.abs() < 9_223_372_036_854_775_808.0).then_some(seconds as i64)
}

struct Top;

impl<'de> Visitor<'de> for Top {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<Member<'de>> = Vec::with_capacity(FEW);
        let (mut marks, mut seen) = (Marks::default(), HashSet::new());
        while let Some(name) = map.next_key_seed(Name)? {
            let mark = mark(&name);
            let is_second = if members.len() < FEW {
                marks.has(mark) && members.iter().any(|member| member.name == name)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|member| member.name.clone()));
                }
                !seen.insert(name.clone())
            };
            if is_second {
                return Err(A::Error::custom("a member stands twice"));
            }
            let item = map.next_value_seed(Depth(2))?;
            marks.add(mark);
            members.push(Member { mark, name, item });
        }
        Ok(Members { members, marks })
    }
}

/// A name or text, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A value at this depth.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.0 > DEEPEST { Err(E::custom("nested too deeply")) } else { Ok(Self(self.0 + 1)) }
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Item<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Item<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Item::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Item::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Item::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Item::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Number::from_f64(number).map(Item::Number).ok_or_else(|| E::custom("a number beyond all numbers"))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Item::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Item::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let deeper = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(deeper)? {
            // Nobody reads lists within lists; they are only walked.
            if self.0 == 2 {
                items.push(item);
            }
        }
        Ok(Item::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let deeper = self.deeper()?;
        while map.next_key_seed(Name)?.is_some() {
            map.next_value_seed(deeper)?;
        }
        Ok(Item::Object)
    }
}

#[cfg(test)]
mod tests;
