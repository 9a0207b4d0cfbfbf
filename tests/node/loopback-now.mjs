// As loopback.mjs, for servers that ask for their address in the same breath as they listen: a host by name or number is looked
// up first, so the handle is made directly.
import net from 'node:net';

const loopback = '127.0.0.1', ipv4 = 4, backlog = 511;
net.Server.prototype.listen = function (...given) {
  const callback = given.findLast(argument => typeof argument === 'function');
  const options = typeof given[0] === 'object' && given[0] !== null ? given[0] : { port: given[0] };
  if (callback) this.once('listening', callback);
  this._listen2(loopback, Number(options.port ?? 0), ipv4, backlog);
  return this;
};
