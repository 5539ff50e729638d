// Node's parser (llhttp, strict): each whole request is answered with what has been seen of it.
// Usage: node peer.js; prints the port it listens on.
'use strict';
const http = require('node:http');

const server = http.createServer({ maxHeaderSize: 40000, keepAliveTimeout: 60000 }, (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const target = Buffer.from(request.url, 'latin1').toString('hex');
    response.setHeader('X-Seen', `${request.method} ${target} ${Buffer.concat(parts).toString('hex') || '-'}`);
    response.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
