//! What Entra's error numbers mean: cause, next step, owner, all in one table. They explain; what the
//! program does is decided by `error`, `suberror` and the status, as Microsoft advises, with the
//! exceptions here.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use entra_abstractions::{
    Diagnosis,
    Owner::{Administrator, AppOwner, Developer, Nobody, User},
};

/// Too many identical requests: Entra's loop breaker. A number that decides, because it comes as an
/// `invalid_grant` that no user can mend.
pub(super) const LOOP_DETECTED: u32 = 50196;

/// The user's token, presented on their behalf, has ended. A number that decides, because nothing
/// else tells it from a user who may no longer.
pub(crate) const ASSERTION_ENDED: u32 = 500_133;

/// Numbers that a wrong clock brings about: how far it is off is worth telling.
pub(super) const OF_TIME: [u32; 5] = [50013, 50027, 500_133, 700_024, 1_000_502];

/// The certificate or assertion itself is refused: its signature, its time range, or that it was
/// revoked. Numbers that decide, because `invalid_client` says the same of a secret, which no other
/// credential may stand in for unasked.
pub(crate) const CERTIFICATE_REFUSED: [u32; 6] =
    [700_024, 700_027, 1_000_502, 7_000_214, 7_000_274, 7_000_277];

/// The row of the first number that is known.
pub(crate) fn diagnose(numbers: &[u32]) -> Option<Diagnosis> {
    numbers.iter().find_map(|number| {
        TABLE.binary_search_by_key(number, Diagnosis::number).ok().and_then(|at| TABLE.get(at)).copied()
    })
}

