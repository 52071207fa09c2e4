// oidc-provider as an authorization server that knows its clients by the certificates of their connections (RFC 8705),
// binds tokens to them, and guards its userinfo endpoint with them. Prints one line when it listens.

import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// What starts this program hears one line; the provider's notices go where logs go.
console.info = console.error;
const [settingPath, packages] = process.argv.slice(2);
const setting = JSON.parse(readFileSync(settingPath, 'utf8'));
const installed = createRequire(pathToFileURL(`${packages}/package.json`));
const { Provider } = await import(pathToFileURL(installed.resolve('oidc-provider')));
const { version } = JSON.parse(readFileSync(`${packages}/node_modules/oidc-provider/package.json`, 'utf8'));

const resource = new URL(setting.scope).origin;
const publicKey = new X509Certificate(setting.self_signed).publicKey.export({ format: 'jwk' });
const certificate = new X509Certificate(setting.self_signed).raw.toString('base64');
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const redirect = 'https://client.example/signed-in';

const bound = {
  grant_types: ['client_credentials', 'authorization_code'],
  response_types: ['code'],
  redirect_uris: [redirect],
  scope: `openid ${setting.scope}`,
  tls_client_certificate_bound_access_tokens: true,
};
const byAuthority = {
  ...bound,
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_san_dns: setting.name,
};
const configuration = {
  clients: [
    { ...byAuthority, client_id: setting.authority_client },
    { ...byAuthority, client_id: setting.plain_client },
    {
      ...bound,
      client_id: setting.self_signed_client,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [{ ...publicKey, use: 'sig', x5c: [certificate] }] },
    },
  ],
  clientAuthMethods: ['tls_client_auth', 'self_signed_tls_client_auth'],
  cookies: { keys: ['unused'] },
  jwks: { keys: [{ ...signingKey, kid: 'of-this-run', use: 'sig', alg: 'RS256' }] },
  scopes: ['openid', setting.scope],
  // What an API of Entra looks at beside issuer, audience and times.
  extraTokenClaims: () => ({ tid: setting.tenant, ver: '2.0', idtyp: 'app', roles: ['Orders.Read.All'] }),
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    // Who asks for the openid scope means the userinfo endpoint; all else is for the API.
    resourceIndicators: {
      enabled: true,
      defaultResource: context => (context.oidc.params.scope === setting.scope ? resource : undefined),
      getResourceServerInfo: () => ({ scope: setting.scope, accessTokenFormat: 'jwt', accessTokenTTL: 3600 }),
    },
    // The comparisons with a certificate are the provider's own and Node's: nothing here looks into one.
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: context => context.socket.getPeerX509Certificate(),
      certificateAuthorized: context => context.socket.authorized,
      certificateSubjectMatches: (context, property, expected) =>
        property === 'tls_client_auth_san_dns' &&
        context.socket.getPeerX509Certificate().checkHost(expected, { subject: 'never' }) === expected,
    },
  },
};

const tls = { key: setting.tls_key, cert: setting.tls_certificate, ca: setting.ca };
// Who shows none, or one that nobody vouches for, is answered: by the provider, with what it makes of it.
const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: false });
server.listen(0, '127.0.0.1', async () => {
  const mount = `/${setting.tenant}/v2.0`;
  const origin = `https://localhost:${server.address().port}`;
  const provider = new Provider(origin + mount, configuration);
  provider.on('server_error', (_context, error) => console.error(error));
  provider.on('grant.error', (_context, error) => console.error(error.error, error.error_detail ?? error.error_description));
  // RFC 8705 calls a bound token Bearer; Entra calls it by what was asked for. One client is answered as the RFC has it.
  provider.use(async (context, next) => {
    await next();
    const { route, body, client } = context.oidc ?? {};
    const asked = route === 'token' && body?.token_type === 'mtls_pop' && context.status === 200;
    if (asked && client.clientId !== setting.plain_client) context.body.token_type = body.token_type;
  });
  // Somebody signed in: what is left is to redeem the code.
  const code = async clientId => {
    const grant = new provider.Grant({ accountId: 'alice', clientId });
    grant.addOIDCScope('openid');
    const client = await provider.Client.find(clientId);
    const signedIn = { accountId: 'alice', client, redirectUri: redirect, scope: 'openid', gty: 'authorization_code' };
    return new provider.AuthorizationCode({ ...signedIn, grantId: await grant.save() }).save();
  };
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith(`${mount}/`)) return response.writeHead(404).end();
    request.originalUrl = request.url;
    request.url = request.url.slice(mount.length);
    return serve(request, response);
  });
  const issuer = provider.issuer;
  console.log(JSON.stringify({ origin, issuer, version, redirect, code: await code(setting.authority_client) }));
});
