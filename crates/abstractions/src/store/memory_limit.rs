//! How many bytes of tokens an acquirer keeps in memory, as a configuration says it.

use crate::{Faults, Misconfigured, Section};

/// How many bytes the tokens in memory may take: `SizeLimit` of the section `TokenCache`. It holds
/// with a shared store and without one.
///
/// ```
/// use entra_abstractions::{MemoryLimit, Section};
///
/// let section = Section::new("TokenCache", serde_json::json!({"SizeLimit": 67_108_864}));
/// let limit = MemoryLimit::from_section(&section)?;
/// assert_eq!(limit.map(MemoryLimit::bytes), Some(64 * 1024 * 1024));
/// # Ok::<(), entra_abstractions::Misconfigured>(())
/// ```
#[doc(alias = "SizeLimit")]
#[doc(alias = "MemoryCacheOptions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit(usize);

/// Whoever writes less means megabytes, or entries, which some caches of .NET count by.
const LEAST: u64 = 1024 * 1024;

/// No machine has more to give.
const MOST: u64 = 1024 * 1024 * 1024 * 1024;

impl MemoryLimit {
    /// Reads `SizeLimit` of a section `TokenCache`: bytes, from 1 MiB to 1 TiB. `None` where nothing
    /// is said.
    ///
    /// # Errors
    /// [`Misconfigured`] when it is no such number; the developer must act.
    pub fn from_section(section: &Section) -> Result<Option<Self>, Misconfigured> {
        let mut faults = Faults::default();
        let text = section.text("SizeLimit", &mut faults);
        let fault = |what: &str| {
            Misconfigured::new(what)
                .at(section.path_of("SizeLimit"))
                .hint("it is what all tokens in memory may take together, in bytes: 268435456 for 256 MiB")
        };
        let limit = faults.into_result(text)?.map(|text| match text.trim().parse::<u64>() {
            Ok(bytes) if bytes < LEAST => Err(fault("less than 1 MiB (1048576), in which no cache can work")),
            Ok(bytes) if bytes <= MOST => usize::try_from(bytes)
                .map(Self)
                .map_err(|_too_large| fault("more than this machine can address")),
            Ok(_) => Err(fault("more than 1 TiB, which is no limit")),
            Err(_) => Err(fault("a whole number of bytes is expected here")),
        });
        limit.transpose()
    }

    /// As bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: impl Into<Value>) -> Result<Option<usize>, String> {
        let section = Section::new("TokenCache", json!({"SizeLimit": value.into()}));
        let limit = MemoryLimit::from_section(&section);
        limit.map(|limit| limit.map(MemoryLimit::bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn bytes_as_a_number_or_as_the_environment_gives_them() {
        assert_eq!(read(json!(67_108_864)), Ok(Some(67_108_864)));
        assert_eq!(read(json!(" 1048576 ")), Ok(Some(1_048_576)));
        assert_eq!(read(Value::Null), Ok(None));
        assert_eq!(read(json!("")), Ok(None));
    }

    #[test]
    fn what_is_no_limit_is_told_with_its_unit() {
        let check = |value: Value, what: &str| {
            let told = read(value).unwrap_err();
            assert!(told.starts_with(&format!("TokenCache.SizeLimit: {what}")), "{told}");
            assert!(told.ends_with("in bytes: 268435456 for 256 MiB)"), "{told}");
        };
        for little in [json!(0), json!(500), json!("1024")] {
            check(little, "less than 1 MiB (1048576)");
        }
        for huge in [json!(2_u64 << 40), json!(u64::MAX)] {
            check(huge, "more than 1 TiB");
        }
        for no_number in
            [json!(-1), json!("64 MiB"), json!(1.5e8), json!(true), json!("99999999999999999999")]
        {
            check(no_number, "a whole number of bytes is expected here");
        }
        assert!(read(json!({})).unwrap_err().starts_with("TokenCache.SizeLimit: a text is expected"));
    }
}
