// An upstream that remembers what Node's strict parser has read of each request,
// and of each that it refused. GET /~heard tells, and forgets.
import { createHash } from 'node:crypto'
import http from 'node:http'

let heard = []

const pairs = raw => Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]])

function listen(req, res) {
  if (req.url === '/~heard') {
    res.end(JSON.stringify(heard))
    heard = []
    return
  }
  const one = {
    method: req.method, url: req.url, version: req.httpVersion, fields: pairs(req.rawHeaders),
    length: 0, sum: '', trailers: [], complete: false,
  }
  heard.push(one)
  const sum = createHash('sha256')
  req.on('error', () => {})
  req.on('data', data => {
    one.length += data.length
    sum.update(data)
  })
  req.on('end', () => {
    one.complete = req.complete
    one.sum = sum.digest('hex')
    one.trailers = pairs(req.rawTrailers)
    res.setHeader('Content-Type', 'text/plain')
    res.end('ok')
  })
}

const server = http.createServer({
  maxHeaderSize: 512 << 10, insecureHTTPParser: false, keepAliveTimeout: 60_000,
})
server.on('request', listen)
server.on('checkContinue', (req, res) => {
  res.writeContinue()
  listen(req, res)
})
server.on('clientError', (error, socket) => {
  // The end of the connection inside a message is a cut, which 'complete' tells.
  if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') heard.push({ refused: error.code })
  if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
})
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`))
