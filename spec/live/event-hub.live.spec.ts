/** The hub on a real OpenCode: a sub-agent's events reach its owner, and a killed server is found again. */
import * as assert from 'uvu/assert'
import { eventually, makeDirectory, SCRIPTED_MODEL, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'

describe('the event hub on a real OpenCode', (it) => {
  it("gives a sub-agent's events to the watcher of the session that started it", async () => {
    await using real = await startRealOpencode({
      model: (request) => {
        if (request.parentSessionId !== undefined) return { text: 'found by the sub-agent' }
        if (request.toolResults.length > 0) return { text: 'done' }
        return { toolCalls: [{ name: 'task', args: { description: 'look', prompt: 'look around', subagent_type: 'general' } }] }
      },
    })
    await real.hub.ready()
    const directory = await makeDirectory(real.dir, 'work')
    const session = await real.adapter.createSession({ directory, title: 't', metadata: {}, rules: [] })
    const texts = new Map<string, string>()
    const owners = new Set<string>()
    real.hub.watch(session.id, (event, owner) => {
      owners.add(owner)
      if (event.type === 'part.updated' && event.part.type === 'text' && event.part.ended) texts.set(event.sessionId, event.part.text)
    })
    await real.adapter.promptSession(session.id, directory, {
      messageId: 'msg_1',
      parts: [{ id: 'prt_1', type: 'text', text: 'delegate' }],
      model: SCRIPTED_MODEL,
    })
    await eventually(async () => texts.get(session.id) === 'done')
    const [child] = await real.adapter.childSessions(session.id)
    assert.is(texts.get(child?.id ?? ''), 'found by the sub-agent')
    assert.equal([...owners], [session.id])
    assert.is(real.hub.ownerOf(child?.id ?? ''), session.id)
  })

  it("goes on with a supervised server that died, without anybody's doing", async () => {
    await using real = await startRealOpencode({ supervise: true })
    await real.hub.ready()
    const changes: string[] = []
    real.hub.onStream((change) => changes.push(change.type))
    process.kill(real.managed.pid, 'SIGKILL')
    await eventually(async () => changes.includes('connected'), 20_000)
    assert.ok((await real.adapter.checkHealth()).reachable)
    assert.equal(changes, ['lost', 'connected'])
    assert.match(real.diagnostics.join(), 'it is started again')
  })

  it('says lost when the server is killed, connects to the restarted one by itself, and its watchers go on', async () => {
    await using real = await startRealOpencode()
    await real.hub.ready()
    const changes: string[] = []
    real.hub.onStream((change) => changes.push(change.type))
    const directory = await makeDirectory(real.dir, 'work')
    const session = await real.adapter.createSession({ directory, title: 't', metadata: {}, rules: [] })
    process.kill(real.managed.pid, 'SIGKILL')
    await eventually(async () => changes.includes('lost'))
    const again = await real.managed.restart()
    await real.hub.ready()
    assert.equal(changes, ['lost', 'connected'])
    const seen: string[] = []
    real.hub.watch(session.id, (event) => seen.push(event.type))
    await real.adapter.promptSession(session.id, directory, {
      messageId: 'msg_1',
      parts: [{ id: 'prt_1', type: 'text', text: 'hi' }],
      model: SCRIPTED_MODEL,
    })
    await eventually(async () => seen.includes('part.delta'))
    await again.stop()
  })
})
