/** What the fake adds to the shared suite: crashes, faults, sub-agents, prompts that come while a turn runs. */
import * as assert from 'uvu/assert'
import type { RemoteMessage } from '../../core/opencode/adapter.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { eventually, startFakeOpencode, type FakeOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'

const model = { provider: 'fake', model: 'm1' }
const open = (fake: FakeOpencode) => fake.adapter.createSession({ directory: fake.dir, title: 't', metadata: {}, rules: [] })
const send = (fake: FakeOpencode, sessionId: string, text: string): Promise<void> =>
  fake.adapter.promptSession(sessionId, fake.dir, { messageId: `msg_${text}`, parts: [{ id: `prt_${text}`, type: 'text', text }], model })
const messagesOf = async (fake: FakeOpencode, id: string): Promise<readonly RemoteMessage[]> =>
  (await fake.adapter.getSessionMessages(id)) ?? []
const said = (message: RemoteMessage | undefined): string => message?.parts.map((p) => (p.type === 'text' ? p.text : '')).join('') ?? ''
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'fulfilled'
}

const sayWithoutEnd: FakeBrain = () => [{ type: 'text', text: '', chunks: ['lost'], hold: new Promise(() => undefined) }]

describe('the fake OpenCode', (it) => {
  it('keeps after a crash what a killed server keeps: whole messages, an unfinished answer, no status, no question', async () => {
    await using fake = await startFakeOpencode(sayWithoutEnd)
    await fake.hub.ready()
    const session = await open(fake)
    await send(fake, session.id, 'one')
    await eventually(async () => (await messagesOf(fake, session.id)).at(-1)?.parts.length === 2)
    fake.server.crash()
    assert.is(await codeOf(fake.adapter.getSession(session.id)), 'OPENCODE_UNREACHABLE')
    assert.is((await fake.adapter.checkHealth()).code, 'OPENCODE_UNREACHABLE')
    fake.server.restart()
    assert.equal(await fake.adapter.sessionStatuses(fake.dir), {})
    const [user, assistant] = await messagesOf(fake, session.id)
    assert.equal([user?.id, assistant?.completedAt, said(assistant)], ['msg_one', undefined, ''])
    fake.server.useBrain(() => [{ type: 'text', text: 'alive' }])
    await send(fake, session.id, 'two')
    await eventually(async () => said((await messagesOf(fake, session.id)).at(-1)) === 'alive')
    await fake.hub.ready()
  })
  it("drops a crashed turn's question", async () => {
    await using fake = await startFakeOpencode(() => [{ type: 'question', questions: [{ header: 'h', question: 'q', options: [] }] }])
    const session = await open(fake)
    await send(fake, session.id, 'ask')
    await eventually(async () => (await fake.adapter.listPendingQuestions(fake.dir)).length === 1)
    fake.server.crash()
    fake.server.restart()
    assert.equal(await fake.adapter.listPendingQuestions(fake.dir), [])
    const tool = (await messagesOf(fake, session.id)).at(-1)?.parts.find((p) => p.type === 'tool')
    assert.is(tool?.type === 'tool' && tool.state, 'running')
  })
  it('fails one call as planned, before or after its effect', async () => {
    await using fake = await startFakeOpencode()
    fake.server.failNext('create', { kind: 'refuse', status: 500 })
    assert.is(await codeOf(open(fake)), 'OPENCODE_FAILED')
    fake.server.failNext('create', { kind: 'break', after: true })
    assert.is(await codeOf(open(fake)), 'OPENCODE_UNREACHABLE')
    assert.is((await fake.adapter.listSessions()).length, 1)
    fake.server.failNext('list', { kind: 'hang' })
    assert.is(await codeOf(fake.adapter.listSessions({ timeoutMs: 30 })), 'OPENCODE_TIMEOUT')
  })
  it("gives a sub-agent's events to the watcher of its parent", async () => {
    await using fake = await startFakeOpencode((turn) =>
      turn.toolResults.length === 0 ? [{ type: 'subagent', description: 'look', text: 'found' }] : [{ type: 'text', text: 'done' }],
    )
    await fake.hub.ready()
    const session = await open(fake)
    const owners = new Set<string>()
    const sessions = new Set<string>()
    fake.hub.watch(session.id, (event, owner) => {
      owners.add(owner)
      if ('sessionId' in event) sessions.add(event.sessionId)
    })
    await send(fake, session.id, 'delegate')
    await eventually(async () => said((await messagesOf(fake, session.id)).at(-1)) === 'done')
    assert.equal([...owners], [session.id])
    assert.is(sessions.size, 2)
    assert.is((await fake.adapter.childSessions(session.id)).length, 1)
  })
  it('answers a prompt that comes while a turn runs after it, and loses one queued behind a turn that fails', async () => {
    let release: (() => void) | undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    let failing = false
    await using fake = await startFakeOpencode((turn) => [
      { type: 'wait', until: gate },
      failing ? { type: 'error', name: 'APIError', message: 'no' } : { type: 'text', text: `to ${turn.text}` },
    ])
    const session = await open(fake)
    await send(fake, session.id, 'first')
    await send(fake, session.id, 'second')
    release?.()
    const answer = await eventually(async () =>
      (await messagesOf(fake, session.id)).find((m) => m.parentId === 'msg_second' && m.finish === 'stop'),
    )
    assert.is(said(answer), 'to second')
    failing = true
    await send(fake, session.id, 'third')
    await send(fake, session.id, 'fourth')
    await eventually(async () => (await messagesOf(fake, session.id)).some((m) => m.error !== undefined))
    await eventually(async () => (await fake.adapter.sessionStatuses(fake.dir))[session.id] === undefined)
    assert.equal(
      (await messagesOf(fake, session.id)).filter((m) => m.parentId === 'msg_fourth' && m.error === undefined),
      [],
    )
  })
  it('offers the tools that the rules leave, the last match deciding', async () => {
    await using fake = await startFakeOpencode()
    const rules = [
      { permission: '*', pattern: '*', action: 'deny' },
      { permission: 'read', pattern: '*', action: 'allow' },
      { permission: 'bash', pattern: 'rm *', action: 'deny' },
    ] as const
    const session = await fake.adapter.createSession({ directory: fake.dir, title: 't', metadata: {}, rules })
    await send(fake, session.id, 'tools')
    await eventually(async () => fake.server.requests.length === 1)
    assert.equal(fake.server.requests[0]?.tools, ['bash', 'read'])
  })
})
