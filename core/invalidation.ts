/**
 * What an edit of an approved document makes void, and where its ticket goes on: pure. A document is what its content says, so
 * everything here goes by content hash. What stands before the gate in the table was made for the document, not from it: the
 * person who edits has the last word there, and nothing of it runs again.
 */
import type { ArtifactRecord, AttemptRecord, PhaseAt } from './store/records.ts'

export type ArtifactHead = Omit<ArtifactRecord, 'content'>

export interface EditFacts {
  /** The ticket's pinned table, and where it is in it. */
  readonly rows: readonly { readonly phase: string }[]
  readonly phase: string
  /** Every revision of every document, oldest first. */
  readonly artifacts: readonly ArtifactHead[]
  readonly attempts: readonly AttemptRecord[]
  /** Content hashes that an attempt has read or shown to a model. */
  readonly readings: readonly (PhaseAt & { readonly sources: readonly string[] })[]
}

export interface Invalidation {
  /** The revision that is edited. */
  readonly document: ArtifactHead
  /** The phase of the gate that approved it. */
  readonly gate: string
  /** False: the content is the same, and nothing happens. */
  readonly changes: boolean
  /** Revisions that are read no more. */
  readonly voids: readonly ArtifactHead[]
  /** Attempts that count no more, late results of them included. */
  readonly archives: readonly PhaseAt[]
  /** The first phase that has to run again, when the ticket is there or past it; null: it stays where it is. */
  readonly back: string | null
}

/** Null when no revision of this kind is approved. */
export function invalidation(facts: EditFacts, edit: { readonly kind: string; readonly sha256: string }): Invalidation | null {
  const revisions = facts.artifacts.filter((a) => a.kind === edit.kind)
  const live = revisions.filter((a) => a.voidAt === null)
  const document = live.at(-1)
  const gate = live.findLast((a) => a.approvedIn !== null)?.approvedIn ?? null
  if (!document || gate === null) return null
  if (document.sha256 === edit.sha256) return { document, gate, changes: false, voids: [], archives: [], back: null }
  const rowOf = new Map(facts.rows.map((row, i) => [row.phase, i]))
  const behind = ({ phase }: { phase: string }): boolean => (rowOf.get(phase) ?? -1) > (rowOf.get(gate) ?? -1)
  const later = facts.artifacts.filter((a) => a.voidAt === null && a.kind !== edit.kind && behind(a))
  // What was made from an earlier content that is now there again still holds.
  const outdated = spread(new Set(revisions.map((a) => a.sha256).filter((sha256) => sha256 !== edit.sha256)), later)
  const voids = later.filter((a) => touches(a.derivedFrom, outdated))
  const current = facts.attempts.filter((a) => a.state !== 'archived' && behind(a))
  const makers = facts.readings.filter((r) => touches(r.sources, outdated))
  const concerned = current.filter((a) => [...makers, ...voids].some((other) => other.phase === a.phase && other.attempt === a.attempt))
  if (concerned.length === 0) return { document, gate, changes: true, voids, archives: [], back: null }
  const first = Math.min(...concerned.map((a) => rowOf.get(a.phase) ?? 0))
  const archives = current.filter((a) => (rowOf.get(a.phase) ?? -1) >= first).map(({ phase, attempt }) => ({ phase, attempt }))
  const back = first <= (rowOf.get(facts.phase) ?? -1) ? (facts.rows[first]?.phase ?? null) : null
  return { document, gate, changes: true, voids, archives, back }
}

const touches = (hashes: readonly string[], outdated: ReadonlySet<string>): boolean => hashes.some((hash) => outdated.has(hash))

/** With all that was made from them, and from that. */
function spread(from: ReadonlySet<string>, artifacts: readonly ArtifactHead[]): ReadonlySet<string> {
  const reached = new Set(from)
  for (let before = -1; before < reached.size;) {
    before = reached.size
    for (const a of artifacts) if (touches(a.derivedFrom, reached)) reached.add(a.sha256)
  }
  return reached
}
