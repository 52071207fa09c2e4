// What the Node probes share: the setting, one JSON line per scenario, a check of every token, a browser.
// Packages are found from the folder where they were installed, not from here.

import assert from 'node:assert/strict';
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [settingPath, packages] = process.argv.slice(2);
const installed = createRequire(pathToFileURL(`${packages}/package.json`));

export { assert };
export const text = path => readFileSync(path, 'utf8');
export const setting = JSON.parse(text(settingPath));
export const load = name => import(pathToFileURL(installed.resolve(name)));
export const version = name => JSON.parse(text(`${packages}/node_modules/${name}/package.json`)).version;

export const HOST = setting.authority_host;
export const TENANT = setting.tenant;
export const AUTHORITY = `${HOST}/${TENANT}`;
export const GRAPH = 'https://graph.microsoft.com';

const jose = await load('jose');
const keys = jose.createRemoteJWKSet(new URL(`${AUTHORITY}/discovery/v2.0/keys`));
const say = line => console.log(JSON.stringify(line));

export const client = (name, version) => say({ client: name, version });
export const end = () => say({ end: true });

export async function scenario(name, play) {
  try {
    await play();
    say({ scenario: name });
  } catch (error) {
    say({ scenario: name, flaw: `${error.name}: ${error.message}`.slice(0, 600) });
  }
}

// Whether the emulator's published key signed this access token, and it says what it should.
export async function check(token, wanted = {}) {
  const { payload } = await jose.jwtVerify(token, keys, { algorithms: ['RS256'], requiredClaims: ['exp', 'iss'] });
  const claims = { ...payload, client: payload.azp ?? payload.appid };
  for (const [name, value] of Object.entries(wanted)) {
    const said = claims[name];
    assert.deepEqual(said, value, `the token's ${name} is ${JSON.stringify(said)}, not ${JSON.stringify(value)}`);
  }
  return claims;
}

// An assertion that another library than the client's own signed: PS256, named by its SHA-256 thumbprint.
export async function signedAssertion(app) {
  const thumbprint = createHash('sha256').update(new X509Certificate(text(setting.certificate)).raw).digest('base64url');
  return new jose.SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'PS256', typ: 'JWT', 'x5t#S256': thumbprint })
    .setIssuer(app)
    .setSubject(app)
    .setAudience(`${AUTHORITY}/oauth2/v2.0/token`)
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime('5m')
    .sign(await jose.importPKCS8(text(setting.key), 'PS256'));
}

// Follows a sign-in to where its code is sent, and gives what the redirect carries.
export async function browser(url) {
  const answer = await fetch(url, { redirect: 'manual' });
  const location = answer.headers.get('location');
  assert.ok(location, `/authorize answered ${answer.status}`);
  return Object.fromEntries(new URL(location).searchParams);
}
