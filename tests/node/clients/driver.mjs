// One client, driven by JSON lines on stdin, answering in JSON lines on stdout. The test that started it decides what to
// ask and judges what came; nothing here knows what should happen.
//   {"do":"list"}                                          → {"names":[…]}
//   {"do":"call","name":…,"arguments":…}                   → {"result":…} or {"error":…}
//   {"do":"asked","tags":[…]}                              → {"texts":[…]}; questions of the server are answered with `re:` and their text
//   {"do":"library","uri":…,"prompt":…,"arguments":…}       → what the client finds of prompts, resources and completions, all pages
//   {"do":"watch","uris":[…],"touch":[…]}                  → {"updates":[…]}: news until that of the last URI touched came
//   {"do":"chatter","tags":[…],"count":…}                  → {"tags":{tag:{"text":…,"progress":[…],"strays":[…]}},"logs":[…]}
import { createInterface } from 'node:readline';

/** How a client here answers a question of the server: with what it was asked. */
export const answer = params => ({ model: 'echo', role: 'assistant', content: { type: 'text', text: `re:${[params.messages[0].content].flat()[0].text}` } });

/** Every page of a list. */
async function pages(list, key) {
  const items = [];
  for (let cursor; ;) {
    const page = await list(cursor === undefined ? undefined : { cursor });
    items.push(...page[key]);
    if ((cursor = page.nextCursor) === undefined) return items;
  }
}

/** Drives a connected client. `call(name, given, options)` and `onLog(handler)` hide what differs between SDK versions. */
export async function drive({ listTools, call, onLog, close, client, subscribe, onUpdate }) {
  const logs = [];
  onLog(data => logs.push(data));
  const say = value => process.stdout.write(`${JSON.stringify(value)}\n`);
  say({ ready: true });

  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      if (order.do === 'list') {
        say({ names: (await listTools()).map(tool => tool.name) });
      } else if (order.do === 'call') {
        say({ result: await call(order.name, order.arguments) });
      } else if (order.do === 'asked') {
        const results = await Promise.all(order.tags.map(tag => call('ask_back', { tag })));
        say({ texts: results.map(result => result.content[0].text) });
      } else if (order.do === 'library') {
        const text = ({ contents: [{ text }] }) => text;
        say({
          prompts: (await pages(cursor => client.listPrompts(cursor), 'prompts')).map(({ name }) => name),
          prompt: (await client.getPrompt({ name: order.prompt, arguments: order.arguments })).messages[0].content.text,
          resources: (await pages(cursor => client.listResources(cursor), 'resources')).map(({ uri }) => uri),
          templates: (await pages(cursor => client.listResourceTemplates(cursor), 'resourceTemplates')).map(({ uriTemplate }) => uriTemplate),
          read: text(await client.readResource({ uri: order.uri })),
          completion: (await client.complete({ ref: { type: 'ref/prompt', name: order.prompt }, argument: { name: 'arg1', value: 'par' } })).completion.values,
          refused: await client.readResource({ uri: order.forbidden }).then(text, error => `error ${error.code}`),
          refusedPrompt: await client.getPrompt({ name: order.forbiddenPrompt }).then(() => 'given', error => `error ${error.code}`),
        });
      } else if (order.do === 'watch') {
        const updates = [];
        const last = new Promise(resolve => onUpdate(uri => { updates.push(uri); if (uri === order.touch.at(-1)) resolve(); }));
        const end = await subscribe(order.uris);
        for (const uri of order.touch) await call('touch', { uri });
        await last;
        await end();
        say({ updates });
      } else if (order.do === 'chatter') {
        const tags = {};
        await Promise.all(order.tags.map(async tag => {
          const progress = [], strays = [];
          const onprogress = ({ progress: at, message }) => (message === tag ? progress.push(at) : strays.push(message));
          const result = await call('chatter', { tag, count: order.count }, { onprogress });
          tags[tag] = { text: result.content[0].text, progress, strays };
        }));
        say({ tags, logs });
      } else {
        say({ error: `unknown order ${order.do}` });
      }
    } catch (error) {
      say({ error: String(error?.message ?? error), code: error?.code });
    }
  }
  await close();
  process.exit(0);
}
