/** What a change may hold and what the repository's hooks say of it, in whole tickets: real git, real hooks, a fake OpenCode. */
import { exec } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeAction, FakeBrain, FakeTurn } from '../../core/opencode/fake/brain.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'

const SLOW = { timeoutMs: 60_000 }
const checks = { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' }
const REPORT = `<BEAD_STATUS>${JSON.stringify({ bead_id: 'first-step', status: 'done', checks })}</BEAD_STATUS>`

const bash = (command: string): FakeAction => ({
  ...{ type: 'tool', tool: 'bash', input: { command } },
  run: async (directory) => (await promisify(exec)(command, { cwd: directory })).stdout,
})
type Answer = { readonly tag: string; readonly commands: (turn: FakeTurn) => readonly string[]; readonly say: string }
/** Runs commands for real before it reports; everything else is the example. */
const playing =
  (...answers: readonly Answer[]): FakeBrain =>
  (turn) => {
    const answer = answers.find(({ tag }) => turn.text.includes(`<${tag}>`))
    if (!answer) return exampleBrain(turn)
    const commands = turn.toolResults.length === 0 ? answer.commands(turn) : []
    return commands.length > 0 ? commands.map(bash) : [{ type: 'text', text: answer.say }]
  }
const coding = (commands: Answer['commands'] | string): Answer => ({
  ...{ tag: 'BEAD_STATUS', say: REPORT },
  commands: typeof commands === 'string' ? () => [commands] : commands,
})

async function hook(world: World, name: string, script: string): Promise<void> {
  const folder = join(world.repo.path, '.git/hooks')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
async function play(world: World, decide: Decide = () => undefined) {
  const { id } = await world.start()
  const person = new Person(world.kernel, decide)
  for (;;) {
    await world.drive()
    const ticket = await world.kernel.tickets.get(id)
    if (ticket.status !== 'waiting' || !(await person.decideOne(ticket))) break
  }
  const { items } = await world.kernel.events.history({ ticketId: id, limit: 1_000 })
  const told = (type: string) => items.filter((e) => e.type === type).map((e) => e.data as Record<string, unknown>)
  const ticket = await world.kernel.tickets.get(id)
  const document = async (kind: string) => (await world.kernel.tickets.artifact({ ticketId: id, kind })).content
  const inBranch = async () => (await gitIn(world.repo.path, 'ls-tree', '-r', '--name-only', ticket.branch ?? '')).split('\n')
  return { id, ticket, person, told, document, inBranch, turns: async () => (await world.kernel.tickets.turns(id)).map((t) => t.prompt) }
}
const policy = (world: World, value: string) =>
  world.kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'git.hooks': value } })
/** As ticket prefixes, Gerrit's Change-Id, and linters that take out what they do not know. */
const REWRITE = 'sed -i "/^LoopTroop/d; 1s/^/[JIRA-7] /" "$1"; printf "\\nWhy it was made.\\n\\nChange-Id: I123\\n" >> "$1"'
/** Refuses a file with this word in it. */
const NO_BAD = 'if git diff --cached | grep -q "^+bad"; then echo "bad is not allowed"; exit 1; fi'

describe('the hooks of a repository', (it) => {
  it(
    'may rewrite the message where they have to pass: the commit is found by its step all the same, and made once',
    async () => {
      for (const [value, subject] of [
        ['require', '[JIRA-7] SPEC-1: Do it'],
        ['report', 'SPEC-1: Do it'],
      ] as const) {
        await using world = await startWorld({ brain: playing(coding('echo good > a.txt')) })
        await policy(world, value)
        await hook(world, 'commit-msg', REWRITE)
        const run = await play(world)
        assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
        const [told, trailers] = (
          await gitIn(world.repo.path, 'log', '--format=%s%x1f%(trailers:only,separator=%x7c)', 'main..looptroop/SPEC-1')
        )
          .trim()
          .split('\x1f')
        assert.is(told, subject, 'one commit, with these words')
        assert.match(
          trailers ?? '',
          value === 'require' ? /^Change-Id: I123\|LoopTroop-Commits: \d\|LoopTroop-Step: / : /^LoopTroop-Commits: \d\|/,
        )
        assert.match(await run.document('integration_report'), 'JIRA-7')
      }
    },
    SLOW,
  )
  it(
    'are told and stop nothing, unless the project says otherwise',
    async () => {
      await using world = await startWorld({ brain: playing(coding('echo bad > a.txt')) })
      await hook(world, 'pre-commit', NO_BAD)
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      const [checked] = run.told('hooks.checked')
      assert.equal([checked?.['policy'], checked?.['passed'], checked?.['stage']], ['report', false, 'commit'])
      assert.match(await run.document('integration_report'), /pre-commit ended with 1:\s+bad is not allowed/)
    },
    SLOW,
  )
  it(
    'with run go back to the model for each work item, which mends it before anything is committed',
    async () => {
      const mending = coding((turn) => [turn.text.includes('bad is not allowed') ? 'echo good > a.txt' : 'echo bad > a.txt'])
      await using world = await startWorld({ brain: playing(mending) })
      await hook(world, 'pre-commit', NO_BAD)
      await policy(world, 'run')
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.equal(
        (await run.turns()).filter((name) => name.startsWith('first-step')),
        ['first-step:1', 'first-step:1:repair1'],
      )
      assert.equal(
        run.told('hooks.checked').map((c) => c['passed']),
        [false, true, true, true],
      )
      assert.is(await gitIn(world.repo.path, 'show', `${run.ticket.branch}:a.txt`), 'good')
    },
    SLOW,
  )
  it(
    'with require send the change back to the final test with what they said',
    async () => {
      const testing: Answer = {
        tag: 'FINAL_TEST_COMMANDS',
        commands: (turn) => (turn.text.includes('bad is not allowed') ? ['echo good > a.txt'] : []),
        say: `<FINAL_TEST_COMMANDS>${JSON.stringify({ commands: ['true'], summary: 'x' })}</FINAL_TEST_COMMANDS>`,
      }
      await using world = await startWorld({ brain: playing(coding('echo bad > a.txt'), testing) })
      await hook(world, 'pre-commit', NO_BAD)
      await policy(world, 'require')
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.is(await gitIn(world.repo.path, 'show', `${run.ticket.branch}:a.txt`), 'good')
    },
    SLOW,
  )
  it(
    'what a formatter changes belongs to the change where hooks have to pass',
    async () => {
      await using world = await startWorld({ brain: playing(coding('echo untidy > a.txt')) })
      await hook(world, 'pre-commit', 'echo tidy > a.txt\ngit add a.txt')
      await policy(world, 'require')
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.is(await gitIn(world.repo.path, 'show', `${run.ticket.branch}:a.txt`), 'tidy')
      assert.is(await gitIn(world.repo.path, 'rev-list', '--count', `main..${run.ticket.branch}`), '1')
    },
    SLOW,
  )
})

