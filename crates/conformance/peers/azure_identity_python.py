"""azure-identity (Python) against the emulator."""

import urllib.parse

import azure.identity
from azure.core.exceptions import ClientAuthenticationError

from report import AUTHORITY, CA, GRAPH, HOST, TENANT
from report import browser, check, client, end, expect, scenario, setting, signed_assertion, text

APP_SCOPE = f"{GRAPH}/.default"
USER_SCOPE = f"{GRAPH}/User.Read"
API, DAEMON = setting["api"], setting["daemon"]
EMULATOR = {"authority": HOST, "disable_instance_discovery": True, "connection_verify": CA}

# The form in which this library takes a certificate: key and certificate in one PEM.
pem = (text(setting["key"]) + text(setting["certificate"])).encode()


def daemon(credential):
    check(credential.get_token(APP_SCOPE).token, client=DAEMON, aud=GRAPH, idtyp="app")


def certificate(**options):
    daemon(azure.identity.CertificateCredential(TENANT, DAEMON, certificate_data=pem, **options, **EMULATOR))


def workload():
    whose = {"tenant_id": TENANT, "client_id": DAEMON, "token_file_path": setting["workload_assertion"]}
    daemon(azure.identity.WorkloadIdentityCredential(**whose, **EMULATOR))


def on_behalf_of(**proof):
    user = text(setting["user_token"])
    credential = azure.identity.OnBehalfOfCredential(TENANT, API, user_assertion=user, **proof, **EMULATOR)
    check(credential.get_token(USER_SCOPE).token, client=API, oid=setting["user_id"], scp="User.Read")


def code():
    scope = f"api://{API}/access_as_user"
    redirect = "http://localhost:1/signed-in"
    query = {"client_id": API, "response_type": "code", "redirect_uri": redirect, "login_hint": setting["user"]}
    query = urllib.parse.urlencode(query | {"scope": f"openid offline_access {scope}"})
    answer = browser(f"{AUTHORITY}/oauth2/v2.0/authorize?{query}")
    credential = azure.identity.AuthorizationCodeCredential(
        TENANT, API, answer["code"], redirect, client_secret=setting["api_secret"], **EMULATOR
    )
    check(credential.get_token(scope).token, oid=setting["user_id"], scp="access_as_user")
    # A claims challenge passes its cache, so that the refresh token is taken.
    challenge = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}'
    check(credential.get_token(scope, claims=challenge).token, oid=setting["user_id"], scp="access_as_user")


def wrong_secret():
    try:
        azure.identity.ClientSecretCredential(TENANT, DAEMON, "no such secret", **EMULATOR).get_token(APP_SCOPE)
    except ClientAuthenticationError as error:
        return expect("AADSTS7000215" in str(error), f"another error: {error}")
    raise AssertionError("it was accepted")


client("azure-identity (Python)", azure.identity.__version__)
scenario(
    "ClientSecretCredential",
    lambda: daemon(azure.identity.ClientSecretCredential(TENANT, DAEMON, setting["daemon_secret"], **EMULATOR)),
)
scenario("CertificateCredential with x5c", lambda: certificate(send_certificate_chain=True))
scenario("CertificateCredential without x5c", certificate)
scenario(
    "ClientAssertionCredential",
    lambda: daemon(
        azure.identity.ClientAssertionCredential(TENANT, DAEMON, lambda: signed_assertion(DAEMON), **EMULATOR)
    ),
)
scenario("WorkloadIdentityCredential", workload)
scenario("OnBehalfOfCredential, by client secret", lambda: on_behalf_of(client_secret=setting["api_secret"]))
scenario("OnBehalfOfCredential, by certificate", lambda: on_behalf_of(client_certificate=pem))
scenario("OnBehalfOfCredential, by signed assertion", lambda: on_behalf_of(client_assertion_func=lambda: signed_assertion(API)))
scenario("AuthorizationCodeCredential, then its refresh token", code)
scenario("wrong secret is refused", wrong_secret)
end()