#[rustfmt::skip]
const TABLE: &[Diagnosis] = &[
    Diagnosis::new(16000, Developer, "the user is not known in this tenant", "ask the tenant that issued the caller's token"),
    Diagnosis::new(28000, Developer, "the scopes belong to several resources", "ask for one resource at a time"),
    Diagnosis::new(28002, Developer, "a scope is malformed", "ask for scopes of one resource, spelled as its app registration shows them"),
    Diagnosis::new(50000, Developer, "Entra could not issue the token", "check whether the user is named by user principal name or by object id"),
    Diagnosis::new(50001, Administrator, "the resource is not known or not enabled in this tenant", "install the API's application in the tenant, and check the scope's resource"),
    Diagnosis::new(50005, User, "a conditional access policy does not allow this platform", "sign in from one that it allows"),
    Diagnosis::new(50011, Developer, "the redirect URI is not one of the registered ones", "register it, letter by letter as it is sent"),
    Diagnosis::new(50012, AppOwner, "the subject or issuer of the certificate is not trusted", "check the app registration's certificate settings"),
    Diagnosis::new(50013, Developer, "the user's token was not issued for this API, or its signature is bad", "pass on the token that this API was called with, whose audience is this application"),
    Diagnosis::new(50020, Developer, "the user comes from another tenant and is no guest here", "ask the user's own tenant"),
    Diagnosis::new(50027, Developer, "a token or assertion that was sent is no valid JWT", "check what the file or provider gives"),
    Diagnosis::new(50033, Nobody, "a passing fault of Entra", "try again"),
    Diagnosis::new(50034, Administrator, "the user does not exist in this tenant", "check the user's name and the tenant"),
    Diagnosis::new(50049, Developer, "the authority is not one that Entra knows", "check Instance"),
    Diagnosis::new(50053, Administrator, "the user's account is locked", "wait, or have an administrator unlock it"),
    Diagnosis::new(50055, User, "the user's password has expired", "sign in and choose a new one"),
    Diagnosis::new(50057, Administrator, "the user's account is disabled", "enable it"),
    Diagnosis::new(50058, User, "the user is not signed in", "send them to sign in"),
    Diagnosis::new(50059, Developer, "no tenant could be found", "configure TenantId"),
    Diagnosis::new(50072, User, "the user must enrol for multi-factor authentication", "send them to sign in"),
    Diagnosis::new(50074, User, "the user must pass strong authentication", "send them to sign in"),
    Diagnosis::new(50076, User, "the user must pass multi-factor authentication", "send them to sign in with the claims"),
    Diagnosis::new(50078, User, "the user's multi-factor authentication has expired", "send them to sign in with the claims"),
    Diagnosis::new(50079, User, "the user must enrol for multi-factor authentication", "send them to sign in"),
    Diagnosis::new(50085, User, "the refresh token needs a sign-in with a social account", "send the user to sign in"),
    Diagnosis::new(50089, User, "the user's session has expired", "send them to sign in"),
    Diagnosis::new(50097, User, "the device must prove itself", "send the user to sign in on a registered device"),
    Diagnosis::new(50105, Administrator, "the user is not assigned to the application", "assign them in its enterprise application"),
    Diagnosis::new(50126, User, "user name or password is wrong", "send the user to sign in"),
    Diagnosis::new(50128, Developer, "the tenant cannot be found out of the request", "configure TenantId"),
    Diagnosis::new(50131, Administrator, "a conditional access policy blocks the sign-in", "ask the policy's owner"),
    Diagnosis::new(50132, User, "the user's session is no longer valid, after a new password for instance", "send them to sign in"),
    Diagnosis::new(50133, User, "the user's session is no longer valid, after a new password for instance", "send them to sign in"),
    Diagnosis::new(50140, User, "the user was interrupted while signing in", "send them to sign in again"),
    Diagnosis::new(50144, User, "the user's password has expired", "sign in and choose a new one"),
    Diagnosis::new(50158, User, "the user must pass an external check", "send them to sign in with the claims"),
    Diagnosis::new(50173, User, "the user's session was revoked, by a new password for instance", "send them to sign in"),
    Diagnosis::new(50194, Developer, "a single-tenant application was asked for through /common", "configure the tenant's id"),
    Diagnosis::new(50196, Developer, "too many identical requests, by a loop or a cache that is not used", "keep one acquirer for the life of the program, and do not repeat what was refused"),
    Diagnosis::new(51000, Administrator, "the feature is not enabled for this application or tenant", "have it enabled, or do without"),
    Diagnosis::new(51004, Developer, "the user account does not exist in this tenant", "ask the user's own tenant"),
    Diagnosis::new(53000, Administrator, "a conditional access policy wants a compliant device", "use one, or ask the policy's owner"),
    Diagnosis::new(53001, Administrator, "a conditional access policy wants a domain-joined device", "use one, or ask the policy's owner"),
    Diagnosis::new(53002, Administrator, "a conditional access policy wants an approved application", "use one, or ask the policy's owner"),
    Diagnosis::new(53003, Administrator, "a conditional access policy blocks the token", "ask the policy's owner"),
    Diagnosis::new(53004, User, "the user must enrol for multi-factor authentication, and is held back because of risk", "have them enrol from a trusted place, or ask an administrator"),
    Diagnosis::new(54005, User, "the code was redeemed before, and a code serves once", "send the user to sign in again"),
    Diagnosis::new(65001, User, "nobody has consented to these scopes", "ask the user, or an administrator, for consent (on behalf of a user it is this application that needs it, not the client)"),
    Diagnosis::new(65002, AppOwner, "the API's owner has not pre-authorized this application", "ask the API's owner to do so"),
    Diagnosis::new(65004, User, "the user declined to consent", "ask again when they need it"),
    Diagnosis::new(65005, AppOwner, "the application asks for an API that its registration does not list", "add the permission there"),
    Diagnosis::new(70000, User, "the code or refresh token is not valid", "send the user to sign in again"),
    Diagnosis::new(70001, Developer, "the application is not found in this tenant", "check ClientId, TenantId and the cloud, or install it there"),
    Diagnosis::new(70002, AppOwner, "the application could not be verified", "check its credential"),
    Diagnosis::new(70003, Developer, "Entra does not support this grant for the application", "use the on-behalf-of grant to exchange tokens, not RFC 8693"),
    Diagnosis::new(70007, Developer, "the response mode is not supported", "use query, fragment or form_post"),
    Diagnosis::new(70008, User, "the refresh token or code has expired", "send the user to sign in"),
    Diagnosis::new(70011, Developer, "a scope is malformed", "ask for scopes of one resource, spelled as its app registration shows them"),
    Diagnosis::new(70012, Nobody, "a passing fault of Entra", "try again"),
    Diagnosis::new(70043, User, "the sign-in frequency policy ended the session", "send the user to sign in"),
    Diagnosis::new(82001, Developer, "an agent blueprint gets no plain token of its own", "ask as one of its agents, by with_agent_identity"),
    Diagnosis::new(82008, Developer, "an agent was not named", "name its id, which goes along as fmi_path"),
    Diagnosis::new(90002, Developer, "the tenant does not exist in this cloud", "check TenantId and Instance"),
    Diagnosis::new(90006, Nobody, "a passing fault of Entra", "try again"),
    Diagnosis::new(90014, Developer, "a field of the request is missing", "check what was left empty"),
    Diagnosis::new(90015, Developer, "the query is too long", "send less along"),
    Diagnosis::new(90019, Developer, "no tenant is named", "configure TenantId"),
    Diagnosis::new(90024, Nobody, "a passing fault of Entra", "try again"),
    Diagnosis::new(90033, Nobody, "a passing fault of Entra", "try again"),
    Diagnosis::new(90038, Developer, "the tenant lives in another cloud", "configure the Instance of that cloud"),
    Diagnosis::new(90055, Nobody, "Entra is throttling this tenant", "try again later"),
    Diagnosis::new(90072, Developer, "the user comes from another tenant and is no guest here", "invite them, or ask the user's own tenant"),
    Diagnosis::new(90094, Administrator, "an administrator must consent", "send one to the admin consent page"),
    Diagnosis::new(90095, Administrator, "an administrator must consent, and the user's request was sent to one", "wait for them"),
    Diagnosis::new(90099, Administrator, "the application is not authorized in this tenant", "an administrator must consent to it"),
    Diagnosis::new(90124, Developer, "the resource is not offered through /common or /consumers", "name the tenant"),
    Diagnosis::new(90130, Developer, "the application is not offered through /common or /consumers", "name the tenant"),
    Diagnosis::new(100_007, Developer, "this application cannot use the regional endpoint", "remove AzureRegion"),
    Diagnosis::new(392_196, Administrator, "the resource does not support tokens that are bound to a certificate", "ask the API's owner, or use Bearer"),
    Diagnosis::new(500_011, Administrator, "the API is not installed in this tenant, or its App ID URI is spelled otherwise", "check the scope's resource, and install the API in the tenant"),
    Diagnosis::new(500_014, Administrator, "the API's application is disabled in this tenant", "enable it"),
    Diagnosis::new(500_021, Administrator, "the tenant's restrictions do not let this tenant be asked", "ask the network's administrator"),
    Diagnosis::new(500_113, AppOwner, "the application has no redirect URI", "register one"),
    Diagnosis::new(500_121, User, "the user did not pass strong authentication", "send them to sign in again"),
    Diagnosis::new(500_131, Developer, "the user's token was issued for another API", "pass on the token that this API was called with, whose audience is this application"),
    Diagnosis::new(500_133, User, "the user's token is outside its time range", "have the caller call again with a new one, or use a long-running session for work that outlasts it"),
    Diagnosis::new(500_181, Developer, "the certificate of the connection is not the one that the token is bound to", "ask for a token again after a certificate was renewed"),
    Diagnosis::new(500_207, Developer, "the account or resource is of another kind than the authority", "check Authority, which may lack /v2.0"),
    Diagnosis::new(500_212, Administrator, "the policy of the user's tenant does not allow access to the resource's tenant", "ask for it in the cross-tenant settings"),
    Diagnosis::new(500_213, Administrator, "the policy of the resource's tenant does not allow this user in", "ask for it in the cross-tenant settings"),
    Diagnosis::new(501_051, Administrator, "the application is not assigned to the API's roles", "assign it in the enterprise application"),
    Diagnosis::new(501_481, Developer, "the code's verifier is not the one that the sign-in was begun with", "keep it for the session of the same browser"),
    Diagnosis::new(530_003, Administrator, "a conditional access policy wants a compliant device", "use one, or ask the policy's owner"),
    Diagnosis::new(530_035, Administrator, "the tenant's security defaults block the sign-in", "sign in in a modern way, or ask the tenant's administrator"),
    Diagnosis::new(650_051, Administrator, "the application's name exists twice in this tenant", "have an administrator consent again"),
    Diagnosis::new(650_052, Administrator, "the tenant lacks the service behind this API", "subscribe to it, or assign a licence"),
    Diagnosis::new(650_053, AppOwner, "the API does not offer this scope", "spell it as the API's registration shows it"),
    Diagnosis::new(650_054, Administrator, "the API was removed from the tenant, or is not available there", "install it again"),
    Diagnosis::new(650_056, AppOwner, "the application's registration lacks a permission that it asks for", "add it there"),
    Diagnosis::new(650_057, AppOwner, "the application asks for an API that its registration does not list", "add the permission there"),
    Diagnosis::new(700_003, User, "the device is not known to the tenant", "send the user to sign in"),
    Diagnosis::new(700_005, Developer, "the code was issued for another tenant", "redeem it where it came from"),
    Diagnosis::new(700_016, Developer, "the application is not found in this tenant", "check ClientId, TenantId and the cloud, or install it there"),
    Diagnosis::new(700_021, Developer, "the assertion was issued for another application", "check ClientId, which the assertion's iss and sub must name"),
    Diagnosis::new(700_022, Developer, "the scopes belong to several resources", "ask for one resource at a time"),
    Diagnosis::new(700_023, Developer, "the assertion's audience is not Entra's token endpoint, or the scopes mix /.default with others", "use the endpoint of the tenant that is asked, and ask for /.default or for scopes"),
    Diagnosis::new(700_024, Developer, "the assertion is outside its time range", "set the clock, or look at who renews the federated token's file"),
    Diagnosis::new(700_025, AppOwner, "the application is registered as public, but a credential was sent", "change the registration, or its redirect URI's kind"),
    Diagnosis::new(700_027, AppOwner, "the assertion's signature is not that of a registered certificate", "upload the certificate, or configure the right one"),
    Diagnosis::new(700_030, AppOwner, "the certificate's subject or issuer is not trusted for this application", "check the trusted subject and issuer, and that SendX5C is set"),
    Diagnosis::new(700_038, Developer, "the client id is no application's id", "configure the GUID of the app registration as ClientId"),
    Diagnosis::new(700_054, AppOwner, "the response type is not enabled for this application", "enable id tokens in the registration"),
    Diagnosis::new(700_081, User, "the refresh token has come to the end of its life", "send the user to sign in"),
    Diagnosis::new(700_082, User, "the refresh token expired unused", "send the user to sign in"),
    Diagnosis::new(700_084, User, "the refresh token belongs to a single-page app and has expired", "send the user to sign in"),
    Diagnosis::new(700_211, AppOwner, "no federated credential has this issuer", "compare the assertion's iss with the registration, where case counts; for an agent, ask the tenant of its blueprint"),
    Diagnosis::new(700_212, AppOwner, "no federated credential has this audience", "compare the assertion's aud with the registration, where case counts"),
    Diagnosis::new(700_213, AppOwner, "no federated credential has this subject", "compare the assertion's sub with the registration, where case counts"),
    Diagnosis::new(700_222, Developer, "a token that Entra issued is not allowed as this federated assertion", "use the exchange audience of this cloud"),
    Diagnosis::new(700_229, Developer, "a user's token cannot be the federated assertion", "use an application's token, or a managed identity's"),
    Diagnosis::new(900_023, Developer, "the tenant is neither an id nor a domain", "check TenantId"),
    Diagnosis::new(900_144, Developer, "a field of the request is missing", "check what was left empty; for another provider, check Authority"),
    Diagnosis::new(900_382, Developer, "a confidential client cannot ask across clouds", "configure the Instance of the tenant's cloud"),
    Diagnosis::new(900_432, Developer, "a confidential client cannot ask across clouds", "configure the Instance of the tenant's cloud"),
    Diagnosis::new(900_561, Developer, "the endpoint takes only POST", "check for a proxy that redirects"),
    Diagnosis::new(900_971, Developer, "no redirect URI was sent", "name the one that the sign-in was begun with"),
    Diagnosis::new(1_000_502, AppOwner, "the certificate is outside its validity", "configure one that is valid now"),
    Diagnosis::new(1_000_610, Nobody, "the certificate that binds the token was revoked", "another one is made at the next try"),
    Diagnosis::new(1_000_611, Nobody, "the certificate that binds the token is not valid", "another one is made at the next try"),
    Diagnosis::new(1_000_612, Nobody, "the certificate that binds the token is not valid", "another one is made at the next try"),
    Diagnosis::new(1_000_613, Nobody, "the certificate that binds the token is not valid", "another one is made at the next try"),
    Diagnosis::new(1_000_614, Nobody, "the certificate that binds the token is not valid", "another one is made at the next try"),
    Diagnosis::new(1_002_012, Developer, "an application can ask for {resource}/.default only, and an agent's application only by way of its blueprint", "ask for /.default; name the agent by with_agent_identity"),
    Diagnosis::new(1_002_016, Developer, "the connection used a version of TLS that is no longer taken", "let TLS 1.2 or later through"),
    Diagnosis::new(7_000_112, Administrator, "the application is disabled in this tenant", "enable it"),
    Diagnosis::new(7_000_114, AppOwner, "the application is not allowed to act on behalf of users", "check its registration, and that the assertion is a user's"),
    Diagnosis::new(7_000_214, AppOwner, "the certificate was revoked", "configure another one"),
    Diagnosis::new(7_000_215, AppOwner, "the client secret is wrong", "configure the secret's value, not its id, which is a GUID"),
    Diagnosis::new(7_000_216, Developer, "neither secret nor assertion was sent", "configure ClientCredentials"),
    Diagnosis::new(7_000_218, Developer, "no credential was sent", "configure ClientCredentials"),
    Diagnosis::new(7_000_222, AppOwner, "the client secret has expired", "make a new one in the app registration, or use a certificate or a federated credential"),
    Diagnosis::new(7_000_229, Administrator, "the application has no service principal in this tenant", "install it there"),
    Diagnosis::new(7_000_274, AppOwner, "the assertion's signature is not that of a registered certificate", "upload the certificate, or configure the right one"),
    Diagnosis::new(7_000_277, AppOwner, "the certificate was revoked", "configure another one"),
    Diagnosis::new(7_002_137, AppOwner, "no federated credential has this subject", "compare the assertion's sub with the registration, where case counts; GitHub may write ids in it"),
    Diagnosis::new(7_002_138, AppOwner, "no federated credential has this audience", "compare the assertion's aud with the registration, where case counts"),
    Diagnosis::new(9_000_411, Developer, "a field was sent twice", "remove it from the extra parameters"),
    Diagnosis::new(9_001_023, Developer, "this grant is not offered through /common or /consumers", "name the tenant"),
    Diagnosis::new(9_002_313, Developer, "the request is malformed", "check the extra parameters"),
    Diagnosis::new(9_002_324, Developer, "both a secret and an assertion were sent", "remove one from the extra parameters"),
    Diagnosis::new(9_002_327, AppOwner, "the code was issued to a single-page app", "register the redirect URI as one of a web app"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_row_says_what_to_do() {
        assert!(TABLE.is_sorted_by(|a, b| a.number() < b.number()));
        for text in TABLE.iter().flat_map(|row| [row.cause(), row.fix()]) {
            assert!(text.len() > 6 && !text.ends_with('.') && !text.contains(": "), "{text}");
        }
    }

    #[test]
    fn the_first_known_number_explains() {
        assert!(
            diagnose(&[1, 65001]).is_some_and(|row| row.cause().contains("consent") && row.owner() == User)
        );
        assert_eq!(diagnose(&[1]), None);
    }

    #[test]
    fn what_users_ask_about_is_known() {
        // The numbers that users of other libraries bring to their issue trackers.
        for number in [
            16000, 28002, 50000, 50012, 50013, 50020, 50033, 50034, 50059, 50074, 50076, 50079, 50105, 50158,
            50173, 50194, 50196, 51000, 51004, 53000, 53003, 65001, 65005, 70003, 70008, 70011, 70043, 82001,
            82008, 90002, 90019, 90033, 90038, 90055, 90094, 90095, 90124, 90130, 100_007, 500_011, 500_131,
            500_133, 500_181, 500_207, 501_051, 530_035, 650_052, 650_056, 650_057, 700_016, 700_022,
            700_023, 700_024, 700_025, 700_027, 700_030, 700_038, 700_082, 700_084, 700_211, 700_212,
            700_213, 700_222, 700_229, 900_023, 900_144, 900_382, 900_432, 1_000_502, 1_000_610, 1_000_614,
            1_002_012, 7_000_114, 7_000_214, 7_000_215, 7_000_218, 7_000_222, 7_000_229, 7_000_274,
            7_000_277, 7_002_137, 7_002_138, 9_001_023, 9_002_324,
        ] {
            assert!(diagnose(&[number]).is_some(), "{number}");
        }
    }
}
