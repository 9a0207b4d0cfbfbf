// The client of the official suite's client scenarios: `node scenario.mjs URL`, where the suite gives the URL of its scripted
// server and the scenario's name in the environment. With VIA and TOKEN it goes through a gateway whose target is PORT on this
// machine; what comes there is passed on to the scripted server byte for byte.
import net from 'node:net';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT: context, VIA, TOKEN, PORT } = process.env;
const target = new URL(process.argv.at(-1));

if (VIA) {
  const relay = net.createServer(from => {
    const to = net.connect(Number(target.port), target.hostname === 'localhost' ? undefined : target.hostname);
    from.setNoDelay(true).pipe(to.setNoDelay(true)).pipe(from);
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
  });
  await new Promise(resolve => relay.listen(Number(PORT), '127.0.0.1', resolve));
}
const url = VIA ? new URL(VIA) : target;
const isModern = version >= '2026';

const client = new Client({ name: 'postern-scenario', version: '1.0.0' }, {
  capabilities: { sampling: {}, roots: {}, elicitation: { form: { applyDefaults: true } } },
  versionNegotiation: { mode: isModern ? 'auto' : 'legacy' },
});
client.setRequestHandler('elicitation/create', ({ params }) => ({ action: 'accept', content: params.requestedSchema?.properties?.confirmed ? { confirmed: true } : {} }));
client.setRequestHandler('sampling/createMessage', () => ({ model: 'none', role: 'assistant', content: { type: 'text', text: 'sampled' } }));
client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }));

const quietly = async work => { try { return await work(); } catch (error) { process.stderr.write(`${scenario}: ${error?.message ?? error}\n`); return undefined; } };
const sample = { string: 'text', number: 5, integer: 5, boolean: true, object: {}, array: [] };
const given = ({ properties = {} }) => Object.fromEntries(Object.entries(properties).map(([name, { type, enum: choices }]) => [name, choices?.[0] ?? sample[type] ?? 'text']));

await client.connect(new StreamableHTTPClientTransport(url, TOKEN && VIA ? { requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } } } : {}));
const tools = (await quietly(() => client.listTools()))?.tools ?? [];
const planned = context ? JSON.parse(context).toolCalls : undefined;
const focal = tools.find(tool => tool.inputSchema.$defs);
for (const tool of tools) {
  for (const { arguments: wanted } of planned?.filter(({ name }) => name === tool.name) ?? [{}]) {
    const args = wanted ?? (tool.inputSchema.properties?.schema && focal ? { schema: focal.inputSchema } : given(tool.inputSchema));
    await quietly(() => client.callTool({ name: tool.name, arguments: args }));
  }
}
for (const prompt of (await quietly(() => client.listPrompts()))?.prompts ?? []) await quietly(() => client.getPrompt({ name: prompt.name }));
for (const resource of (await quietly(() => client.listResources()))?.resources ?? []) await quietly(() => client.readResource({ uri: resource.uri }));
await client.close();
process.exit(0);
