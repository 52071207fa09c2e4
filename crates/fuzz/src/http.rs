//! The one HTTP client of the targets: none of them sends anything, and making one takes its time.

use std::sync::LazyLock;

pub(crate) static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::default);
