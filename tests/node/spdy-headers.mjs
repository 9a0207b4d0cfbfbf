// Writes tests/specs/kubernetes/spdy-headers.txt: header blocks as zlib compresses them with the dictionary of SPDY/3, in several ways.
//   node tests/node/spdy-headers.mjs > tests/specs/kubernetes/spdy-headers.txt
// A line: set, way, what is on the wire (base 64), SHA-256 of what it says. The blocks of a set and way follow each other on one connection.
import crypto from 'node:crypto';
import zlib from 'node:zlib';

const words = ('options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authorization|cache-control|connection|content-base|'
  + 'content-encoding|content-language|content-length|content-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|'
  + 'if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|'
  + 'transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin').split('|');
const tail = '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently'
  + '400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable'
  + 'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT'
  + 'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdch'
  + 'charset=utf-8charset=iso-8859-1,utf-,*,enq=0.';
const u32 = (number) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(number); return bytes; };
const dictionary = Buffer.concat([...words.flatMap((word) => [u32(word.length), Buffer.from(word)]), Buffer.from(tail)]);
const block = (headers) => Buffer.concat([u32(Object.keys(headers).length), ...Object.entries(headers).flatMap(([name, value]) => [u32(name.length), Buffer.from(name), u32(value.length), Buffer.from(value)])]);

let state = 1;
const random = (below) => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return (state >>> 8) % below; };
const prose = (length) => { let text = ''; while (text.length < length) text += words[random(words.length)] + random(10); return Buffer.from(text.slice(0, length)); };

const pairs = [80, 5432, 8080, 65535].flatMap((port, id) => ['error', 'data'].map((type) => block({ streamtype: type, port: `${port}`, requestid: `${id}` })));
const long = block({ name: 'x'.repeat(200), other: 'accept-charset'.repeat(10) });
const sets = {
  pairs,
  none: [u32(0)],
  long: [long, long, long],
  window: Array.from({ length: 5 }, () => prose(10000)),
  noise: [Buffer.from(Array.from({ length: 1500 }, () => random(256)))],
  bomb: [Buffer.alloc(16384), Buffer.alloc(16384, 7)],
};
const ways = {
  best: { level: 9 }, fast: { level: 1 }, stored: { level: 0 }, fixed: { level: 9, strategy: zlib.constants.Z_FIXED },
  huffman: { level: 9, strategy: zlib.constants.Z_HUFFMAN_ONLY }, small: { level: 9, windowBits: 9 },
};
for (const [set, blocks] of Object.entries(sets)) {
  for (const [way, options] of Object.entries(ways)) {
    if (way === 'stored' && (set === 'window' || set === 'bomb')) continue;
    const deflate = zlib.createDeflate({ dictionary, ...options });
    const parts = [];
    deflate.on('data', (part) => parts.push(part));
    for (const each of blocks) {
      await new Promise((done) => deflate.write(each, () => deflate.flush(zlib.constants.Z_SYNC_FLUSH, done)));
      await new Promise((done) => setImmediate(done));
      console.log(set, way, Buffer.concat(parts.splice(0)).toString('base64'), crypto.createHash('sha256').update(each).digest('hex'));
    }
  }
}
