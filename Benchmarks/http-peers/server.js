// A server on Node's http for measuring: the same answers as bench-server. Its one argument is JSON: port, loops, fields,
// bodies by path. A path that begins with /later is answered on a later turn.
const cluster = require('cluster');
const http = require('http');

const { port, loops, fields, bodies } = JSON.parse(process.argv[2]);

if (cluster.isPrimary) {
  for (let i = 0; i < loops; i++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  http
    .createServer((request, response) => {
      const body = bodies[request.url];
      const send = () => {
        response.writeHead(200, { ...fields, 'content-length': Buffer.byteLength(body) });
        response.end(body);
      };
      if (request.url.startsWith('/later/')) setImmediate(send);
      else send();
    })
    .listen(port, '127.0.0.1');
}
