"""What the Python probes share: the setting, one JSON line per scenario, a check of every token, a browser."""

import base64
import hashlib
import json
import ssl
import sys
import time
import urllib.parse
import uuid

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

with open(sys.argv[1], encoding="utf-8") as file:
    setting = json.load(file)

HOST = setting["authority_host"]
TENANT = setting["tenant"]
AUTHORITY = f"{HOST}/{TENANT}"
CA = setting["ca"]
GRAPH = "https://graph.microsoft.com"

_keys = jwt.PyJWKClient(f"{AUTHORITY}/discovery/v2.0/keys", ssl_context=ssl.create_default_context(cafile=CA))


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def client(name, version):
    print(json.dumps({"client": name, "version": version}), flush=True)


def scenario(name, play):
    try:
        play()
        line = {"scenario": name}
    except Exception as error:  # whatever it is, it is the verdict
        line = {"scenario": name, "flaw": f"{type(error).__name__}: {error}"[:600]}
    print(json.dumps(line), flush=True)


def end():
    print(json.dumps({"end": True}), flush=True)


def expect(condition, flaw):
    if not condition:
        raise AssertionError(flaw)


def check(token, **wanted):
    """Whether the emulator's published key signed this access token, and it says what it should."""
    key = _keys.get_signing_key_from_jwt(token)
    options = {"verify_aud": False, "require": ["exp", "iss"]}
    claims = jwt.decode(token, key, algorithms=["RS256"], options=options)
    claims["client"] = claims.get("azp") or claims.get("appid")
    for name, value in wanted.items():
        expect(claims.get(name) == value, f"the token's {name} is {claims.get(name)!r}, not {value!r}")
    return claims


def signed_assertion(app):
    """An assertion that another library than the client's own signed: PS256, named by its SHA-256 thumbprint."""
    der = x509.load_pem_x509_certificate(text(setting["certificate"]).encode()).public_bytes(Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    now = int(time.time())
    claims = {"aud": f"{AUTHORITY}/oauth2/v2.0/token", "iss": app, "sub": app, "jti": str(uuid.uuid4())}
    claims |= {"iat": now, "nbf": now, "exp": now + 300}
    return jwt.encode(claims, text(setting["key"]), "PS256", headers={"x5t#S256": thumbprint})


def browser(url):
    """Follows a sign-in to where its code is sent, and gives what the redirect carries."""
    answer = requests.get(url, verify=CA, allow_redirects=False, timeout=30)
    expect(answer.is_redirect, f"/authorize answered {answer.status_code}: {answer.text[:300]}")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlparse(answer.headers["location"]).query))
