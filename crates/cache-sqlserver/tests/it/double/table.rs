//! The one table of the double, and what each statement does to it.

use std::{
    collections::{BTreeSet, HashMap},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    PASSWORD, TOKEN, USER,
    read::{Call, Login, Parameter},
    token::{Answer, Column, Value},
};

const LOOK: &str = include_str!("../../golden/look.sql");
const CREATE: &str = include_str!("../../golden/create.sql");
const GET: &str = include_str!("../../golden/get.sql");
const PUT: &str = include_str!("../../golden/put.sql");
const PUT_NEW: &str = include_str!("../../golden/put_new.sql");
const REMOVE: &str = include_str!("../../golden/remove.sql");
const CLEAN: &str = include_str!("../../golden/clean.sql");

/// A column: its name, its type, its length in bytes.
pub(crate) type Shape = Vec<(&'static str, &'static str, i64)>;

/// What the server does instead of what it is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusal {
    /// This error of this severity.
    Error(u32, u8),
    /// To logins only.
    Login(u32),
    /// Sends whoever logs in on to another port, once.
    Routing(u16),
    /// It takes what is asked, and never answers.
    Silence,
}

/// `[dbo].[TokenCache]` in the database `Tokens`.
#[derive(Default)]
pub(crate) struct Table {
    /// Its columns; none where it is not there.
    pub(crate) columns: Shape,
    pub(crate) rows: HashMap<[u8; 32], (Vec<u8>, i64)>,
    pub(crate) refuses: Option<Refusal>,
    /// Declarations and statements, each once.
    pub(crate) asked: BTreeSet<String>,
    pub(crate) logins: u32,
    pub(crate) calls: u32,
}

impl Table {
    /// The columns of this crate's table.
    pub(crate) fn ours() -> Shape {
        vec![("key", "binary", 32), ("value", "varbinary", -1), ("expires_at", "bigint", 8)]
    }

    pub(super) fn login(&mut self, login: &Login) -> (Answer, bool) {
        self.logins += 1;
        match self.refuses {
            Some(Refusal::Login(number)) => return (refusal(number, 14), false),
            Some(Refusal::Routing(port)) => {
                self.refuses = None;
                return (
                    Answer::default().login(&login.database, false).routing("localhost", port).end(),
                    false,
                );
            }
            _ => {}
        }
        let is_known = match &login.token {
            Some(token) => token == TOKEN,
            None => login.user == USER && login.password == PASSWORD,
        };
        match (is_known, login.database.as_str()) {
            (false, _) => (refusal(18_456, 14), false),
            (true, "Tokens") => (Answer::default().login(&login.database, login.token.is_some()).end(), true),
            (true, _) => (refusal(4_060, 11), false),
        }
    }

    /// What a statement answers, or nothing ever.
    pub(super) fn call(&mut self, call: Call, now: SystemTime) -> Option<Answer> {
        let now = i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        self.calls += 1;
        self.asked.insert(format!("{}\n{}", call.declared, call.statement));
        match self.refuses {
            Some(Refusal::Silence) => return None,
            Some(Refusal::Error(number, class)) if call.statement != LOOK => {
                return Some(refusal(number, class));
            }
            _ => {}
        }
        let has_table = !self.columns.is_empty();
        let mut parameters = call.parameters.into_iter();
        Some(match call.statement.as_str() {
            LOOK => {
                assert!(
                    matches!(parameters.next(), Some(Parameter::Text(name)) if name == "[dbo].[TokenCache]")
                );
                self.look()
            }
            CREATE if has_table => refusal(2_714, 16),
            CREATE => {
                self.columns = Self::ours();
                Answer::default().count(0)
            }
            GET | PUT | PUT_NEW | REMOVE | CLEAN if !has_table => refusal(208, 16),
            CLEAN => self.clean(now),
            GET => self.get(key(parameters.next()), now),
            REMOVE => self.remove(key(parameters.next()), now),
            PUT | PUT_NEW => {
                let key = key(parameters.next());
                let (Some(Parameter::Bytes(value)), Some(Parameter::Number(expires_at))) =
                    (parameters.next(), parameters.next())
                else {
                    panic!("a value and its end");
                };
                let is_free = self.rows.get(&key).is_none_or(|(_, end)| *end <= now);
                if call.statement == PUT {
                    self.rows.insert(key, (value, expires_at));
                    Answer::default().count(1)
                } else {
                    if is_free {
                        self.rows.insert(key, (value, expires_at));
                    }
                    let rows = is_free.then(|| vec![Value::Number(1)]).into_iter().collect();
                    Answer::default().rows(&[("was_kept", Column::Bit)], rows)
                }
            }
            _ => refusal(102, 15),
        })
    }

    fn look(&self) -> Answer {
        let row = |(name, kind, length): &(&str, &str, i64)| {
            vec![Value::Text((*name).to_owned()), Value::Text((*kind).to_owned()), Value::Number(*length)]
        };
        let columns = [("name", Column::Name), ("type", Column::Name), ("max_length", Column::SmallInt)];
        Answer::default().rows(&columns, self.columns.iter().map(row).collect())
    }

    fn get(&self, key: [u8; 32], now: i64) -> Answer {
        let row = self.rows.get(&key).filter(|(_, end)| *end > now).map(|(value, end)| {
            let fits = value.len() <= 1_048_576;
            vec![if fits { Value::Bytes(value.clone()) } else { Value::Null }, Value::Number(*end)]
        });
        let columns = [("value", Column::Bytes), ("expires_at", Column::BigInt)];
        Answer::default().rows(&columns, row.into_iter().collect())
    }

    fn remove(&mut self, key: [u8; 32], now: i64) -> Answer {
        let row = self.rows.remove(&key).map(|(_, end)| vec![Value::Number(i64::from(end > now))]);
        Answer::default().rows(&[("was_there", Column::Bit)], row.into_iter().collect())
    }

    fn clean(&mut self, now: i64) -> Answer {
        let ended = |(_, (_, end)): &(_, &(_, i64))| *end <= now;
        let keys: Vec<[u8; 32]> = self.rows.iter().filter(ended).map(|(key, _)| *key).take(1_000).collect();
        for key in &keys {
            self.rows.remove(key);
        }
        Answer::default().count(keys.len() as u64)
    }
}

/// As `CAST(@P1 AS binary(32))` makes it.
fn key(parameter: Option<Parameter>) -> [u8; 32] {
    match parameter {
        Some(Parameter::Bytes(bytes)) => bytes.try_into().unwrap(),
        _ => panic!("a key of 32 bytes"),
    }
}

/// With a message that names the user, as the server's do, which must not get out.
fn refusal(number: u32, class: u8) -> Answer {
    Answer::default().error(number, class, &format!("Login failed for user '{USER}', value 0x7331."))
}
