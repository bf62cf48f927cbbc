/** The set-up of a worktree on real git: what only the checkout has is approved, copied, and approved again when it changed. */
import { exec } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { END } from '../../plugins/contract.ts'
import type { Pipeline } from '../../plugins/contract.ts'
import { full } from '../../phases/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'

const SETUP = ['PLANNING_EXECUTION_SETUP', 'WAITING_EXECUTION_SETUP_APPROVAL', 'PREPARING_EXECUTION_ENV']
const rows = full.rows.filter((row) => SETUP.includes(row.phase))
const pipeline: Pipeline = {
  name: 'set-up',
  label: 'Set-up',
  rows: rows.map((row, i) => (i === 2 ? { ...row, next: { ...row.next, done: END } } : row)),
}
const plan = (input: string): string =>
  `<EXECUTION_SETUP_PLAN>${JSON.stringify({
    ...{ summary: 'Copy, then make a tool.', readiness: { status: 'partial', evidence: [], gaps: [] } },
    ...{ workspace_inputs: [{ path: input }], environment: { path: ['venv/bin'], variables: { MODE: 'test' } } },
    probes: [{ id: 'tool', command: 'tool' }],
    project_commands: { prepare: [], test_full: ['tool'], lint_full: [], typecheck_full: [] },
  })}</EXECUTION_SETUP_PLAN>`
/** The tool works only in the environment of the plan, with the input in place. */
const MAKE = `mkdir -p venv/bin && printf '#!/bin/sh\\ngrep -q TOKEN .env && test "$MODE" = test\\n' > venv/bin/tool && chmod +x venv/bin/tool`

const brain: FakeBrain = (turn) => {
  if (turn.text.includes('cannot be used')) return [{ type: 'text', text: plan('.env') }]
  if (turn.text.includes('<EXECUTION_SETUP_PLAN>')) return [{ type: 'text', text: plan('notes.txt') }]
  if (!turn.text.includes('<EXECUTION_SETUP_RESULT>') || turn.toolResults.length > 0) return exampleBrain(turn)
  return [{ type: 'tool', tool: 'bash', input: { command: MAKE }, run: async (cwd) => (await promisify(exec)(MAKE, { cwd })).stdout }]
}

describe('the set-up of a worktree', (it) => {
  it('copies what a person approved, as they saw it, and is proven by the server in its own environment', async () => {
    await using world = await startWorld({ brain, pipelines: [pipeline], files: { 'a.txt': 'a\n', '.gitignore': '.env\nvenv/\n' } })
    await world.repo.write('.env', 'TOKEN=1\n')
    await world.repo.write('notes.txt', 'untracked\n')
    const { id } = await world.start('Do it', 'set-up')
    const person = new Person(world.kernel)
    await world.drive()
    const beside = (await world.kernel.inbox.list({ ticketId: id })).items[0]?.payload as { form: { beside: readonly string[] } }
    assert.equal(beside.form.beside, ['workspace_survey', 'workspace_inputs'])
    const document = async (kind: string) =>
      parse((await world.kernel.tickets.artifact({ ticketId: id, kind })).content) as Record<string, unknown>
    assert.equal((await document('workspace_survey'))['ignored'], ['.env'])
    await world.repo.write('.env', 'TOKEN=2\n') // after it was looked at
    const ticket = () => world.kernel.tickets.get(id)
    await person.decideOne(await ticket())
    await world.drive()
    assert.is((await ticket()).phase, 'WAITING_EXECUTION_SETUP_APPROVAL')
    await person.decideOne(await ticket())
    await world.drive()
    assert.is((await ticket()).status, 'completed', JSON.stringify((await ticket()).blocked))
    assert.equal(person.decisions, ['WAITING_EXECUTION_SETUP_APPROVAL approve', 'WAITING_EXECUTION_SETUP_APPROVAL approve'])
    assert.is(await readFile(join(world.repo.path, '.looptroop/worktrees', id, '.env'), 'utf8'), 'TOKEN=2\n')
    const { receipts, inputs } = await document('execution_setup_profile')
    assert.equal(
      (receipts as { command: string; exitCode: number }[]).map((r) => [r.command, r.exitCode]),
      [
        ['true', 0],
        ['tool', 0],
      ],
    )
    assert.equal(inputs, [{ path: '.env', reason: '' }])
    assert.equal(
      (await world.kernel.tickets.turns(id)).map((t) => t.prompt),
      ['answer', 'inputs:again', '@set-up:1'],
    )
  })
})
