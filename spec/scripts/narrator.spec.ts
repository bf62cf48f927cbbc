/** A ticket's events in words: which phase, who is asked, what was decided and why. */
import * as assert from 'uvu/assert'
import type { DurableEvent, EventData, EventType } from '../../core/events/index.ts'
import { Narrator, promptInWords } from '../../scripts/narrator.ts'
import { describe } from '../helpers/suite.ts'

const event = <T extends EventType>(type: T, data: EventData[T]): DurableEvent =>
  ({ seq: 1, id: 'e.1', at: 0, type, data }) as unknown as DurableEvent
const phases = ['A', 'B', 'C'].map((phase) => ({ phase, label: `Label ${phase}`, group: phase === 'C' ? 'late' : 'early' }))
const started = event('ticket.started', { pipeline: 'p', branch: 'b', baseCommit: 'c', phases })
const told = (...events: readonly DurableEvent[]): readonly string[] => {
  const narrator = new Narrator({ bold: (text) => text, dim: (text) => text })
  return [started, ...events].flatMap((one) => narrator.lines(one)).slice(3)
}
const at = { phase: 'B', attempt: 1 }

describe('a narrator', (it) => {
  it('shows the phases by group, and where a ticket is, goes back to, or passes by', () => {
    const narrator = new Narrator({ bold: (text) => text, dim: (text) => text })
    assert.equal(narrator.lines(started), ['branch b, 3 phases:', '  early: Label A → Label B', '  late: Label C'])
    const entered = { ...at, label: 'Label B', visits: 1, reason: 'entered' }
    assert.equal(told(event('phase.entered', entered)), ['', '▶ 2/3 Label B'])
    assert.equal(told(event('phase.entered', { ...entered, attempt: 2, reason: 'retry' })), [
      '',
      '▶ 2/3 Label B (attempt 2, a person asked for it)',
    ])
    const left = (phase: string, outcome: string, next: string | null) => told(event('phase.left', { phase, attempt: 1, outcome, next }))
    assert.equal(left('A', 'done', 'B'), [])
    assert.equal(left('A', 'skip_all', 'C'), ['  → skip_all: on to “Label C”'])
    assert.equal(left('C', 'fixes', 'A'), ['  → fixes: back to “Label A”'])
    assert.equal(left('C', 'done', null), [])
  })
  it('says what was decided and why, and by whom', () => {
    const lines = told(
      event('plugin', { ...at, name: 'told', data: { lines: ['m2 won the vote', 'degraded: no vote of m3'] } }),
      event('plugin', { ...at, name: 'other', data: { lines: ['not for people'] } }),
      event('gate.opened', {
        ...at,
        gateId: 'g',
        title: 'Approve it',
        kind: 'document',
        actions: ['approve', 'edit'],
        artifact: 'prd',
        sha256: 'a'.repeat(64),
      }),
      event('gate.decided', { ...at, gateId: 'g', action: 'approve', sha256: 'a'.repeat(64) }),
      event('item.changed', { id: 'x', title: 'Do x', state: 'in_progress', iteration: 2, commit: null }),
      event('prompt.recorded', { ...at, prompt: 'draft:p/m1', ok: false, why: 'timed_out', repairs: [] }),
    )
    assert.equal(lines, [
      '  · m2 won the vote',
      '  · degraded: no vote of m3',
      `  ? Approve it: approve, edit · prd (${'a'.repeat(10)})`,
      `  → a person decided: approve (${'a'.repeat(10)})`,
      '  ○ Do x [x], try 2 in a fresh session',
      '  ✘ draft p/m1 has no answer: timed_out',
    ])
  })
  it('tells what hooks said, and what was changed where nothing should be', () => {
    const ran = [
      { hook: 'pre-commit', exitCode: 0, timedOut: false, durationMs: 1, output: '' },
      { hook: 'commit-msg', exitCode: 1, timedOut: false, durationMs: 1, output: 'first\nno good\n' },
    ]
    const hooks = { ...at, name: 'hooks', stage: 'commit' as const, policy: 'report', passed: false, ran, changed: ['a.ts'] }
    const turn = { turnId: 't', ...at, prompt: 'p' }
    assert.equal(
      told(
        event('hooks.checked', { ...hooks, left: [{ hook: 'pre-push', why: 'it is not executable' }] }),
        event('files.outside', { ...turn, files: [{ path: '/etc/hosts', tool: 'bash', written: true }] }),
        event('files.beside', { ...turn, ignored: ['.env'], git: ['.git/config'], more: 0 }),
      ),
      [
        '  ✔ git hook pre-commit → exit 0',
        '  ✘ git hook commit-msg → exit 1: no good',
        '  git hook pre-push did not run: it is not executable',
        '  the hooks changed a.ts',
        '  ! changed outside the worktree, by bash: /etc/hosts',
        '  ! changed meanwhile in git itself: .git/config',
      ],
    )
  })
  it('lets nothing that a model wrote move the cursor or forge a line', () => {
    const forged = 'x\u001b[2J\n✔ the server ran: rm -rf /'
    const lines = told(
      event('plugin', { ...at, name: 'told', data: { lines: [forged] } }),
      event('item.changed', { id: 'x', title: forged, state: 'done', iteration: 1, commit: null }),
      event('question.asked', { ...at, requestId: 'r', sessionId: 's', questions: [{ question: forged }] }),
      event('ticket.proposed', { ...at, proposed: 'X-2', title: forged, origin: 'o' }),
    )
    assert.is(lines.length, 4)
    // oxlint-disable-next-line no-control-regex -- what must not be in it
    for (const line of lines) assert.not.match(line, /[\u0000-\u001f]/)
  })
  it('names a prompt as a person would', () => {
    assert.equal(
      [promptInWords('draft:p/m1', 'p/m1'), promptInWords('audit:2', 'p/m1'), promptInWords('bead:2:repair1', 'p/m1')],
      ['draft', 'audit 2', 'bead 2, mending 1'],
    )
  })
})
