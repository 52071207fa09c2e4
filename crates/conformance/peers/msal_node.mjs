// MSAL Node against the emulator.

import { createHash, X509Certificate } from 'node:crypto';

import { AUTHORITY, GRAPH, HOST, assert, browser, check, client, end, load } from './report.mjs';
import { scenario, setting, signedAssertion, text, version } from './report.mjs';

const { default: msal } = await load('@azure/msal-node');
const { api: API, daemon: DAEMON, blueprint: BLUEPRINT, agent: AGENT } = setting;
const APP_SCOPE = [`${GRAPH}/.default`];
const USER_SCOPE = [`${GRAPH}/User.Read`];
const OWN_SCOPE = [`api://${API}/access_as_user`];
const EXCHANGE = ['api://AzureADTokenExchange/.default'];
const REDIRECT = 'http://localhost:1/signed-in';
const CHALLENGE = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';

const fingerprint = (path, hash) => createHash(hash).update(new X509Certificate(text(path)).raw).digest('hex');
const certificate = {
  privateKey: text(setting.key),
  thumbprintSha256: fingerprint(setting.certificate, 'sha256'),
};
const x5c = text(setting.certificate);
const renewed = {
  privateKey: text(setting.renewed_key),
  thumbprintSha256: fingerprint(setting.renewed_certificate, 'sha256'),
  x5c: text(setting.renewed_certificate),
};

// The port belongs to the name of an authority that is known.
const app = (clientId, credential, { auth = {}, system = {} } = {}) =>
  new msal.ConfidentialClientApplication({
    auth: { clientId, authority: AUTHORITY, knownAuthorities: [new URL(HOST).host], ...credential, ...auth },
    system: { loggerOptions: { logLevel: msal.LogLevel.Error, loggerCallback: () => {} }, ...system },
  });

async function granted(result, wanted = {}, fromCache = false) {
  assert.equal(result.fromCache, fromCache, `fromCache is ${result.fromCache}`);
  await check(result.accessToken, wanted);
  return result;
}

const daemon = async (credential, options) =>
  granted(await app(DAEMON, credential, options).acquireTokenByClientCredential({ scopes: APP_SCOPE }), {
    client: DAEMON,
    aud: GRAPH,
    idtyp: 'app',
  });

const refused = (play, wanted) =>
  assert.rejects(play, error => {
    for (const [name, value] of Object.entries(wanted)) {
      assert.ok(String(error[name]).includes(value), `the error's ${name} is ${error[name]}, without ${value}`);
    }
    return true;
  });

client('MSAL Node', version('@azure/msal-node'));

// As the application.
const bySecret = app(DAEMON, { clientSecret: setting.daemon_secret });
await scenario('client secret', async () =>
  granted(await bySecret.acquireTokenByClientCredential({ scopes: APP_SCOPE }), { client: DAEMON, appidacr: '1' }));
await scenario('client secret, again: from its cache', async () =>
  granted(await bySecret.acquireTokenByClientCredential({ scopes: APP_SCOPE }), {}, true));
await scenario('client secret, a claims challenge passes its cache', async () =>
  granted(await bySecret.acquireTokenByClientCredential({ scopes: APP_SCOPE, claims: CHALLENGE })));
await scenario('client secret, a v2 token', async () =>
  granted(await bySecret.acquireTokenByClientCredential({ scopes: ['api://orders/.default'] }), {
    ver: '2.0',
    roles: ['Orders.Read.All'],
  }));
await scenario('certificate with x5c', () => daemon({ clientCertificate: { ...certificate, x5c } }));
await scenario('certificate without x5c', () => daemon({ clientCertificate: certificate }));
await scenario('certificate by SHA-1 thumbprint with x5c', () =>
  daemon({
    clientCertificate: { privateKey: text(setting.key), thumbprint: fingerprint(setting.certificate, 'sha1'), x5c },
  }));
await scenario('renewed certificate, trusted by subject and issuer', () => daemon({ clientCertificate: renewed }));
await scenario('signed assertion', () => daemon({ clientAssertion: () => signedAssertion(DAEMON) }));
await scenario('signed assertion of a federated issuer', () => daemon({ clientAssertion: async () => text(setting.workload_assertion) }));
await scenario('authority as an OpenID provider', () =>
  daemon(
    { clientSecret: setting.daemon_secret },
    { auth: { authority: `${AUTHORITY}/v2.0` }, system: { protocolMode: 'OIDC' } },
  ));
await scenario('wrong secret is refused', () =>
  refused(() => daemon({ clientSecret: 'no such secret' }), { errorCode: 'invalid_client', message: '7000215' }));
