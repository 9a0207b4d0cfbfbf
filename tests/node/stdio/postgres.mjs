// A PostgreSQL in memory, with one table. What is preloaded keeps it on loopback and says its port.
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create()
await db.exec(`create table customers (id int primary key, name text, email text);
  insert into customers values (1, 'Ada', 'ada@example.com'), (2, 'Grace', 'grace@example.com')`)
await new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 }).start()