describe('the files of a change', (it) => {
  it(
    'leave out what tools left behind, and say what nobody declared',
    async () => {
      await using world = await startWorld({
        brain: playing(coding('mkdir -p __pycache__ && echo x > __pycache__/a.pyc && echo x > a.txt')),
      })
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.equal(await run.inBranch(), ['README.md', 'a.txt'])
      const files = run.told('plugin').find((e) => e['name'] === 'work.files')
      assert.equal(files?.['data'], {
        item: 'first-step:1',
        declared: ['src/example.ts'],
        undeclared: ['a.txt'],
        left_out: ['__pycache__/a.pyc'],
        more: 0,
      })
    },
    SLOW,
  )
  it(
    'what may be a secret waits for a person, whatever the model says; left out it is in no commit of the branch',
    async () => {
      const key = `AKIA${'A1B2'.repeat(4)}`
      const brain = playing(coding(`echo 'const key = "${key}"' > config.ts && echo x > a.txt`), {
        ...{ tag: 'CANDIDATE_FILES', commands: () => [] },
        say: `<CANDIDATE_FILES>${JSON.stringify({ files: [{ path: 'config.ts', verdict: 'include', reason: 'It is needed.' }] })}</CANDIDATE_FILES>`,
      })
      await using world = await startWorld({ brain })
      const run = await play(world, (phase) => (phase === 'INTEGRATING_CHANGES' ? { action: 'leave_out' } : undefined))
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.equal(run.person.decisions.at(-1), 'INTEGRATING_CHANGES leave_out')
      assert.equal(await run.inBranch(), ['README.md', 'a.txt'])
      const decided = await run.document('candidate_files')
      assert.match(decided, /line 1 looks like a secret; the model: It is needed\.; a person decided/)
      assert.not(decided.includes(key))
      assert.not((await gitIn(world.repo.path, 'log', '-p', `main..${run.ticket.branch}`)).includes(key))
    },
    SLOW,
  )
  it(
    'a new file that the final test did not name is asked about once, in the same session; then it is left out',
    async () => {
      const say = (value: object): string =>
        `<FINAL_TEST_COMMANDS>${JSON.stringify({ commands: ['true'], summary: 'x', ...value })}</FINAL_TEST_COMMANDS>`
      const brain: FakeBrain = (turn) => {
        if (!turn.text.includes('<FINAL_TEST_COMMANDS>') && !turn.text.includes('did not say what they are'))
          return playing(coding('echo x > a.txt'))(turn)
        if (turn.text.includes('did not say what they are')) return [{ type: 'text', text: say({ test_files: ['b.test.txt'] }) }]
        return turn.toolResults.length === 0 ? [bash('echo t > b.test.txt && echo t > c.dump')] : [{ type: 'text', text: say({}) }]
      }
      await using world = await startWorld({ brain })
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      assert.equal(await run.inBranch(), ['README.md', 'a.txt', 'b.test.txt'])
      assert.equal(
        (await run.turns()).filter((name) => name.startsWith('@')),
        ['@final-test:1', '@final-test:1:repair1'],
      )
      assert.match(await run.document('final_test_files'), /path: c\.dump\n\s+why: nobody said what it is/)
    },
    SLOW,
  )
  it(
    'what is written outside the worktree, and what changes beside the commit, is evidence',
    async () => {
      const outside = 'echo x > ../../../outside.txt; echo y | tee -a ../../../tee.txt; sed -i s/hello/HELLO/ ../../../README.md'
      const beside = 'git config core.hooksPath planted; echo secret > .env; git branch planted'
      await using world = await startWorld({
        brain: playing(coding(() => [outside, beside, 'echo x > a.txt'])),
        files: { 'README.md': 'hello\n', '.gitignore': '.env\n' },
      })
      const run = await play(world)
      assert.is(run.ticket.status, 'completed', JSON.stringify(run.ticket.blocked))
      const [told] = run.told('files.outside') as unknown as readonly {
        prompt: string
        files: readonly { path: string; written: boolean }[]
      }[]
      assert.equal(
        [told?.prompt, told?.files.map((f) => [f.path.replace(world.repo.path, ''), f.written])],
        ['first-step:1', ['/outside.txt', '/tee.txt', '/README.md'].map((name) => [name, true])],
      )
      const [changed] = run.told('files.beside')
      assert.equal([changed?.['ignored'], changed?.['git']], [['.env'], ['.git/config', 'refs/heads/planted']])
    },
    SLOW,
  )
})