await scenario('unregistered certificate is refused', () =>
  refused(() => app(API, { clientCertificate: renewed }).acquireTokenByClientCredential({ scopes: APP_SCOPE }), {
    errorCode: 'invalid_client',
    message: '700027',
  }));

// As a user who signs in.
const web = app(API, { clientSecret: setting.api_secret });
let user;
await scenario('authorization code with PKCE and nonce', async () => {
  const { verifier, challenge } = await new msal.CryptoProvider().generatePkceCodes();
  const asked = { scopes: OWN_SCOPE, redirectUri: REDIRECT };
  const pkce = { codeChallenge: challenge, codeChallengeMethod: 'S256' };
  const url = await web.getAuthCodeUrl({ ...asked, ...pkce, state: 'a state', nonce: 'a nonce', loginHint: setting.user });
  const answer = await browser(url);
  assert.equal(answer.state, 'a state');
  user = await web.acquireTokenByCode({ ...asked, code: answer.code, codeVerifier: verifier, nonce: 'a nonce' });
  await granted(user, { oid: setting.user_id, scp: 'access_as_user' });
  assert.equal(user.account.username, setting.user);
});
const silent = (scopes, options) => web.acquireTokenSilent({ account: user.account, scopes, ...options });
await scenario('authorization code, silent: from its cache', async () =>
  granted(await silent(OWN_SCOPE), { oid: setting.user_id }, true));
await scenario('refresh token, forced', async () =>
  granted(await silent(OWN_SCOPE, { forceRefresh: true }), { oid: setting.user_id, scp: 'access_as_user' }));
await scenario('refresh token, for another resource', async () =>
  granted(await silent(USER_SCOPE), { oid: setting.user_id, scp: 'User.Read' }));
await scenario('wrong code is refused', () =>
  refused(() => web.acquireTokenByCode({ scopes: OWN_SCOPE, redirectUri: REDIRECT, code: 'no-such-code' }), {
    errorCode: 'invalid_grant',
    message: '70000',
  }));

// On behalf of that user.
const onBehalfOf = (by, scopes) => by.acquireTokenOnBehalfOf({ oboAssertion: user.accessToken, scopes });
const proofs = {
  'client secret': web,
  certificate: app(API, { clientCertificate: { ...certificate, x5c } }),
  'signed assertion': app(API, { clientAssertion: () => signedAssertion(API) }),
};
for (const [name, by] of Object.entries(proofs)) {
  await scenario(`on behalf of a user, by ${name}`, async () =>
    granted(await onBehalfOf(by, USER_SCOPE), { client: API, oid: setting.user_id, scp: 'User.Read' }));
}
await scenario('on behalf of a user, again: from its cache', async () => granted(await onBehalfOf(web, USER_SCOPE), {}, true));
await scenario('on behalf of a user without consent is refused', () =>
  refused(() => onBehalfOf(web, ['api://payroll/read']), { errorCode: 'invalid_grant', message: '65001' }));
await scenario('on behalf of a user who must step up: claims', () =>
  refused(() => onBehalfOf(web, ['api://safe/open']), {
    errorCode: 'interaction_required',
    message: '50076',
    claims: 'c1',
  }));

// As an agent of a blueprint, and as the agent's user.
const blueprint = app(BLUEPRINT, { clientSecret: setting.blueprint_secret });
const legOne = () => blueprint.acquireTokenByClientCredential({ scopes: EXCHANGE, fmiPath: AGENT });
const agent = app(AGENT, { clientAssertion: async () => (await legOne()).accessToken });
const legTwo = () => agent.acquireTokenByClientCredential({ scopes: EXCHANGE });
const agentUser = async who => {
  const { accessToken: assertion } = await legTwo();
  const result = await agent.acquireTokenByUserFederatedIdentityCredential({ scopes: USER_SCOPE, assertion, ...who });
  await check(result.accessToken, { client: AGENT, oid: setting.agent_user_id, scp: 'User.Read' });
};
await scenario('agent, leg 1: the blueprint names it', async () => granted(await legOne(), { client: BLUEPRINT }));
await scenario('agent, autonomous', async () =>
  granted(await agent.acquireTokenByClientCredential({ scopes: APP_SCOPE }), {
    client: AGENT,
    idtyp: 'app',
    xms_par_app_azp: BLUEPRINT,
  }));
await scenario('agent, leg 2: its own token for the exchange', async () => granted(await legTwo(), { client: AGENT }));
await scenario('agent, leg 3: its user by name', () => agentUser({ username: setting.agent_user }));
await scenario('agent, leg 3: its user by object id', () => agentUser({ userObjectId: setting.agent_user_id }));
end();
