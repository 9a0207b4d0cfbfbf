// npm s3rver: an S3 of its own, on loopback, in a folder that is gone with it. In the environment: BUCKET, ACCESS_KEY, SECRET_KEY.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rmSync } from 'node:fs';

const require = createRequire(import.meta.url);
const S3rver = require('s3rver');
const accounts = require('s3rver/lib/models/account');
accounts.DUMMY_ACCOUNT.createKeyPair(process.env.ACCESS_KEY, process.env.SECRET_KEY);
accounts.DUMMY_ACCOUNT.revokeAccessKey('S3RVER');

// Amazon documents that an object is there whole or not at all; this server would keep what arrived of an upload whose client died.
const Store = require('s3rver/lib/stores/filesystem');
Store.prototype.putObject = async function ({ bucket, key, content, metadata }) {
  const chunks = [];
  for await (const chunk of Buffer.isBuffer(content) ? [content] : content) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  const md5 = createHash('md5').update(whole).digest('hex');
  const path = this.getResourcePath(bucket, key, 'object');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, whole);
  await rename(`${path}.part`, path);
  await this.putMetadata(bucket, key, metadata, md5);
  return { size: whole.length, md5 };
};

const directory = await mkdtemp(join(tmpdir(), 'postern-s3-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
await new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: process.env.BUCKET }], vhostBuckets: false }).run();
