// A server over stdio without any library, so that it can do what no library would: see the tools below.
import { spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'

const write = text => process.stdout.write(text)
const send = message => write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n')
const answer = (id, text) => send({ id, result: { content: [{ type: 'text', text }] } })
const log = text => send({ method: 'notifications/message', params: { level: 'info', data: text } })
const stands = params => params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined

const waiting = new Map() // questions of ours
const held = new Map() // calls that wait for something
let counter = 0
let ready = 0
let era

const tools = {
  count: id => answer(id, String(++counter)),
  process: id => answer(id, String(process.pid)),
  ready: id => answer(id, String(ready)),
  environment: id => answer(id, JSON.stringify(process.env)),
  descriptors: id => answer(id, readdirSync('/proc/self/fd').map(fd => { try { return `${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}` } catch { return '' } }).filter(Boolean).join('\n')),
  request: (id, params, raw) => answer(id, raw),
  folder: id => answer(id, process.cwd()),
  // Noise on stdout: text, half of a message, an answer to nothing, the answer to a call of somebody else's choice, a batch.
  noise: (id, params) => {
    write('Server ready!\n{"jsonrpc":"2.0",\n"id":1}\n\n[]\n')
    send({ id: 424242, result: { content: [] } })
    send({ id: params.arguments?.id ?? 1, result: { content: [{ type: 'text', text: 'stray' }] } })
    write('[{"jsonrpc":"2.0","id":1,"result":{}}]\n')
    write('{"jsonrpc":"2.0","id":1,\r"result":{}}\n')
    send({ method: 'notifications/progress', params: { progressToken: 'of-nobody', progress: 1 } })
    answer(id, 'done')
  },
  crlf: id => write(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'done' }] } }) + '\r\n'),
  stderr: (id, params) => process.stderr.write(params.arguments.text.replace('$API_TOKEN', process.env.API_TOKEN) + '\n', () => answer(id, 'done')),
  chatter: (id, params) => {
    const { tag, times } = params.arguments
    let at = 0
    const step = () => {
      if (at === times) return answer(id, `${tag}:done`)
      send({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: ++at, message: tag } })
      setImmediate(step)
    }
    step()
  },
  log: (id, params) => { log(params.arguments.text); answer(id, 'done') },
  ask: (id, params) => {
    const question = `ask-${id}`
    waiting.set(question, message => answer(id, JSON.stringify(message.result ?? message.error)))
    send({ id: question, method: 'elicitation/create', params: { message: 'Which?', requestedSchema: { type: 'object', properties: { which: { type: 'string' } } } } })
  },
  ping: id => { waiting.set('p', message => answer(id, JSON.stringify(message.result))); send({ id: 'p', method: 'ping' }) },
  hold: (id, params) => held.set(id, () => answer(id, 'late')),
  release: id => { for (const late of held.values()) late(); held.clear(); answer(id, 'released') },
  cancelled: id => answer(id, cancelled.join(',')),
  large: (id, params) => answer(id, 'x'.repeat(params.arguments.bytes)),
  exit: (id, params) => process.exit(params.arguments?.code ?? 3),
  last: id => { answer(id, 'my last words'); setImmediate(() => process.exit(0)) },
  deaf: id => { answer(id, 'done'); lines.pause(); process.stdin.pause(); setInterval(() => {}, 1000) },
  stubborn: id => { process.on('SIGTERM', () => {}); stubborn = true; answer(id, String(process.pid)) },
  // A grandchild that leaves the group and would live on.
  family: id => {
    const one = spawn('sleep', ['1000'], { stdio: 'ignore' })
    const other = spawn('setsid', ['sleep', '1000'], { stdio: 'ignore' })
    setTimeout(() => answer(id, JSON.stringify([process.pid, one.pid, other.pid])), 200)
  },
}
const cancelled = []
let stubborn = false

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity })
lines.on('close', () => { if (!stubborn) process.exit(0) })
lines.on('line', raw => {
  if (process.env.MUTE) return
  const message = JSON.parse(raw)
  const { id, method, params } = message
  if (method === undefined) return waiting.get(id)?.(message)
  if (id === undefined) {
    if (method === 'notifications/cancelled') cancelled.push(params.requestId) // it answers all the same, as a server may that was about to
    if (method === 'notifications/initialized') ready++
    return
  }
  // As servers of both eras do: the first message decides, and what belongs to the other is refused from then on.
  const speaks = stands(params) ? 'stateless' : 'sessions'
  if (process.env.ERAS && !process.env.ERAS.includes(speaks)) return send({ id, error: { code: -32601, message: 'Method not found' } })
  era ??= speaks
  if (era !== speaks) return send({ id, error: { code: -32600, message: 'the other era' } })
  switch (method) {
    case 'initialize':
      return send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {}, logging: {} }, serverInfo: { name: 'scripted', version: '1' } } })
    case 'server/discover':
      return send({ id, result: { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, serverInfo: { name: 'scripted', version: '1' }, ttlMs: 0, cacheScope: 'private' } })
    case 'tools/list':
      return send({ id, result: { resultType: 'complete', tools: Object.keys(tools).map(name => ({ name, inputSchema: { type: 'object' } })), ttlMs: 0, cacheScope: 'private' } })
    case 'tools/call':
      return tools[params.name](id, params, raw)
    default:
      return send({ id, error: { code: -32601, message: 'Method not found' } })
  }
})
