// Reads message bodies as JSON.parse does. One question a line on stdin, one answer a line on stdout; see ParserOracleTests.
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value);
const get = (members, name) => isObject(members) && Object.hasOwn(members, name) ? members[name] : null;

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  let answer;
  try {
    const message = JSON.parse(utf8.decode(Buffer.from(question.body, 'base64')));
    const params = get(message, 'params');
    const name = get(params, 'name');
    const expected = question.canonical === null ? null : JSON.parse(utf8.decode(Buffer.from(question.canonical, 'base64')));
    answer = {
      method: get(message, 'method'),
      tool: typeof name === 'string' ? name : null,
      sameId: isDeepStrictEqual(get(message, 'id'), JSON.parse(question.id)),
      sameArguments: isDeepStrictEqual(get(params, 'arguments'), expected),
    };
  } catch (fault) {
    answer = { error: String(fault) };
  }
  process.stdout.write(JSON.stringify({ node: answer }) + '\n');
}
