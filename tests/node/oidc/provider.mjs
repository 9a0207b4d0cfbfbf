// A second real OpenID provider: npm oidc-provider with its own sign-in pages, on loopback. It takes any name at its form.
// In the environment: CALLBACKS, where the gateway's client may come back to; RESOURCE, what access tokens can be for.
import { Provider } from 'oidc-provider';
import { createServer } from 'node:http';
import { once } from 'node:events';

const groups = { alice: ['support'], bob: ['on-call'] };
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'postern', client_secret: 'a-secret-of-the-gateway-at-this-provider', token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: process.env.CALLBACKS.split(' '), grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    },
    {
      client_id: 'desktop', token_endpoint_auth_method: 'none', application_type: 'native',
      redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    },
  ],
  // A client that keeps no secret takes the first method that it reads here.
  clientAuthMethods: ['none', 'client_secret_post'],
  cookies: { keys: ['a key for the cookies of a test'] },
  claims: { openid: ['sub', 'groups'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of oidc-provider`, groups: groups[id] ?? [] }) }),
  extraTokenClaims: (_, token) => ({ groups: groups[token.accountId] ?? [] }),
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== process.env.RESOURCE) throw new Error('no such resource');
        return { scope: 'mcp', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } };
      },
    },
  },
  ttl: { AccessToken: 600, IdToken: 600, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, AuthorizationCode: 60 },
});
server.on('request', provider.callback());
process.stdout.write(`${JSON.stringify({ listening: port })}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
