// Preloaded (`node --import`) into every server that a test starts: whatever address it asks for, it listens on loopback
// alone; it says on stdout where; and it ends when the test that started it is gone (its stdin closes).
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const callback = given.findLast(argument => typeof argument === 'function');
  const options = typeof given[0] === 'object' && given[0] !== null ? given[0] : { port: given[0] };
  const port = Number(options.port ?? 0);
  this.once('listening', () => process.stdout.write(`${JSON.stringify({ listening: this.address().port })}\n`));
  return listen.call(this, { port, host: '127.0.0.1' }, callback);
};

if (process.env.POSTERN_TEST_CHILD) {
  process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
}
