import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { RemoteMessage } from '../../core/opencode/adapter.ts'
import { systemClock } from '../../core/ports.ts'
import { deniedTools, READING_TOOLS, rulesFor } from '../../core/tools.ts'
import { createWorkspace, type Workspace } from '../../core/workspace/index.ts'
import type { PermissionRule, ToolPolicy } from '../../plugins/contract.ts'
import { eventually, SCRIPTED_MODEL, startRealOpencode, type RealOpencode } from '../helpers/opencode.ts'
import { testRepository, type TestRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import type { Script } from '../../scripts/scripted-model.ts'

const FILES = { 'a.txt': 'as committed\n' }

interface World {
  readonly real: RealOpencode
  readonly work: Workspace
}

async function makeWorktree(repo: TestRepository): Promise<Workspace> {
  const baseCommit = await repo.git('rev-parse', 'HEAD')
  const worktreePath = path.join(repo.path, '.looptroop/worktrees/T-1')
  const work = createWorkspace({ repoPath: repo.path, worktreePath, branch: 'looptroop/T-1', baseCommit, clock: systemClock })
  await work.ensure()
  return work
}

let turns = 0

/** One turn under these rules; the messages when it is over, and the tools that the model was offered in its first request. */
async function turn(
  { real, work }: World,
  rules: readonly PermissionRule[],
  script: Script,
): Promise<{ offered: readonly string[]; messages: readonly RemoteMessage[] }> {
  const before = real.model.requests.length
  real.model.use(script)
  const { adapter } = real
  const session = await adapter.createSession({ directory: work.path, title: 'tools', metadata: {}, rules })
  const id = `${Date.now().toString(36)}tools${turns++}`
  await adapter.promptSession(session.id, work.path, {
    messageId: `msg_${id}`,
    parts: [{ id: `prt_${id}`, type: 'text', text: 'go' }],
    model: SCRIPTED_MODEL,
  })
  const messages = await eventually(async () => {
    const seen = (await adapter.getSessionMessages(session.id)) ?? []
    const last = seen.at(-1)
    return last?.role === 'assistant' && last.completedAt !== undefined && last.finish !== 'tool-calls' && seen
  }, 60_000)
  return { offered: real.model.requests[before]?.tools ?? [], messages }
}

const saysOk: Script = () => ({ text: 'ok' })
/** Calls these tools one after the other, offered or not, and then ends. */
const calls =
  (...wanted: readonly { name: string; args: unknown }[]): Script =>
  ({ toolResults }) => {
    const next = wanted[toolResults.length]
    return next === undefined ? { text: 'done' } : { toolCalls: [next] }
  }

describe('tool rules on a real OpenCode', (it) => {
  it('a denied tool is not offered to the model, whatever the policy', async () => {
    await using repo = await testRepository(FILES)
    await using real = await startRealOpencode()
    const world = { real, work: await makeWorktree(repo) }
    const offers = async (policy: ToolPolicy, questions: boolean): Promise<readonly string[]> => {
      const rules = rulesFor(policy, { questions })
      const { offered } = await turn(world, rules, saysOk)
      assert.equal(deniedTools(rules, offered), [], `${JSON.stringify(policy)} offers ${offered.join()}`)
      return offered
    }
    const usual = await offers('default', false)
    for (const name of ['bash', 'edit', 'write', 'read']) assert.ok(usual.includes(name), `default offers ${usual.join()}`)
    for (const name of ['webfetch', 'websearch', 'question']) assert.not(usual.includes(name))
    assert.ok((await offers('online', false)).includes('webfetch'))
    assert.ok((await offers('default', true)).includes('question'))
    const reading = await offers('read_only', false)
    assert.ok(
      reading.includes('read') && reading.every((name) => (READING_TOOLS as readonly string[]).includes(name)),
      `read_only offers ${reading.join()}`,
    )
    assert.equal((await offers('read_only', true)).toSorted(), [...reading, 'question'].toSorted())
    assert.equal(await offers('disabled', true), [])
  })

  it('a model that calls denied tools all the same changes nothing in a read-only phase', async () => {
    await using repo = await testRepository(FILES)
    await using real = await startRealOpencode()
    const world = { real, work: await makeWorktree(repo) }
    const before = await world.work.treeState()
    const rules = rulesFor('read_only', { questions: false })
    const file = path.join(world.work.path, 'a.txt')
    const { messages } = await turn(
      world,
      rules,
      calls(
        { name: 'write', args: { filePath: file, content: 'changed' } },
        { name: 'bash', args: { command: 'echo changed > a.txt', description: 'change' } },
        { name: 'read', args: { filePath: file } },
      ),
    )
    assert.is(await world.work.treeState(), before)
    const done = messages
      .flatMap((message) => message.parts)
      .flatMap((part) => (part.type === 'tool' && part.state === 'completed' ? [part.tool] : []))
    assert.ok(done.includes('read'), `ended well: ${done.join()}`)
    assert.equal(
      deniedTools(
        rules,
        done.filter((name) => name !== 'invalid'),
      ),
      [],
    )
  })

  it('inside the worktree a phase may write, outside it may not', async () => {
    await using repo = await testRepository(FILES)
    await using real = await startRealOpencode()
    const world = { real, work: await makeWorktree(repo) }
    const outside = path.join(repo.path, 'outside.txt')
    await turn(
      world,
      rulesFor('default', { questions: false }),
      calls(
        { name: 'write', args: { filePath: path.join(world.work.path, 'inside.txt'), content: 'inside' } },
        { name: 'write', args: { filePath: outside, content: 'outside' } },
      ),
    )
    assert.is((await readFile(path.join(world.work.path, 'inside.txt'), 'utf8')).trim(), 'inside')
    assert.not(existsSync(outside))
    assert.equal(await world.work.changed(), ['inside.txt'])
  })
})
