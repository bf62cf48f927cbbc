/**
 * Hostile input on every procedure and every route, over HTTP and WebSocket: a typed 4xx that names the field, never a 500,
 * a crash, a hang or a leak. Procedures are those of the router itself, so a new one is in here from its first day.
 * LOOPTROOP_FUZZ_SEED repeats a run, LOOPTROOP_FUZZ_CASES (per procedure) makes it longer.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type * as v from 'valibot'
import * as assert from 'uvu/assert'
import { appRouter } from '../../router/index.ts'
import { ROUTES } from '../../router/plain/routes.ts'
import { describe } from '../helpers/suite.ts'
import { HOSTILE, hostileInput } from './fuzz/hostile.ts'
import { dice, type Dice } from './fuzz/random.ts'
import { judge, noFaults, target, type Target } from './fuzz/target.ts'
import { Line, send, type Sent } from './fuzz/transports.ts'
import { ask } from './wire.ts'

interface Procedure {
  readonly name: string
  readonly type: 'query' | 'mutation' | 'subscription'
  readonly input: v.GenericSchema | undefined
}
type Defined = Readonly<
  Record<string, { readonly _def: { readonly type: Procedure['type']; readonly inputs: readonly v.GenericSchema[] } }>
>
/** What takes things away comes last, so that the others have something to be called for. */
const TAKES_AWAY = /detach|delete|remove|stop|drain|pause|cancel|restore/
const PROCEDURES: readonly Procedure[] = Object.entries(appRouter._def.procedures as unknown as Defined)
  .map(([name, { _def }]) => ({ name, type: _def.type, input: _def.inputs[0] }))
  .toSorted((a, b) => Number(TAKES_AWAY.test(a.name)) - Number(TAKES_AWAY.test(b.name)))
const CASES = Number(process.env['LOOPTROOP_FUZZ_CASES'] ?? 12)

const overHttp = ({ name, type }: Procedure, input: string): Sent =>
  type === 'mutation'
    ? { method: 'POST', path: `/trpc/${name}`, body: input }
    : { method: 'GET', path: `/trpc/${name}?input=${encodeURIComponent(input)}` }

async function fuzzProcedure(on: Target, line: Line, { procedure, chance }: { procedure: Procedure; chance: Dice }): Promise<void> {
  const { server, agent, known } = on
  const { name, type, input: schema } = procedure
  for (let i = 0; i < CASES; i++) {
    const input = hostileInput(schema, chance, known)
    if (Buffer.byteLength(encodeURIComponent(input)) < 12_000 || type === 'mutation')
      await judge(on, `${type} ${name} ${input}`, send(server, agent, overHttp(procedure, input)))
    const again = hostileInput(schema, chance, known)
    await judge(on, `socket ${type} ${name} ${again}`, line.call(type, name, again))
  }
  const one = hostileInput(schema, chance, known).slice(0, 3_000)
  const wrong: readonly Sent[] = [
    { method: type === 'query' ? 'POST' : 'GET', path: `/trpc/${name}`, ...(type === 'query' ? { body: one } : {}) },
    { method: 'POST', path: `/trpc/${name}`, body: '{"a":', headers: { accept: 'text/event-stream' } },
    {
      method: 'POST',
      path: `/trpc/${name}`,
      body: one,
      headers: {
        'content-type': chance.one(['text/plain', 'application/xml', 'multipart/form-data', '', 'application/json; charset=klingon']),
      },
    },
    { method: 'GET', path: `/trpc/${name}?input=${chance.one(['{', '%', '%00', '%F0%9F', '[', '"', '%22%5Cud800%22'])}` },
    { method: 'GET', path: `/trpc/${name},${name}?batch=1&input=${encodeURIComponent(`{"0":${one},"1":null,"__proto__":{"2":1}}`)}` },
    { method: 'POST', path: `/trpc/${name}?batch=1`, body: chance.one(['[]', '{}', '{"0":1,"1":2}', `[${one}]`, 'null', '"0"']) },
    {
      method: chance.one(['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'LINK']),
      path: `/trpc/${name}`,
      headers: { 'content-length': String(Buffer.byteLength(one)) },
      body: one,
    },
  ]
  for (const sent of wrong)
    await judge(on, `${sent.method} ${sent.path} ${JSON.stringify(sent.headers)} ${sent.body ?? ''}`, send(server, agent, sent))
}

async function fuzzRoute(on: Target, { method, pattern }: (typeof ROUTES)[number], chance: Dice): Promise<void> {
  const known = on.known['ticketId'] ?? []
  const plain = pattern.source.replace(/^\^|\$$/g, '').replaceAll('\\/', '/')
  const segment = (): string => {
    const text = chance.next() < 0.4 ? String(chance.one(known)) : wild(chance)
    return chance.next() < 0.1
      ? chance.one(['%', '%00', '%ff', '%E0%A4%A', '..'])
      : encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'))
          .slice(0, 1_998)
          .replace(/%.?$/, '')
  }
  for (let i = 0; i < 3 * CASES; i++) {
    const path = plain.replaceAll(/\(\?<\w+>[^)]*\)/g, segment)
    const query = chance.one([
      '',
      `?ticketId=${segment()}`,
      `?scope=${segment()}`,
      `?ticketId=${String(known[0])}&lastEventId=${segment()}`,
      '?%',
      '?=&&=',
      `?${segment()}`,
    ])
    const body = chance.one(HOSTILE)
    const headers = { 'last-event-id': chance.one(['x', '1.2', 'e.99999999999999999999', '__proto__.1', '-', '%00']) }
    const sent: Sent = { method, path: path + query, ...(method === 'POST' ? { body } : {}), ...(chance.next() < 0.3 ? { headers } : {}) }
    await judge(on, `${method} ${sent.path} ${sent.body ?? ''}`, send(on.server, on.agent, sent))
  }
  for (const other of ['PUT', 'HEAD', method === 'GET' ? 'POST' : 'GET', 'PATCH']) {
    const reply = await send(on.server, on.agent, { method: other, path: plain.replaceAll(/\(\?<\w+>[^)]*\)/g, 'x') })
    if (reply.status < 400 || reply.status > 499) on.faults.push(`${other} ${plain} → ${reply.status}`)
  }
}

/** A hostile text, not as JSON. */
function wild(chance: Dice): string {
  const found: unknown = JSON.parse(chance.one(HOSTILE))
  return typeof found === 'string' ? found : JSON.stringify(found)
}

describe('hostile input', (it) => {
  it(
    'on every procedure and route, over HTTP and WebSocket',
    async () => {
      await using on = await target()
      using line = await Line.open(on.server)
      const chance = dice(on.seed)
      for (const procedure of PROCEDURES) await fuzzProcedure(on, line, { procedure, chance: dice(chance.below(2 ** 31)) })
      for (const route of ROUTES) await fuzzRoute(on, route, chance)
      noFaults(on)
      assert.not(existsSync(join(process.cwd(), 'pwned')))
      assert.is(({} as { admin?: unknown }).admin, undefined, 'no prototype was touched')
      // It still works.
      await on.world.drive()
      assert.is((await ask(on.server, '/trpc/health.check')).status, 200)
    },
    { timeoutMs: 60_000 * Math.max(1, CASES / 12) },
  )
})
