// The official TypeScript client, version 1. Usage: URL and TOKEN in the environment; see driver.mjs.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { answer, drive } from './driver.mjs';

const client = new Client({ name: 'postern-test-v1', version: '1.0.0' }, { capabilities: { sampling: {} } });
client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => answer(params));
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.URL), {
  requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } },
}));

await drive({
  listTools: async () => (await client.listTools()).tools,
  call: (name, given, options) => client.callTool({ name, arguments: given }, undefined, options),
  onLog: handler => client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => handler(params.data)),
  client,
  onUpdate: handler => client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => handler(params.uri)),
  subscribe: async uris => {
    for (const uri of uris) await client.subscribeResource({ uri });
    return async () => { for (const uri of uris) await client.unsubscribeResource({ uri }); };
  },
  close: () => client.close(),
});
