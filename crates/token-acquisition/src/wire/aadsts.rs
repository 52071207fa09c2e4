//! What Entra's error numbers mean: cause and next step. They explain; what the program does is
//! decided by `error`, `suberror` and the status, as Microsoft advises, with the two exceptions here.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

/// Too many identical requests: Entra's loop breaker. A number that decides, because it comes as an
/// `invalid_grant` that no user can mend.
pub(super) const LOOP_DETECTED: u32 = 50196;

/// The user's token, presented on their behalf, has ended. A number that decides, because nothing
/// else tells it from a user who may no longer.
pub(crate) const ASSERTION_ENDED: u32 = 500_133;

/// The cause and the next step, for the first number that is known.
pub(super) fn explain(numbers: &[u32]) -> Option<&'static str> {
    numbers.iter().find_map(|number| {
        TABLE
            .binary_search_by_key(number, |(known, _)| *known)
            .ok()
            .and_then(|at| TABLE.get(at))
            .map(|(_, text)| *text)
    })
}

const TABLE: &[(u32, &str)] = &[
    (16000, "the user is not known in this tenant: ask the tenant that issued the caller's token"),
    (
        28002,
        "a scope is malformed: ask for scopes of one resource, spelled as its app registration shows them",
    ),
    (
        50000,
        "Entra could not issue the token: check how the user is named (user principal name or object id)",
    ),
    (
        50012,
        "the subject or issuer of the certificate is not trusted: check the app registration's certificate settings",
    ),
    (
        50013,
        "the user's token was not issued for this API, or its signature is bad: its audience must be this application",
    ),
    (50020, "the user comes from another tenant and is no guest here: ask the user's own tenant"),
    (50027, "a token or assertion that was sent is no valid JWT: check what the file or provider gives"),
    (50033, "a passing fault of Entra: try again"),
    (50034, "the user does not exist in this tenant: check the user and the tenant"),
    (50057, "the user's account is disabled: an administrator must enable it"),
    (50059, "no tenant could be found: configure TenantId"),
    (50074, "the user must pass strong authentication: send them to sign in"),
    (50076, "the user must pass multi-factor authentication: send them to sign in with the claims"),
    (50079, "the user must enrol for multi-factor authentication: send them to sign in"),
    (50105, "the user is not assigned to the application: assign them in its enterprise application"),
    (50158, "the user must pass an external check: send them to sign in with the claims"),
    (50173, "the user's session was revoked, by a new password for instance: send them to sign in"),
    (50194, "a single-tenant application was asked for through /common: configure the tenant's id"),
    (50196, "too many identical requests: a loop, or a cache that is not used"),
    (51004, "the user account does not exist in this tenant: ask the user's own tenant"),
    (53000, "a conditional access policy wants a compliant device: this is the policy owner's to change"),
    (53003, "a conditional access policy blocks the token: this is the policy owner's to change"),
    (54005, "the code was redeemed before: a code serves once, so send the user to sign in again"),
    (65001, "nobody has consented to these scopes: ask the user, or an administrator, for consent"),
    (65005, "the application asks for an API that its registration does not list: add the permission there"),
    (70003, "Entra does not support this grant for the application"),
    (70008, "the refresh token or code has expired: send the user to sign in"),
    (
        70011,
        "a scope is malformed: ask for scopes of one resource, spelled as its app registration shows them",
    ),
    (70043, "the sign-in frequency policy ended the session: send the user to sign in"),
    (82001, "an agent blueprint gets no plain token of its own: ask as one of its agents"),
    (82008, "an agent was not named: its id must go along as fmi_path"),
    (90002, "the tenant does not exist in this cloud: check TenantId and Instance"),
    (90019, "no tenant is named: configure TenantId"),
    (90033, "a passing fault of Entra: try again"),
    (90055, "Entra is throttling this tenant: try again later"),
    (90094, "an administrator must consent: send one to the admin consent page"),
    (90095, "an administrator must consent: the user's request was sent to one"),
    (100_007, "this application cannot use the regional endpoint: remove AzureRegion"),
    (
        500_011,
        "the API is not installed in this tenant, or its App ID URI is spelled otherwise: check the scope's resource",
    ),
    (500_131, "the user's token was issued for another API: its audience must be this application"),
    (500_133, "the user's token is outside its time range: it has expired, or a clock is wrong"),
    (501_051, "the application is not assigned to the API's roles: assign it in the enterprise application"),
    (
        501_481,
        "the code's verifier is not the one that the sign-in was begun with: keep it for the session of the same browser",
    ),
    (650_052, "the tenant lacks the service behind this API: its administrator must subscribe to it"),
    (650_056, "the application's registration lacks a permission it asks for: add it there"),
    (
        650_057,
        "the application asks for an API that its registration does not list: add the permission there",
    ),
    (700_003, "the device is not known to the tenant: send the user to sign in"),
    (
        700_016,
        "the application is not found in this tenant: check ClientId, TenantId and the cloud, or install it there",
    ),
    (700_022, "the scopes belong to several resources: ask for one resource at a time"),
    (700_023, "the scopes mix /.default with others: ask for one or the other"),
    (
        700_024,
        "the assertion is outside its time range: the clock is wrong, or a federated token's file is stale",
    ),
    (700_025, "the application is registered as public, but a credential was sent: change the registration"),
    (
        700_027,
        "the assertion's signature is not that of a registered certificate: upload it, or configure the right one",
    ),
    (700_030, "the certificate's subject or issuer is not trusted for this application"),
    (700_082, "the refresh token expired unused: send the user to sign in"),
    (700_084, "the refresh token belongs to a single-page app and has expired: send the user to sign in"),
    (
        700_211,
        "no federated credential has this issuer: compare the assertion's iss with the registration (case counts)",
    ),
    (
        700_212,
        "no federated credential has this audience: compare the assertion's aud with the registration (case counts)",
    ),
    (
        700_213,
        "no federated credential has this subject: compare the assertion's sub with the registration (case counts)",
    ),
    (
        700_222,
        "a token that Entra issued is not allowed as this federated assertion: use the exchange audience",
    ),
    (700_229, "a user's token cannot be the federated assertion: use an application's token"),
    (1_000_502, "the certificate is outside its validity: configure one that is valid now"),
    (7_000_114, "the application is not allowed to act on behalf of users: check its registration"),
    (7_000_214, "the certificate was revoked: configure another one"),
    (7_000_215, "the client secret is wrong: configure the secret's value, not its id"),
    (7_000_218, "no credential was sent: configure ClientCredentials"),
    (7_000_222, "the client secret has expired: make a new one in the app registration"),
    (7_000_274, "the assertion's signature is bad: the certificate and the registration do not match"),
    (7_000_277, "the certificate was revoked: configure another one"),
    (9_002_324, "both a secret and an assertion were sent: configure one"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_row_says_what_to_do() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        assert!(TABLE.iter().all(|(_, text)| text.len() > 30 && !text.ends_with('.')));
    }

    #[test]
    fn the_first_known_number_explains() {
        assert!(explain(&[1, 65001]).is_some_and(|text| text.contains("consent")));
        assert_eq!(explain(&[1]), None);
    }
}
