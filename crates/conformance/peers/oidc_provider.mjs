// oidc-provider as an authorization server for our own client. Prints one line when it listens.

import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [settingPath, packages] = process.argv.slice(2);
const setting = JSON.parse(readFileSync(settingPath, 'utf8'));
const installed = createRequire(pathToFileURL(`${packages}/package.json`));
const { Provider } = await import(pathToFileURL(installed.resolve('oidc-provider')));
const { version } = JSON.parse(readFileSync(`${packages}/node_modules/oidc-provider/package.json`, 'utf8'));

const resource = new URL(setting.scope).origin;
const daemon = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: setting.scope };
const publicKey = new X509Certificate(setting.certificate).publicKey.export({ format: 'jwk' });
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const configuration = {
  clients: [
    {
      ...daemon,
      client_id: setting.secret_client,
      client_secret: setting.secret,
      token_endpoint_auth_method: 'client_secret_post',
    },
    {
      ...daemon,
      client_id: setting.key_client,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      jwks: { keys: [{ ...publicKey, use: 'sig' }] },
    },
  ],
  clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
  cookies: { keys: ['unused'] },
  jwks: { keys: [{ ...signingKey, use: 'sig', alg: 'RS256' }] },
  scopes: [setting.scope],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: () => ({ scope: setting.scope, accessTokenFormat: 'jwt', accessTokenTTL: 3600 }),
    },
  },
};

const server = createServer({ key: setting.tls_key, cert: setting.tls_certificate });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  provider.on('server_error', (_context, error) => console.error(error));
  provider.on('grant.error', (_context, error) => console.error(error.error, error.error_detail ?? error.error_description));
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer, version }));
});
