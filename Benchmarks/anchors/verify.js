// Verifies an RS256 access token with Node's own modules alone and answers the same bytes to everybody.
// Usage: node verify.js SETTING.json (see harness/anchors.py)
'use strict';
const cluster = require('cluster'), crypto = require('crypto'), fs = require('fs'), http = require('http');

const setting = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const key = crypto.createPublicKey(fs.readFileSync(setting.Public));
const body = fs.readFileSync(setting.Body);
const fields = { ...Object.fromEntries(setting.Fields), 'content-length': body.length };

function isGood(authorization) {
  if (!authorization || !authorization.startsWith('Bearer ')) return false;
  const token = authorization.slice(7), parts = token.split('.');
  if (parts.length !== 3) return false;
  try {
    if (JSON.parse(Buffer.from(parts[0], 'base64url')).alg !== 'RS256') return false;
    const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')));
    if (!crypto.verify('RSA-SHA256', signed, key, Buffer.from(parts[2], 'base64url'))) return false;
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
    return claims.iss === setting.Issuer && claims.exp > Date.now() / 1000 && claims.aud.includes(setting.Audience)
      && typeof claims.preferred_username === 'string';
  } catch {
    return false;
  }
}

if (cluster.isPrimary) {
  for (let loop = 0; loop < setting.Loops; loop++) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  http.createServer((request, response) => {
    if (!isGood(request.headers.authorization)) {
      response.writeHead(401, { 'content-length': 0 });
      response.end();
      return;
    }
    response.writeHead(200, fields);
    response.end(body);
  }).listen(setting.Port, '127.0.0.1');
}
