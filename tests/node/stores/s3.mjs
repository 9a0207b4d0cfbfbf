// npm s3rver: an S3 of its own, on loopback, in a folder that is gone with it. In the environment: BUCKET, ACCESS_KEY, SECRET_KEY.
import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rmSync } from 'node:fs';

const require = createRequire(import.meta.url);
const S3rver = require('s3rver');
const accounts = require('s3rver/lib/models/account');
accounts.DUMMY_ACCOUNT.createKeyPair(process.env.ACCESS_KEY, process.env.SECRET_KEY);
accounts.DUMMY_ACCOUNT.revokeAccessKey('S3RVER');

const directory = await mkdtemp(join(tmpdir(), 'postern-s3-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
await new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: process.env.BUCKET }], vhostBuckets: false }).run();
