// @azure/identity against the emulator.

import { AUTHORITY, GRAPH, HOST, TENANT, assert, browser, check, client, end, load } from './report.mjs';
import { scenario, setting, signedAssertion, text, version } from './report.mjs';

const azure = await load('@azure/identity');
const { api: API, daemon: DAEMON } = setting;
const APP_SCOPE = `${GRAPH}/.default`;
const USER_SCOPE = `${GRAPH}/User.Read`;
const emulator = { authorityHost: HOST, disableInstanceDiscovery: true };

// The form in which this library takes a certificate: key and certificate in one PEM.
const certificate = text(setting.key) + text(setting.certificate);

const daemon = async credential =>
  check((await credential.getToken(APP_SCOPE)).token, { client: DAEMON, aud: GRAPH, idtyp: 'app' });

async function onBehalfOf(proof) {
  const asked = { tenantId: TENANT, clientId: API, userAssertionToken: text(setting.user_token) };
  const credential = new azure.OnBehalfOfCredential({ ...asked, ...proof, ...emulator });
  await check((await credential.getToken(USER_SCOPE)).token, { client: API, oid: setting.user_id, scp: 'User.Read' });
}

client('@azure/identity', version('@azure/identity'));
await scenario('ClientSecretCredential', () =>
  daemon(new azure.ClientSecretCredential(TENANT, DAEMON, setting.daemon_secret, emulator)));
await scenario('ClientCertificateCredential with x5c', () =>
  daemon(new azure.ClientCertificateCredential(TENANT, DAEMON, { certificate }, { ...emulator, sendCertificateChain: true })));
await scenario('ClientCertificateCredential without x5c', () =>
  daemon(new azure.ClientCertificateCredential(TENANT, DAEMON, { certificate }, emulator)));
await scenario('ClientAssertionCredential', () =>
  daemon(new azure.ClientAssertionCredential(TENANT, DAEMON, () => signedAssertion(DAEMON), emulator)));
await scenario('WorkloadIdentityCredential', () => {
  const whose = { tenantId: TENANT, clientId: DAEMON, tokenFilePath: setting.workload_assertion };
  return daemon(new azure.WorkloadIdentityCredential({ ...whose, ...emulator }));
});
await scenario('OnBehalfOfCredential, by client secret', () => onBehalfOf({ clientSecret: setting.api_secret }));
await scenario('OnBehalfOfCredential, by certificate', () => onBehalfOf({ certificatePath: setting.key_and_certificate }));
await scenario('OnBehalfOfCredential, by signed assertion', () => onBehalfOf({ getAssertion: () => signedAssertion(API) }));
await scenario('AuthorizationCodeCredential, then its refresh token', async () => {
  const redirect = 'http://localhost:1/signed-in';
  const scope = `api://${API}/access_as_user`;
  const query = new URLSearchParams({
    client_id: API,
    response_type: 'code',
    redirect_uri: redirect,
    scope: `openid profile offline_access ${scope}`,
    login_hint: setting.user,
  });
  const { code } = await browser(`${AUTHORITY}/oauth2/v2.0/authorize?${query}`);
  const credential = new azure.AuthorizationCodeCredential(TENANT, API, setting.api_secret, code, redirect, emulator);
  await check((await credential.getToken(scope)).token, { oid: setting.user_id, scp: 'access_as_user' });
  await check((await credential.getToken(USER_SCOPE)).token, { oid: setting.user_id, scp: 'User.Read' });
});
await scenario('wrong secret is refused', () =>
  assert.rejects(
    new azure.ClientSecretCredential(TENANT, DAEMON, 'no such secret', emulator).getToken(APP_SCOPE),
    /AADSTS7000215/,
  ));
end();
