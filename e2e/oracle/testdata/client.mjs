// A client that tells what Node's strict parser has read of an answer. Each line
// of the input is {address, method, patience}; each line of the output is about one.
import { createHash } from 'node:crypto'
import http from 'node:http'
import { createInterface } from 'node:readline'

const pairs = raw => Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]])

function ask({ address, method, patience }) {
  const [host, port] = address.split(':')
  const agent = new http.Agent({ keepAlive: true })
  const one = {
    interim: [], status: 0, message: '', version: '', fields: [], length: 0, sum: '', trailers: [],
    complete: false, error: '',
  }
  return new Promise(resolve => {
    const done = error => {
      one.error ||= error
      agent.destroy()
      resolve(one)
    }
    const req = http.request({
      host, port, method, path: '/v1/answer', agent, maxHeaderSize: 512 << 10,
      insecureHTTPParser: false, headers: method === 'POST' ? { 'Content-Length': 2 } : {},
    })
    req.setTimeout(patience, () => {
      one.error = 'WAITS'
      req.destroy()
    })
    req.on('error', error => done(error.code ?? String(error)))
    req.on('information', info => one.interim.push({ status: info.statusCode, fields: pairs(info.rawHeaders) }))
    req.on('upgrade', (res, socket) => {
      socket.destroy()
      done('UPGRADE')
    })
    req.on('response', res => {
      Object.assign(one, {
        status: res.statusCode, message: res.statusMessage, version: res.httpVersion, fields: pairs(res.rawHeaders),
      })
      const sum = createHash('sha256')
      res.on('data', data => {
        one.length += data.length
        sum.update(data)
      })
      res.on('error', error => (one.error ||= error.code ?? String(error)))
      res.on('close', () => {
        one.complete = res.complete
        one.sum = sum.digest('hex')
        one.trailers = pairs(res.rawTrailers)
        done('')
      })
    })
    req.end(method === 'POST' ? '{}' : undefined)
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await ask(JSON.parse(line))))
}
