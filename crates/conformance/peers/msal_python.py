"""MSAL Python against the emulator."""

import msal
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from report import AUTHORITY, CA, GRAPH, browser, check, client, end, expect, scenario, setting, signed_assertion, text

APP_SCOPE = [f"{GRAPH}/.default"]
USER_SCOPE = [f"{GRAPH}/User.Read"]
EXCHANGE = ["api://AzureADTokenExchange/.default"]
API, DAEMON, BLUEPRINT, AGENT = (setting[name] for name in ("api", "daemon", "blueprint", "agent"))
OWN_SCOPE = [f"api://{API}/access_as_user"]
REDIRECT = "http://localhost:1/signed-in"
CHALLENGE = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'

key, certificate = text(setting["key"]), text(setting["certificate"])
parsed = x509.load_pem_x509_certificate(certificate.encode())
with_x5c = {"private_key": key, "public_certificate": certificate}
renewed = {"private_key": text(setting["renewed_key"]), "public_certificate": text(setting["renewed_certificate"])}
sha1 = parsed.fingerprint(hashes.SHA1()).hex()


def app(id, credential, **options):
    options = {"authority": AUTHORITY, "instance_discovery": False, **options}
    return msal.ConfidentialClientApplication(id, client_credential=credential, verify=CA, **options)


def granted(result, source="identity_provider", **wanted):
    expect(result and "access_token" in result, f"no token: {result}")
    expect(result["token_source"] == source, f"the token comes from {result['token_source']}, not {source}")
    check(result["access_token"], **wanted)
    return result


def refused(result, error, number):
    expect(result.get("error") == error, f"error is {result.get('error')}, not {error}")
    expect(number in result.get("error_codes", []), f"AADSTS{number} is not in {result.get('error_codes')}")
    expect(str(number) in result["error_description"] and result.get("correlation_id"), "no description or correlation id")
    return result


def daemon(credential, **options):
    return granted(
        app(DAEMON, credential, **options).acquire_token_for_client(APP_SCOPE), client=DAEMON, aud=GRAPH, idtyp="app"
    )


def pfx():
    path = setting["key"] + ".pfx"
    with open(path, "wb") as file:
        private = load_pem_private_key(key.encode(), None)
        file.write(pkcs12.serialize_key_and_certificates(b"c", private, parsed, None, BestAvailableEncryption(b"pass")))
    return {"private_key_pfx_path": path, "passphrase": "pass"}


client("MSAL Python", msal.__version__)

# As the application.
by_secret = app(DAEMON, setting["daemon_secret"])
scenario("client secret", lambda: granted(by_secret.acquire_token_for_client(APP_SCOPE), client=DAEMON, appidacr="1"))
scenario("client secret, again: from its cache", lambda: granted(by_secret.acquire_token_for_client(APP_SCOPE), "cache"))
scenario(
    "client secret, a claims challenge passes its cache",
    lambda: granted(by_secret.acquire_token_for_client(APP_SCOPE, claims_challenge=CHALLENGE)),
)
scenario(
    "client secret, a v2 token",
    lambda: granted(by_secret.acquire_token_for_client(["api://orders/.default"]), ver="2.0", roles=["Orders.Read.All"]),
)
scenario("certificate with x5c", lambda: daemon(with_x5c))
scenario("certificate by SHA-1 thumbprint with x5c", lambda: daemon({**with_x5c, "thumbprint": sha1}))
scenario("certificate by SHA-1 thumbprint without x5c", lambda: daemon({"private_key": key, "thumbprint": sha1}))
scenario("certificate from PFX without x5c", lambda: daemon(pfx()))
scenario("certificate from PFX with x5c", lambda: daemon({**pfx(), "public_certificate": True}))
scenario("renewed certificate, trusted by subject and issuer", lambda: daemon(renewed))
scenario("signed assertion", lambda: daemon({"client_assertion": lambda *_: signed_assertion(DAEMON)}))
scenario(
    "signed assertion of a federated issuer",
    lambda: daemon({"client_assertion": lambda *_: text(setting["workload_assertion"])}),
)
scenario(
    "authority as an OpenID provider",
    lambda: daemon(setting["daemon_secret"], authority=None, oidc_authority=f"{AUTHORITY}/v2.0"),
)
scenario(
    "wrong secret is refused",
    lambda: refused(app(DAEMON, "no such secret").acquire_token_for_client(APP_SCOPE), "invalid_client", 7000215),
)
scenario(
    "unregistered certificate is refused",
    lambda: refused(app(API, renewed).acquire_token_for_client(APP_SCOPE), "invalid_client", 700027),
)

