// How a client program signs in where a server demands it: the official client's own OAuth, with a person who says yes at once.
import { ClientCredentialsProvider, CrossAppAccessProvider, discoverAndRequestJwtAuthGrant, PrivateKeyJwtProvider, UnauthorizedError } from '@modelcontextprotocol/client';

/** Keeps what a signing-in client keeps, and follows the authorization link where a browser would. */
class Person {
  redirectUrl = 'http://127.0.0.1:9/callback';
  clientMetadataUrl = 'https://conformance-test.local/client-metadata.json';
  clientMetadata = { client_name: 'postern-scenario', redirect_uris: [this.redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };
  #clients = new Map();
  #known;
  #tokens;
  #verifier;
  #discovered;
  answer;

  constructor(context) {
    if (context?.client_id) this.#known = { client_id: context.client_id, client_secret: context.client_secret };
  }
  clientInformation(about) { return this.#clients.get(about?.issuer ?? '') ?? this.#known; }
  saveClientInformation(client, about) { this.#clients.set(about?.issuer ?? '', client); }
  tokens() { return this.#tokens; }
  saveTokens(tokens) { this.#tokens = tokens; }
  saveCodeVerifier(verifier) { this.#verifier = verifier; }
  codeVerifier() { return this.#verifier; }
  saveDiscoveryState(state) { this.#discovered = state; }
  discoveryState() { return this.#discovered; }
  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'client') this.#clients.clear();
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined;
    if (scope === 'all' || scope === 'discovery') this.#discovered = undefined;
  }
  async redirectToAuthorization(url) {
    const { headers } = await fetch(url, { redirect: 'manual' });
    this.answer = new URL(headers.get('location')).searchParams;
  }
}

/** The provider that a scenario's context asks for. */
export function providerOf(scenario, context) {
  switch (scenario) {
    case 'auth/client-credentials-basic':
      return new ClientCredentialsProvider({ clientId: context.client_id, clientSecret: context.client_secret });
    case 'auth/client-credentials-jwt':
      return new PrivateKeyJwtProvider({ clientId: context.client_id, privateKey: context.private_key_pem, algorithm: context.signing_algorithm ?? 'ES256' });
    case 'auth/enterprise-managed-authorization':
      return new CrossAppAccessProvider({
        clientId: context.client_id, clientSecret: context.client_secret,
        assertion: async ({ authorizationServerUrl, resourceUrl, scope, fetchFn }) => (await discoverAndRequestJwtAuthGrant({
          idpUrl: context.idp_issuer, audience: authorizationServerUrl, resource: resourceUrl, idToken: context.idp_id_token, clientId: context.idp_client_id ?? context.client_id, scope, fetchFn,
        })).jwtAuthGrant,
      });
    default:
      return new Person(context);
  }
}

/** Does the work; where that needs a sign-in, signs in and does it again, three times at most. */
export async function signedIn(provider, transport, work) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || attempt === 3 || !provider.answer) throw error;
      const answer = provider.answer;
      provider.answer = undefined;
      await transport().finishAuth(answer);
    }
  }
}
