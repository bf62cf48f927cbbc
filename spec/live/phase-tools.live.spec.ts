/** A phase's tool policy through the kernel on a real OpenCode: from the model's own requests, and from what was written. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { PhasePlugin, ToolPolicy } from '../../plugins/contract.ts'
import type { Script } from '../../scripts/scripted-model.ts'
import { calls, said, startLive, stepwise, talk } from '../helpers/live.ts'
import type { Live } from '../helpers/live.ts'
import { startRealOpencode } from '../helpers/opencode.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive } from '../helpers/waiting.ts'

const oc = await startRealOpencode()

const phaseWith = (tools: ToolPolicy, questions = false): PhasePlugin => talk({ tools, questions, retry: { attempts: 1 } })
const worktreeOf = ({ world }: Live, ticketId: string): string => join(world.repo.path, '.looptroop/worktrees', ticketId)

/** The tools that the model was offered in a phase of this policy. */
async function offered(tools: ToolPolicy, questions: boolean): Promise<readonly string[]> {
  await using live = await startLive(oc, { script: () => ({ text: said('ok') }), phases: [phaseWith(tools, questions)] })
  const { id } = await live.start()
  await live.until(id, (t) => t.status === 'completed')
  assert.is(live.requests().length, 1)
  return live.requests()[0]?.tools ?? []
}

describe('the tool policy of a phase on a real OpenCode', (it) => {
  it('decides what the model is offered', async () => {
    const reading = await offered('read_only', false)
    for (const denied of ['edit', 'write', 'bash', 'task', 'webfetch', 'question']) assert.not(reading.includes(denied), reading.join())
    assert.ok(reading.includes('read') && reading.includes('grep'), reading.join())
    const usual = await offered('default', true)
    for (const given of ['edit', 'write', 'bash', 'question']) assert.ok(usual.includes(given), usual.join())
    assert.not(usual.includes('webfetch'), usual.join())
    assert.not((await offered('default', false)).includes('question'))
    assert.equal(await offered('disabled', true), [])
  })

  it('read_only: a model that tries all the same changes no file, and the phase ends well', async () => {
    const script: Script = (request) =>
      stepwise(
        calls('write', { filePath: join(directoryIn(request.messages), 'README.md'), content: 'changed' }),
        calls('bash', { command: 'echo changed > README.md', description: 'change' }),
        { text: said('tried') },
      )(request)
    await using live = await startLive(oc, { script, phases: [phaseWith('read_only')] })
    const { id } = await live.start()
    await live.until(id, (t) => t.status === 'completed')
    assert.is(live.requests().length, 3)
    assert.is(await gitIn(worktreeOf(live, id), 'status', '--porcelain'), '')
  })

  // OpenCode knows the paths of its own tools, and in bash those of `cd` and of the file commands (touch, cp, mv, rm …). A
  // redirection or `sed -i` it does not see: the rule keeps an agent on its way, it is no sandbox.
  it('default: a write outside the worktree is refused, by tool and by file command', async () => {
    let outside = ''
    const script: Script = (request) =>
      stepwise(
        calls('write', { filePath: join(directoryIn(request.messages), 'inside.txt'), content: 'inside' }),
        calls('write', { filePath: join(outside, 'by-write.txt'), content: 'outside' }),
        calls('edit', { filePath: join(outside, 'README.md'), oldString: 'hello', newString: 'changed' }),
        calls('bash', { command: `touch ${join(outside, 'by-bash.txt')}`, description: 'write' }),
        calls('bash', { command: `cd ${outside} && echo outside > by-cd.txt`, description: 'write' }),
        { text: said('done') },
      )(request)
    await using live = await startLive(oc, { script, phases: [phaseWith('default')] })
    outside = live.world.repo.path
    const { id } = await live.start()
    await live.until(id, (t) => t.status === 'completed')
    assert.ok(existsSync(join(worktreeOf(live, id), 'inside.txt')))
    for (const name of ['by-write.txt', 'by-bash.txt', 'by-cd.txt']) assert.not(existsSync(join(outside, name)), name)
    assert.is(await gitIn(outside, 'status', '--porcelain'), '')
    const results =
      live
        .requests()
        .at(-1)
        ?.toolResults.map((r) => r.content) ?? []
    assert.is(results.length, 5)
    for (const refused of results.slice(1)) assert.match(refused, /rule|permission|denied|reject/i)
  })

  it('default: what bash writes outside all the same is told, with proof, and so is what changes beside a commit', async () => {
    const outside = 'echo out > ../../../out.txt; echo out | tee ../../../tee.txt; sed -i s/hello/changed/ ../../../README.md'
    const script: Script = stepwise(
      calls('bash', { command: outside, description: 'write' }),
      calls('bash', { command: 'touch ../../../refused.txt', description: 'write' }),
      calls('bash', { command: 'git config core.hooksPath planted && git branch planted', description: 'configure' }),
      { text: said('done') },
    )
    await using live = await startLive(oc, { script, phases: [phaseWith('default')] })
    const { id } = await live.start()
    await live.until(id, (t) => t.status === 'completed')
    const { items } = await live.world.kernel.events.history({ ticketId: id, limit: 1_000 })
    const files = items.flatMap((e) => (e.type === 'files.outside' ? e.data.files : []))
    assert.equal(
      files.map((f) => [f.path.replace(`${live.world.repo.path}/`, ''), f.tool, f.written]),
      [
        ['out.txt', 'bash', true],
        ['tee.txt', 'bash', true],
        ['README.md', 'bash', true],
        ['refused.txt', 'bash', false],
      ],
    )
    const beside = items.flatMap((e) => (e.type === 'files.beside' ? e.data.git : []))
    assert.equal(beside, ['.git/config', 'refs/heads/planted'])
  })
})

describe('a policy that was got around', (it) => {
  it('is told by the tools that a turn completed: TOOLS_VIOLATED, and the ticket blocks', async () => {
    // As if OpenCode did not apply the rules of the session.
    const createSession: typeof oc.adapter.createSession = (input, options) => oc.adapter.createSession({ ...input, rules: [] }, options)
    const script = stepwise(calls('bash', { command: 'true', description: 'nothing' }), { text: said('done') })
    await using live = await startLive(oc, { script, phases: [phaseWith('read_only')], adapter: { ...oc.adapter, createSession } })
    const { id } = await live.start()
    const { blocked } = await live.until(id, (t) => t.status === 'blocked')
    assert.is(blocked?.code, 'TOOLS_VIOLATED')
    assert.match(blocked?.message ?? '', 'bash')
  })

  it('is told by the tree: READ_ONLY_VIOLATED, the change is undone, and the ticket blocks', async () => {
    let file = ''
    const script: Script = async () => {
      await writeFile(file, 'changed behind its back')
      return { text: said('I changed nothing') }
    }
    await using live = await startLive(oc, { script, phases: [phaseWith('read_only')] })
    file = join(live.world.repo.path, '.looptroop/worktrees/SPEC-1/README.md')
    const { id } = await live.start()
    const { blocked } = await live.until(id, (t) => t.status === 'blocked')
    assert.is(blocked?.code, 'READ_ONLY_VIOLATED')
    assert.match(blocked?.message ?? '', 'README.md')
    assert.is(await gitIn(worktreeOf(live, id), 'status', '--porcelain'), '')
  })

  it('leaves no process behind', async () => {
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
  })
})

/** OpenCode's system prompt names the session's directory. */
function directoryIn(messages: readonly { readonly content?: unknown }[]): string {
  return /Working directory: (\S+)/.exec(JSON.stringify(messages[0]?.content))?.[1]?.replace(/\\n.*/, '') ?? 'unknown'
}
