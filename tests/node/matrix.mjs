// Reads the reports of one run, prints which guarantees and rows passing tests cover, what failed or was skipped,
// and the totals. Usage: node matrix.mjs LANE FOLDER. Exits 1 unless something passed and nothing failed or was skipped.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [lane, folder] = process.argv.slice(2);
const catalogue = join(dirname(fileURLToPath(import.meta.url)), '..', 'specs', 'guarantees.txt');

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const text = value => value.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) =>
  hex ? String.fromCodePoint(parseInt(hex, 16)) : decimal ? String.fromCodePoint(+decimal) : entities[name] ?? whole);
const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(tag);
  return found ? text(found[1]) : undefined;
};

// The first lines of a text, none of them endless.
const begin = (value, lines) => value.split('\n').filter(line => line.trim() !== '').slice(0, lines).map(line => `  ${line.slice(0, 400)}`);

const tests = [];
const died = [];
for (const file of readdirSync(folder).sort()) {
  // Messages and output are CDATA; what stands in them is no structure of the report.
  const content = readFileSync(join(folder, file), 'utf8').replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, (_, raw) => raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
  if (file.endsWith('.died')) died.push(content.trim());
  if (!file.endsWith('.xml')) continue;
  // A test without traits and output is one empty element; any other has a closing tag. Values never hold a raw `<`.
  for (const [, head, body] of content.matchAll(/<test(\s[^<>]*?)(?:\/>|>([\s\S]*?)<\/test>)/g)) {
    const traits = [...(body ?? '').matchAll(/<trait(\s[^<>]*?)\/>/g)]
      .map(([, tag]) => ({ name: attribute(tag, 'name'), value: attribute(tag, 'value') }));
    const [message, trace] = ['message', 'stack-trace'].map(part => text(new RegExp(`<${part}>([^<]*)<`).exec(body ?? '')?.[1] ?? ''));
    tests.push({ name: attribute(head, 'name'), result: attribute(head, 'result'), traits, why: [...begin(message, 12), ...begin(trace, 6)] });
  }
  // An error outside any test (a fixture that could not be disposed of, say) fails the run too.
  for (const [, head] of content.matchAll(/<assembly(\s[^<>]*)>/g)) {
    const errors = Number(attribute(head, 'errors') ?? 0);
    if (errors > 0) died.push(`${errors} error(s) outside tests in ${file}`);
  }
}

const passed = tests.filter(test => test.result === 'Pass');
const failed = tests.filter(test => test.result === 'Fail');
const skipped = tests.filter(test => test.result !== 'Pass' && test.result !== 'Fail' && test.result !== 'NotRun');

const known = new Map();
const sections = [];
for (const line of readFileSync(catalogue, 'utf8').split('\n')) {
  if (line.startsWith('## ')) sections.push({ title: line.slice(3), ids: [] });
  const row = /^([A-Z]\d+)\s+(\S.*)$/.exec(line);
  if (!row) continue;
  known.set(row[1], { title: row[2], passing: 0, failing: 0 });
  sections.at(-1).ids.push(row[1]);
}

const strays = new Set();
for (const test of tests) {
  for (const { name, value } of test.traits) {
    if (name !== 'Row' && name !== 'Guarantee') continue;
    const entry = known.get(value);
    if (!entry) strays.add(`${value} (${test.name})`);
    else if (test.result === 'Pass') entry.passing++;
    else if (test.result === 'Fail') entry.failing++;
  }
}

if (lane === 'all') {
  console.log('guarantees, attacks and faults: covered by passing tests, or not yet');
  let covered = 0;
  for (const { title, ids } of sections) {
    console.log(`\n${title}`);
    for (const id of ids) {
      const { title: what, passing, failing } = known.get(id);
      const isCovered = passing > 0 && failing === 0;
      if (isCovered) covered++;
      const state = failing > 0 ? `FAILING ${failing}` : isCovered ? `covered ${passing}` : '-';
      console.log(`  ${id.padEnd(4)} ${state.padEnd(12)} ${what}`);
    }
  }
  console.log(`\n${covered} of ${known.size} covered`);
}

for (const stray of strays) console.log(`unknown row or guarantee: ${stray}`);
for (const test of failed) console.log([`failed: ${test.name}`, ...test.why].join('\n'));
for (const test of skipped) console.log(`skipped: ${test.name}`);
for (const reason of died) console.log(`failed: ${reason}`);

const failures = failed.length + died.length + strays.size;
console.log(`\n${passed.length} passed, ${failures} failed, ${skipped.length} skipped`);
process.exit(passed.length > 0 && failures === 0 && skipped.length === 0 ? 0 : 1);
