/** The pure decision: what an edit makes void, and where the ticket goes on. */
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { invalidation } from '../../core/invalidation.ts'
import type { ArtifactHead, EditFacts } from '../../core/invalidation.ts'
import type { AttemptRecord } from '../../core/store/records.ts'
import { describe } from '../helpers/suite.ts'

const rows = ['A', 'GATE', 'B', 'C', 'D', 'E'].map((phase) => ({ phase }))
const head = (kind: string, phase: string, more: Partial<ArtifactHead> = {}): ArtifactHead => ({
  ...{ id: `${kind}:${more.revision ?? 1}`, kind, revision: 1, phase, attempt: 1, sha256: `sha-${kind}-${more.revision ?? 1}` },
  ...{ derivedFrom: [], createdAt: 1, approvedBy: null, approvedIn: null, voidAt: null, ...more },
})
const attempt = (phase: string, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...{ phase, attempt: 1, reason: 'entered', state: 'done', outcome: 'done', failure: null, counted: true, startedAt: 1, endedAt: 2 },
  ...more,
})
const plan = head('plan', 'A', { approvedBy: 'act', approvedIn: 'GATE' })
const facts = (more: Partial<EditFacts>): EditFacts => ({
  ...{ rows, phase: 'D', artifacts: [plan], attempts: ['A', 'GATE', 'B', 'C', 'D'].map((phase) => attempt(phase)), readings: [] },
  ...more,
})
const reading = (phase: string, ...sources: readonly string[]) => ({ phase, attempt: 1, sources })
const edit = { kind: 'plan', sha256: 'sha-new' }
const short = (found: ReturnType<typeof invalidation>) =>
  found && [found.voids.map((a) => a.id), found.archives.map((a) => a.phase).join(''), found.back]

describe('an edit', (it) => {
  it('is of what a gate approved, and of nothing else', () => {
    assert.is(invalidation(facts({ artifacts: [head('plan', 'A')] }), edit), null)
    assert.is(invalidation(facts({}), { ...edit, kind: 'other' }), null)
    assert.is(invalidation(facts({ artifacts: [{ ...plan, voidAt: 3 }] }), edit), null)
  })
  it('to the same content changes nothing', () => {
    const found = invalidation(facts({ readings: [reading('B', plan.sha256)] }), { kind: 'plan', sha256: plan.sha256 })
    assert.equal([found?.changes, ...(short(found) ?? [])], [false, [], '', null])
  })
  it('leads back to the first that read it, behind its gate; what is not made from it stays', () => {
    const check = head('check', 'A', { derivedFrom: [plan.sha256] })
    const made = head('made', 'C', { derivedFrom: [plan.sha256] })
    const far = head('far', 'D', { derivedFrom: [made.sha256] })
    const other = head('other', 'B', { derivedFrom: ['sha-elsewhere'] })
    const artifacts = [plan, check, other, made, far]
    assert.equal(short(invalidation(facts({ artifacts, readings: [reading('A', plan.sha256), reading('C', plan.sha256)] }), edit)), [
      ['made:1', 'far:1'],
      'CD',
      'C',
    ])
    // A prompt under way counts before there is a document.
    assert.equal(short(invalidation(facts({ readings: [reading('B', plan.sha256)] }), edit)), [[], 'BCD', 'B'])
    assert.equal(short(invalidation(facts({}), edit)), [[], '', null])
  })
  it('reaches what was made from an earlier revision, but not what was made from the content that is there again', () => {
    const second = head('plan', 'D', { revision: 2, derivedFrom: [plan.sha256] })
    const old = head('old', 'B', { derivedFrom: [plan.sha256] })
    const young = head('young', 'D', { derivedFrom: [second.sha256] })
    const all = facts({ artifacts: [plan, second, old, young], phase: 'E' })
    assert.equal(short(invalidation(all, edit)), [['old:1', 'young:1'], 'BCD', 'B'])
    assert.equal(short(invalidation(all, { kind: 'plan', sha256: plan.sha256 })), [['young:1'], 'D', 'D'])
  })
  it('does not take a ticket forward that is before all that read it', () => {
    const made = head('made', 'D', { derivedFrom: [plan.sha256] })
    assert.equal(short(invalidation(facts({ artifacts: [plan, made], phase: 'B' }), edit)), [['made:1'], 'D', null])
  })

  const kinds = ['k1', 'k2', 'k3', 'k4', 'k5', 'k6']
  const graph = fc.tuple(
    fc.array(fc.tuple(fc.constantFrom(...rows.map((r) => r.phase)), fc.subarray(kinds), fc.boolean()), { minLength: 6, maxLength: 6 }),
    fc.array(fc.tuple(fc.constantFrom(...rows.map((r) => r.phase)), fc.subarray(['plan', ...kinds])), { maxLength: 5 }),
    fc.constantFrom(...rows.map((r) => r.phase)),
  )
  it('holds for any derivation: voids are all and only what follows from it, none before the gate, and it never leads forward', () => {
    fc.assert(
      fc.property(graph, ([made, read, phase]) => {
        const sha = (kind: string): string => `sha-${kind}-1`
        const artifacts = made.map(([at, from, direct], i) =>
          head(kinds[i] ?? '', at, { derivedFrom: [...from.filter((k) => kinds.indexOf(k) < i), ...(direct ? ['plan'] : [])].map(sha) }),
        )
        const all = facts({
          artifacts: [plan, ...artifacts],
          attempts: rows.map((r) => attempt(r.phase)),
          readings: read.map(([at, from]) => reading(at, ...from.map(sha))),
          phase,
        })
        const found = invalidation(all, edit)
        assert.ok(found)
        const behind = (a: { phase: string }): boolean => rows.findIndex((r) => r.phase === a.phase) > 1
        const gone = new Set(['sha-plan-1', ...found.voids.map((a) => a.sha256)])
        assert.ok(found.voids.every((a) => behind(a) && a.derivedFrom.some((s) => gone.has(s))))
        assert.not(artifacts.some((a) => behind(a) && !gone.has(a.sha256) && a.derivedFrom.some((s) => gone.has(s))))
        const index = (name: string | null): number => rows.findIndex((r) => r.phase === name)
        if (found.back !== null) assert.ok(index(found.back) <= index(phase) && index(found.back) > 1)
        assert.ok(found.voids.every((a) => found.archives.some((b) => b.phase === a.phase)))
        assert.equal(invalidation(all, edit), found)
      }),
    )
  })
})
