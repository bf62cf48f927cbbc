/**
 * Who may knock at all. A page in a browser can make its own name point at this machine (DNS rebinding) or send requests
 * from anywhere: so the Host has to be a name we go by, and an Origin, when there is one, a page we trust.
 */
import type { IncomingMessage } from 'node:http'
import { fail, type LoopTroopError } from '#core'

export interface AdmissionOptions {
  /** What the server listens on; unless it is a wildcard, also a name it goes by. */
  readonly host: string
  readonly allowedHosts?: readonly string[]
  /** `https://tool.example.org`. Pages served from loopback are allowed without being named. */
  readonly allowedOrigins?: readonly string[]
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const WILDCARDS = ['0.0.0.0', '::', '']

/** Null when it may come in. */
export function admission({
  host,
  allowedHosts = [],
  allowedOrigins = [],
}: AdmissionOptions): (request: IncomingMessage) => LoopTroopError | null {
  const own = WILDCARDS.includes(host) ? [] : [host.includes(':') ? `[${host}]` : host]
  const names = new Set([...LOOPBACK, ...own, ...allowedHosts].map((name) => name.toLowerCase()).filter((name) => name !== ''))
  const origins = new Set(allowedOrigins)
  return ({ headers }) => {
    if (!names.has(nameOf(headers.host))) return fail('HOST_REFUSED', { host: headers.host ?? '(none)' })
    const { origin } = headers
    if (origin === undefined || origins.has(origin) || isOf(names, origin)) return null
    return fail('ORIGIN_REFUSED', { origin })
  }
}

/**
 * Exactly as sent, without the port: `0x7f.1` and `127.evil.com` are other names, whatever they resolve to. Any port will do
 * (a tunnel has its own), but there has to be one: 0 is none.
 */
function nameOf(host = ''): string {
  const [, name, port = '1'] = /^(.+?)(?::(\d{1,5}))?$/.exec(host.toLowerCase()) ?? []
  return name !== undefined && Number(port) >= 1 && Number(port) <= LAST_PORT ? name : ''
}
const LAST_PORT = 65_535

function isOf(names: ReadonlySet<string>, origin: string): boolean {
  const found = /^https?:\/\/([^/?#@]+)$/.exec(origin)
  return found !== null && names.has(nameOf(found[1]))
}
