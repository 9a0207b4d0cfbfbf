// An official TypeScript client that signs in by itself. In the environment: VERSION (1 or 2), URL, CLIENT (its id).
// Says {"open":address} where a browser would open, takes {"answer":address} with what the browser brought back, says what it
// sees when it is in, and then what it sees after a refresh.
import { createInterface } from 'node:readline';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = process.env.VERSION === '2'
  ? await import('@modelcontextprotocol/client')
  : {
    ...await import('@modelcontextprotocol/sdk/client/index.js'),
    ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    ...await import('@modelcontextprotocol/sdk/client/auth.js'),
  };

const say = value => process.stdout.write(`${JSON.stringify(value)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

class Person {
  redirectUrl = 'http://127.0.0.1:43210/callback';
  clientMetadata = { client_name: 'A client of the official SDK', redirect_uris: [this.redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' };
  sent = 'state-of-the-client';
  kept = {};
  state() { return this.sent; }
  clientInformation() { return this.kept.client ?? (process.env.CLIENT ? { client_id: process.env.CLIENT } : undefined); }
  saveClientInformation(client) { this.kept.client = client; }
  tokens() { return this.kept.tokens; }
  saveTokens(tokens) { this.kept.tokens = tokens; }
  saveCodeVerifier(verifier) { this.kept.verifier = verifier; }
  codeVerifier() { return this.kept.verifier; }
  saveDiscoveryState(state) { this.kept.discovered = state; }
  discoveryState() { return this.kept.discovered; }
  redirectToAuthorization(url) { say({ open: String(url) }); }
}

const authProvider = new Person();
const connect = async () => {
  const client = new Client({ name: 'postern-oauth', version: '1.0.0' }, { capabilities: {} });
  const transport = new StreamableHTTPClientTransport(new URL(process.env.URL), { authProvider });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const answer = new URL(JSON.parse((await lines.next()).value).answer).searchParams;
    if (answer.get('state') !== authProvider.sent) throw new Error('the state is not the one that was sent');
    await transport.finishAuth(process.env.VERSION === '2' ? answer : answer.get('code'));
    return connect();
  }
};

try {
  const client = await connect();
  say({ names: (await client.listTools()).tools.map(tool => tool.name), refresh: Boolean(authProvider.kept.tokens.refresh_token) });
  await client.close();

  // The access token is lost; what is left renews the sign-in without a browser.
  const before = authProvider.kept.tokens.refresh_token;
  authProvider.kept.tokens = { ...authProvider.kept.tokens, access_token: 'lost' };
  const again = await connect();
  say({ names: (await again.listTools()).tools.map(tool => tool.name), rotated: authProvider.kept.tokens.refresh_token !== before });
  await again.close();
} catch (error) {
  say({ error: String(error?.stack ?? error) });
}
process.exit(0);
