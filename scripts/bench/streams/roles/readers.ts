/**
 * Many readers in one process, each a bare connection that does as little as it can: it counts bytes and looks for a mark.
 * Some of them read the times in what they get.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { playRole, STAMP, steady, usage } from '../role.ts'

export interface Opening {
  readonly transport: 'sse' | 'ws'
  readonly port: number
  readonly count: number
  /** The path asked for; of `ws` the upgrade's. */
  readonly path: string
  readonly token: string
  /** Said by each reader when its socket is open. */
  readonly hello: string | null
  /** What each has to get before it counts as open. */
  readonly opened: string
  /** One in so many reads the times. */
  readonly sampled: number
  /** They take nothing after the start. */
  readonly dead?: boolean
}

const TAIL = 64

class Reader {
  readonly socket: Socket
  bytes = 0
  #tail: Buffer = Buffer.alloc(0)
  #rest = ''
  readonly #times: number[] | null
  readonly #kept: Buffer[] | null
  #wanted: { mark: string; found: () => void } | null = null

  constructor(opening: Opening, index: number, times: number[]) {
    this.#times = index % opening.sampled === 0 ? times : null
    this.#kept = index === 0 ? [] : null
    this.socket = connect(opening.port, '127.0.0.1').setNoDelay()
    this.socket.on('data', (chunk) => this.#take(chunk)).on('error', () => this.socket.destroy())
    this.socket.write(headOf(opening))
  }
  until(mark: string): Promise<void> {
    return new Promise((found) => (this.#wanted = { mark, found }))
  }
  text(): string {
    return Buffer.concat(this.#kept ?? []).toString('latin1')
  }
  forget(): void {
    this.bytes = 0
    this.#kept?.splice(0)
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length
    this.#kept?.push(chunk)
    if (this.#times) this.#readTimes(chunk, this.#times)
    if (this.#wanted && (chunk.includes(this.#wanted.mark) || Buffer.concat([this.#tail, chunk]).includes(this.#wanted.mark))) {
      const { found } = this.#wanted
      this.#wanted = null
      found()
    }
    this.#tail = chunk.subarray(-TAIL)
  }
  #readTimes(chunk: Buffer, times: number[]): void {
    const now = steady()
    const text = this.#rest + chunk.toString('latin1')
    let end = 0
    for (const match of text.matchAll(STAMP)) {
      times.push(now - Number(match[1]))
      end = match.index + match[0].length
    }
    this.#rest = text.slice(Math.max(end, text.length - TAIL))
  }
}

function headOf({ transport, path, token }: Opening): string {
  const lines = [`GET ${path} HTTP/1.1`, 'host: 127.0.0.1', ...(token === '' ? [] : [`authorization: Bearer ${token}`])]
  const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13']
  if (transport === 'ws') lines.push(...upgrade, `sec-websocket-key: ${randomBytes(16).toString('base64')}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** A short text frame of a client, masked with zeros. */
function frameOf(text: string): Buffer {
  const body = Buffer.from(text)
  const head = body.length < 126 ? [0x81, 0x80 | body.length] : [0x81, 0x80 | 126, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body])
}

let readers: Reader[] = []
let times: number[] = []

async function open(opening: Opening): Promise<void> {
  const first = readers.length
  for (let n = 0; n < opening.count; n++) {
    const reader = new Reader(opening, first + n, times)
    readers.push(reader)
    if (opening.hello !== null) {
      await reader.until('\r\n\r\n')
      reader.socket.write(frameOf(opening.hello))
    }
    await reader.until(opening.opened)
    if (opening.dead) reader.socket.pause()
  }
  for (const reader of readers) reader.forget()
  times.length = 0
}

let marked: Promise<unknown> = Promise.resolve()
/** From here on they look for it. */
function watch({ mark }: { mark: string }): void {
  marked = Promise.all(readers.map((reader) => reader.until(mark)))
}

/** When the last of them has got the mark, and what came until then. */
async function until(): Promise<Got> {
  await marked
  const at = steady()
  const sorted = Float64Array.from(times).toSorted()
  const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
  const got = {
    at,
    bytes: readers.map((reader) => reader.bytes),
    text: readers[0]?.text() ?? '',
    count: sorted.length,
    p50: quantile(0.5),
    p99: quantile(0.99),
  }
  for (const reader of readers) reader.forget()
  times.length = 0
  return got
}
export interface Got {
  readonly at: number
  /** Of each reader, with the frames around it. */
  readonly bytes: readonly number[]
  /** What the first of them got, byte by byte. */
  readonly text: string
  /** Times read, and how old what they stood in was, in milliseconds. */
  readonly count: number
  readonly p50: number
  readonly p99: number
}

async function close(): Promise<void> {
  for (const { socket } of readers) socket.destroy()
  readers = []
  times = []
}

playRole({ open, watch, until, close, usage })

export type ReadersRole = {
  readonly open: typeof open
  readonly watch: typeof watch
  readonly until: typeof until
  readonly close: typeof close
  readonly usage: typeof usage
}