# As a user who signs in.
web = app(API, setting["api_secret"])
user = {}


def sign_in():
    flow = web.initiate_auth_code_flow(OWN_SCOPE, redirect_uri=REDIRECT, login_hint=setting["user"])
    expect("code_challenge=" in flow["auth_uri"] and flow["nonce"], "the client asked without PKCE or nonce")
    result = web.acquire_token_by_auth_code_flow(flow, browser(flow["auth_uri"]))
    user.update(granted(result, oid=setting["user_id"], scp="access_as_user"))
    expect(user["id_token_claims"]["preferred_username"] == setting["user"], "the id token is another user's")


def silent(scopes, source="identity_provider", **options):
    [account] = web.get_accounts(setting["user"])
    return granted(web.acquire_token_silent(scopes, account, **options), source, oid=setting["user_id"])


scenario("authorization code with PKCE and nonce", sign_in)
scenario("authorization code, silent: from its cache", lambda: silent(OWN_SCOPE, "cache"))
scenario("refresh token, forced", lambda: silent(OWN_SCOPE, force_refresh=True))
scenario("refresh token, for another resource", lambda: silent(USER_SCOPE))
scenario(
    "refresh token, by hand",
    lambda: granted(web.acquire_token_by_refresh_token(user["refresh_token"], OWN_SCOPE), oid=setting["user_id"]),
)


def wrong_code():
    result = web.acquire_token_by_authorization_code("no-such-code", OWN_SCOPE, redirect_uri=REDIRECT)
    refused(result, "invalid_grant", 70000)


scenario("wrong code is refused", wrong_code)

# On behalf of that user.
asserted = app(API, {"client_assertion": lambda *_: signed_assertion(API)})


def on_behalf_of(by, scopes=USER_SCOPE):
    return by.acquire_token_on_behalf_of(user["access_token"], scopes)


def step_up():
    result = refused(on_behalf_of(web, ["api://safe/open"]), "interaction_required", 50076)
    expect("c1" in result.get("claims", ""), f"no claims: {result}")


for name, by in (("client secret", web), ("certificate", app(API, with_x5c)), ("signed assertion", asserted)):
    scenario(
        f"on behalf of a user, by {name}",
        lambda by=by: granted(on_behalf_of(by), client=API, oid=setting["user_id"], scp="User.Read"),
    )
scenario(
    "on behalf of a user without consent is refused",
    lambda: refused(on_behalf_of(web, ["api://payroll/read"]), "invalid_grant", 65001),
)
scenario("on behalf of a user who must step up: claims", step_up)

# As an agent of a blueprint, and as the agent's user.
blueprint = app(BLUEPRINT, setting["blueprint_secret"])


def leg_one():
    return blueprint.acquire_token_for_client(EXCHANGE, fmi_path=AGENT)


agent = app(AGENT, {"client_assertion": lambda *_: leg_one()["access_token"]})


def agent_user(**who):
    instance = agent.acquire_token_for_client(EXCHANGE)["access_token"]
    result = agent.acquire_token_by_user_federated_identity_credential(USER_SCOPE, instance, **who)
    granted(result, client=AGENT, oid=setting["agent_user_id"], scp="User.Read")


scenario("agent, leg 1: the blueprint names it", lambda: granted(leg_one(), client=BLUEPRINT))
scenario(
    "agent, autonomous",
    lambda: granted(agent.acquire_token_for_client(APP_SCOPE), client=AGENT, idtyp="app", xms_par_app_azp=BLUEPRINT),
)
scenario(
    "agent, leg 2: its own token for the exchange",
    lambda: granted(agent.acquire_token_for_client(EXCHANGE), client=AGENT),
)
scenario("agent, leg 3: its user by name", lambda: agent_user(username=setting["agent_user"]))
scenario("agent, leg 3: its user by object id", lambda: agent_user(user_object_id=setting["agent_user_id"]))
end()
