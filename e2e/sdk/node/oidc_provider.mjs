// A certified OpenID provider on loopback: who issues the tokens of identity_test.go.
// It prints where it is, and does what it is told on standard input, a line each:
// rotate ALG, withdraw, encrypt JWK, away, back.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { webcrypto } from 'node:crypto'
import Provider from 'oidc-provider'

const audience = 'https://models.example.com'
const generators = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
}
let keys = []
let alg = 'RS256'
let encryption
let away = false
let handle

async function rotate(next) {
  alg = next
  const pair = await webcrypto.subtle.generateKey(generators[alg], true, ['sign', 'verify'])
  const jwk = await webcrypto.subtle.exportKey('jwk', pair.privateKey)
  delete jwk.key_ops
  delete jwk.ext
  keys.unshift({ ...jwk, alg, use: 'sig', kid: `${alg}-${keys.length}-${Date.now()}` })
}

function provide() {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: 'app', client_secret: 'not-a-secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    }],
    scopes: ['models'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: 'models', audience, accessTokenFormat: 'jwt',
          jwt: { sign: { alg }, ...(encryption && { encrypt: { alg: 'RSA-OAEP-256', enc: 'A256GCM', key: encryption } }) },
        }),
      },
    },
    extraTokenClaims: () => ({ roles: ['Model.Use'], azp: 'app' }),
  })
  provider.on('server_error', (_, error) => console.error(error))
  handle = provider.callback()
}

const server = createServer((request, response) => {
  if (away) { request.socket.destroy(); return }
  handle(request, response)
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`
await rotate('RS256')
provide()
console.log(JSON.stringify({ issuer, audience }))

for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...rest] = line.split(' ')
  switch (what) {
    case 'rotate': await rotate(rest[0]); provide(); break
    case 'withdraw': keys = keys.slice(0, 1); provide(); break
    case 'encrypt':
      encryption = rest[0] && await webcrypto.subtle.importKey('jwk', JSON.parse(rest.join(' ')), { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['encrypt'])
      provide(); break
    case 'away': away = true; server.closeAllConnections(); break
    case 'back': away = false; break
    default: throw new Error(`what is ${line}?`)
  }
  console.log(JSON.stringify({ did: what }))
}
server.closeAllConnections()
server.close()
