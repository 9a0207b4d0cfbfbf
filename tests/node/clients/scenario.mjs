// The client of the official suite's client scenarios: `node scenario.mjs URL`, where the suite gives the URL of its scripted
// server and the scenario's name in the environment. With VIA and TOKEN it goes through a gateway whose target is PORT on this
// machine; what comes there is passed on to the scripted server byte for byte. Where the server demands a sign-in, the client signs
// in there itself. With LENT it does so as an operator would, before there is a gateway: it writes the token to that file, and goes on
// once the gateway that presents it stands, as `LENT.via` says.
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { providerOf, signedIn } from './sign-in.mjs';

const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_PROTOCOL_VERSION: version, MCP_CONFORMANCE_CONTEXT: context, VIA, TOKEN, PORT, LENT } = process.env;
const target = new URL(process.argv.at(-1));

if (PORT) {
  const relay = net.createServer(from => {
    const to = net.connect(Number(target.port), target.hostname === 'localhost' ? undefined : target.hostname);
    from.setNoDelay(true).pipe(to.setNoDelay(true)).pipe(from);
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
  });
  await new Promise(resolve => relay.listen(Number(PORT), '127.0.0.1', resolve));
}
const isModern = version >= '2026';

const provider = scenario.startsWith('auth/') ? providerOf(scenario, context ? JSON.parse(context) : undefined) : undefined;
const options = {
  capabilities: { sampling: {}, roots: {}, elicitation: { form: { applyDefaults: true } } },
  versionNegotiation: { mode: isModern ? 'auto' : 'legacy' },
};

let transport;
async function connect(url, own) {
  return signedIn(provider, () => transport, async () => {
    const client = new Client({ name: 'postern-scenario', version: '1.0.0' }, options);
    client.setRequestHandler('elicitation/create', ({ params }) => ({ action: 'accept', content: params.requestedSchema?.properties?.confirmed ? { confirmed: true } : {} }));
    client.setRequestHandler('sampling/createMessage', () => ({ model: 'none', role: 'assistant', content: { type: 'text', text: 'sampled' } }));
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }));
    transport = new StreamableHTTPClientTransport(url, own);
    await client.connect(transport);
    return client;
  });
}

const quietly = async work => { try { return await work(); } catch (error) { process.stderr.write(`${scenario}: ${error?.message ?? error}\n`); return undefined; } };
const sample = { string: 'text', number: 5, integer: 5, boolean: true, object: {}, array: [] };
const given = ({ properties = {} }) => Object.fromEntries(Object.entries(properties).map(([name, { type, enum: choices }]) => [name, choices?.[0] ?? sample[type] ?? 'text']));

let via = VIA ? { url: VIA, token: TOKEN } : undefined;
if (LENT) {
  await (await connect(target, { authProvider: provider })).close();
  fs.writeFileSync(`${LENT}.new`, `Bearer ${(await provider.tokens()).access_token}`);
  fs.renameSync(`${LENT}.new`, LENT);
  while (!fs.existsSync(`${LENT}.via`)) await pause(20);
  via = JSON.parse(fs.readFileSync(`${LENT}.via`, 'utf8'));
}
const client = await (via ? connect(new URL(via.url), { requestInit: { headers: { Authorization: `Bearer ${via.token}` } } }) : connect(target, { authProvider: provider }));
const asked = work => quietly(() => via || !provider ? work() : signedIn(provider, () => transport, work));
const tools = (await asked(() => client.listTools()))?.tools ?? [];
const planned = context ? JSON.parse(context).toolCalls : undefined;
const focal = tools.find(tool => tool.inputSchema.$defs);
for (const tool of tools) {
  for (const { arguments: wanted } of planned?.filter(({ name }) => name === tool.name) ?? [{}]) {
    const args = wanted ?? (tool.inputSchema.properties?.schema && focal ? { schema: focal.inputSchema } : given(tool.inputSchema));
    await asked(() => client.callTool({ name: tool.name, arguments: args }));
  }
}
for (const prompt of (await asked(() => client.listPrompts()))?.prompts ?? []) await quietly(() => client.getPrompt({ name: prompt.name }));
for (const resource of (await asked(() => client.listResources()))?.resources ?? []) await quietly(() => client.readResource({ uri: resource.uri }));
await client.close();
process.exit(0);
