//! What went wrong with Cosmos DB, in an operator's words. The driver's own speak of requests, with
//! their addresses.

use azure_data_cosmos::CosmosError;

/// What the error says of the account.
pub(crate) fn of(error: &CosmosError) -> String {
    let status = error.status();
    let code = u16::from(status.status_code());
    let sub = status.sub_status().map(|sub| sub.value());
    let what = match (code, sub) {
        (401, Some(20_402)) => "there is no token to log in with",
        (401, _) => "refuses the key or the token",
        (403, Some(5_300..=5_302)) => "refuses: the identity has no data role for this container",
        (403, Some(1_014)) => "is full",
        (403 | 503, Some(3 | 20_311)) => "takes no writes in any region that can be reached",
        (403, _) => "refuses: no permission, or its firewall does not let this address in",
        (404, _) => "there is no such database or container",
        (408, _) | (503, Some(20_008)) => "cannot be reached: no answer in time",
        (410, _) => "is away: the partition is moving",
        (413, _) => "refuses: the entry is larger than 2 MB",
        (429, _) => "is throttled: it has too few request units",
        (449, _) => "is busy: others write the same entry",
        (503, Some(20_003 | 20_010..=20_015)) => "cannot be reached",
        (500.., _) => "is away",
        _ => "refuses",
    };
    match sub {
        Some(sub) => format!("{what} (status {code}, substatus {sub})"),
        None => format!("{what} (status {code})"),
    }
}
