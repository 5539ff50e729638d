// Says which tokens Node's crypto accepts when it is called as its documentation says: cases on stdin, as for verify.py.
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const hashes = { 256: 'sha256', 384: 'sha384', 512: 'sha512' }

function accepts ({ token, jwk, alg }) {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const [header, payload, signature] = token.split('.')
  const options = alg.startsWith('ES')
    ? { key, dsaEncoding: 'ieee-p1363' }
    : alg.startsWith('PS') ? { key, padding: 6, saltLength: -1 } : key
  const hash = alg === 'EdDSA' ? null : hashes[alg.slice(2)]
  if (JSON.parse(Buffer.from(header, 'base64url')).alg !== alg) return false
  return verify(hash, Buffer.from(`${header}.${payload}`), options, Buffer.from(signature, 'base64url'))
}

const results = JSON.parse(readFileSync(0)).map(test => {
  try { return accepts(test) } catch (error) { return error.code ?? error.name }
})
console.log(JSON.stringify(results))
