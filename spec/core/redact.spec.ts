/** Secrets are planted everywhere they could come from; nothing of them is left anywhere they could go. */
import * as assert from 'uvu/assert'
import { lastExample, type FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { LiveEvent } from '../../core/events/live.ts'
import { startWorld } from '../helpers/world.ts'
import { fail, messageOf } from '../../core/errors.ts'
import { event } from '../../core/events/events.ts'
import { readError } from '../../core/opencode/normalize.ts'
import { hideSecret, logLine, redact } from '../../core/redact.ts'
import { startServer } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { fakeKernel } from '../router/fake-kernel.ts'
import { ask } from '../router/wire.ts'

const OWN = 'this-servers-own-token-0123456789'
const SECRETS: Readonly<Record<string, string>> = {
  openai: 'sk-proj-AbCdEf0123456789xyzXYZ',
  anthropic: 'sk-ant-api03-AbCdEf0123456789-xyz_XYZ',
  github: 'ghp_0123456789abcdefABCDEF0123456789abcd',
  slack: 'xoxb-0123456789-abcdefghij',
  aws: 'AKIAIOSFODNN7EXAMPLE',
  google: 'AIzaSyA-0123456789abcdefghijklmnopqrstu',
  jwt: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
  bearer: 'authorization: Bearer abc.def-0123456789',
  basic: 'Authorization: Basic b3BlbmNvZGU6aHVudGVyMg==',
  url: 'https://opencode:hunter2hunter2@127.0.0.1:4096/x',
  named: '{"password":"hunter2hunter2"}',
  own: OWN,
}
/** What must not be left of each. */
const CORES = [
  'AbCdEf0123456789',
  '0123456789abcdef',
  '0123456789-abcdefghij',
  'IOSFODNN7',
  'c2lnbmF0',
  'abc.def',
  'b3Blbm',
  'hunter2',
  OWN,
]
const ALL = Object.values(SECRETS).join(' and ')
const clean = (value: unknown, where: string): void => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  assert.equal(
    CORES.filter((core) => text.includes(core)),
    [],
    `${where}: ${text}`,
  )
}

describe('secrets', (it) => {
  hideSecret(OWN)
  it('are taken out of texts by their shape, each alone and all together', () => {
    for (const [name, secret] of Object.entries(SECRETS)) clean(redact(`before ${secret} after`), name)
    clean(redact(ALL), 'all')
  })
  it('leave nothing of themselves in errors, provider errors, events and log lines', () => {
    const error = fail('GIT_FAILED', { args: 'push', exit: 1, output: ALL, more: { deep: [ALL] } })
    clean([error.message, error.hint, error.details], 'an error of ours')
    clean(messageOf(new TypeError(ALL)), 'a foreign error')
    clean(readError({ name: 'APIError', data: { message: ALL, responseHeaders: { authorization: ALL }, responseBody: ALL } }), 'a provider')
    clean(event('plugin', { phase: 'X', attempt: 1, name: 'n', data: { deep: [{ deeper: ALL }] } }), 'an event')
    clean(logLine(ALL), 'a log line')
  })
  it('leave nothing in what a server answers and logs when its kernel breaks with them', async () => {
    const logged: string[] = []
    const kernel = fakeKernel({
      health: async () => {
        throw new TypeError(ALL)
      },
    })
    const server = await startServer({ kernel, host: '127.0.0.1', port: 0, token: { value: OWN }, onError: (line) => logged.push(line) })
    const headers = { authorization: `Bearer ${OWN}` }
    const answers = [await ask(server, '/trpc/health.check', { headers }), await ask(server, '/api/health', { headers })]
    await server.close()
    assert.equal(
      answers.map((answer) => answer.status),
      [500, 500],
    )
    for (const answer of answers) clean([answer.text, answer.headers], 'an answer')
    assert.is(logged.length, 2)
    clean(logged, 'the log')
  })
  it('leave nothing in the log of a ticket, in what is live, in diagnostics and in lines of the log', async () => {
    const logged: string[] = []
    const brain: FakeBrain = ({ text, index }) => {
      const call = { type: 'tool', tool: 'read', input: { filePath: `/x?${ALL}`, more: [{ deep: ALL }] }, run: () => ALL } as const
      return [
        call,
        index > 1 ? { type: 'error', name: 'APIError', message: ALL, statusCode: 400 } : { type: 'text', text: lastExample(text) ?? '' },
      ]
    }
    await using world = await startWorld({ brain, log: (line) => logged.push(line) })
    const { kernel } = world
    const { id: ticketId } = await world.start(`With ${SECRETS['github'] ?? ''} and ${SECRETS['url'] ?? ''}`)
    const leaving = new AbortController()
    const live: LiveEvent[] = []
    const reading = (async () => {
      for await (const batch of kernel.events.follow({ ticketId, signal: leaving.signal })) live.push(...batch.live)
    })()
    await world.drive()
    leaving.abort()
    await reading
    const { items } = await kernel.events.history({ ticketId, limit: 1_000 })
    assert.ok(['tool', 'session.error', 'turn.settled', 'ticket.blocked'].every((type) => items.some((one) => one.type === type)))
    assert.ok(live.some((one) => one.type === 'tool.progress'))
    for (const one of items) clean(one, `event ${one.type}`)
    clean(
      live.filter((one) => one.type !== 'delta' && one.type !== 'part.snapshot'),
      'live events',
    )
    clean(logged, 'the log')
    clean([await kernel.tickets.errors(ticketId), (await kernel.tickets.get(ticketId)).blocked, kernel.recovery()], 'diagnostics')
    clean(
      (await kernel.tickets.turns(ticketId)).map((turn) => turn.error),
      'errors of turns',
    )
    clean((await kernel.inbox.list({})).items, 'the inbox')
  })
  it('are not seen where there are none', () => {
    const harmless = [
      'Basic understanding of bearer tokens',
      'const password: string = read()',
      'https://example.org:8080/a@b',
      'd'.repeat(64),
      'The token is in /home/me/token',
    ]
    for (const text of harmless) assert.is(redact(text), text)
    const said = event('text', { turnId: 'm', phase: 'X', attempt: 1, prompt: 'p', partId: 'p', text: ALL, owner: null })
    assert.is((said.data as { text: string }).text, ALL)
  })
})

describe('a log line', (it) => {
  it('cannot be forged by what an agent says', () => {
    const said = logLine('ok\r\n2026-01-01T00:00:00Z the worker stopped\u2028again\u001b[2K\u001b]0;title\u0007')
    for (const character of ['\r', '\n', '\u2028', '\u001b', '\u0007']) assert.not(said.includes(character))
    assert.match(said, /^ok ⏎ 2026/)
  })
})
