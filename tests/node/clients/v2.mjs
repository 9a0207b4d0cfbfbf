// The official TypeScript client, version 2, which speaks both eras. Usage: URL, TOKEN and ERA (auto, legacy) in the
// environment; see driver.mjs.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { answer, drive } from './driver.mjs';

const client = new Client({ name: 'postern-test-v2', version: '2.0.0' }, {
  capabilities: { sampling: {} }, versionNegotiation: { mode: process.env.ERA ?? 'auto' },
});
client.setRequestHandler('sampling/createMessage', ({ params }) => answer(params));
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.URL), {
  requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } },
}));

// In the stateless era a request says for itself that it wants log messages.
const _meta = { 'io.modelcontextprotocol/logLevel': 'debug' };
await drive({
  listTools: async () => (await client.listTools()).tools,
  call: (name, given, options) => client.callTool({ name, arguments: given, _meta }, options),
  onLog: handler => client.setNotificationHandler('notifications/message', ({ params }) => handler(params.data)),
  client,
  onUpdate: handler => client.setNotificationHandler('notifications/resources/updated', ({ params }) => handler(params.uri)),
  subscribe: async uris => {
    if (process.env.ERA === 'legacy') {
      for (const uri of uris) await client.subscribeResource({ uri });
      return async () => { for (const uri of uris) await client.unsubscribeResource({ uri }); };
    }
    const subscription = await client.listen({ resourceSubscriptions: uris });
    return () => subscription.close();
  },
  close: () => client.close(),
});
