// Many official clients at once in one process, of both SDK versions and both eras, each busy with calls of its own. Usage: URL,
// TOKENS (comma-separated, taken in turn), COUNT in the environment; prints one JSON object: per client what it saw that was not
// meant for it, and what it missed.
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { answer } from './driver.mjs';

const count = Number(process.env.COUNT), tokens = process.env.TOKENS.split(',');
const calls = 3, questions = 2, messages = 5;
const options = index => ({ requestInit: { headers: { Authorization: `Bearer ${tokens[index % tokens.length]}` } } });

async function connect(index, onLog, onAsk) {
  const kind = index % 3, url = new URL(process.env.URL), info = { name: `crowd-${index}`, version: '1.0.0' }, capabilities = { sampling: {} };
  if (kind === 0) {
    const client = new ClientV1(info, { capabilities });
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => onAsk(params));
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => onLog(params.data));
    await client.connect(new TransportV1(url, options(index)));
    return { call: (name, given, more) => client.callTool({ name, arguments: given }, undefined, more), close: () => client.close() };
  }
  const client = new ClientV2(info, { capabilities, versionNegotiation: { mode: kind === 1 ? 'legacy' : 'auto' } });
  client.setRequestHandler('sampling/createMessage', ({ params }) => onAsk(params));
  client.setNotificationHandler('notifications/message', ({ params }) => onLog(params.data));
  await client.connect(new TransportV2(url, options(index)));
  const _meta = { 'io.modelcontextprotocol/logLevel': 'debug' };
  return { call: (name, given, more) => client.callTool({ name, arguments: given, _meta }, more), close: () => client.close() };
}

async function one(index) {
  const own = `c${index}-`, problems = [], logs = [];
  const check = (is, problem) => { if (!is) problems.push(problem); };
  const client = await connect(index, data => { logs.push(data); check(`${data}`.startsWith(own), `log of another: ${data}`); }, params => {
    const reply = answer(params);
    check(reply.content.text.startsWith(`re:${own}`), `question of another: ${reply.content.text}`);
    return reply;
  });
  const chats = Array.from({ length: calls }, async (_, at) => {
    const tag = `${own}t${at}`, progress = [];
    const result = await client.call('chatter', { tag, count: messages }, {
      timeout: 120000, onprogress: ({ progress: step, message }) => { progress.push(step); check(message === tag, `progress of another: ${message}`); },
    });
    check(result.content[0].text === `${tag}:done`, `answer of another: ${result.content[0].text}`);
    check(progress.join() === Array.from({ length: messages }, (_, step) => step + 1).join(), `progress of ${tag}: ${progress}`);
  });
  const asked = Array.from({ length: questions }, async (_, at) => {
    const tag = `${own}q${at}`, result = await client.call('ask_back', { tag }, { timeout: 120000 });
    check(result.content[0].text === `${tag}:re:${tag}`, `answer of another: ${result.content[0].text}`);
  });
  await Promise.all([...chats, ...asked]);
  for (let at = 0; at < calls; at++) {
    const mine = logs.filter(line => line.startsWith(`${own}t${at}:`)).join(), wanted = Array.from({ length: messages }, (_, step) => `${own}t${at}:${step}`).join();
    check(mine === wanted, `logs of ${own}t${at}: ${mine}`);
  }
  await client.close();
  return problems;
}

const problems = await Promise.all(Array.from({ length: count }, (_, index) => one(index).catch(error => [`client ${index}: ${error?.message ?? error}`])));
process.stdout.write(`${JSON.stringify({ clients: problems.length, problems: problems.flat() })}\n`);
process.exit(0);
