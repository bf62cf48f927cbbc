/** What a manual test found, over its rounds: results of a person, the beads that mend what failed, and where a check comes from. */
import * as v from 'valibot'
import type { OutputSpec } from '../contract.ts'
import { graphProblems } from '../primitives/next-item.ts'
import { Expansion } from './beads.ts'
import type { QaChecklist, QaItem } from './qa.ts'

/** A person's result for one item; the door has checked it. */
export interface QaResult {
  readonly result: 'pass' | 'fail' | 'waive' | 'improvement'
  readonly observation?: string
  readonly expected?: string
  /** Of failures: those with the same word, or with the id of another one, have one cause and are mended together. */
  readonly group?: string
  /** Of an improvement: the new ticket's. */
  readonly title?: string
  readonly priority?: number
  /** Hashes of attached files. */
  readonly evidence?: readonly string[]
}
/** The artifact `qa_results`. */
export interface QaResults {
  readonly skipped?: boolean
  readonly results?: Readonly<Record<string, QaResult>>
  /** Why they count for nothing. */
  readonly void?: string
}

/** In the order in which they first failed. */
export function groupsOf<F extends QaResult & { readonly id: string }>(
  failures: readonly F[],
): readonly (readonly [string, readonly F[]])[] {
  const groups = new Map<string, F[]>()
  for (const failure of failures) {
    const name = failure.group?.trim() || failure.id
    groups.set(name, [...(groups.get(name) ?? []), failure])
  }
  return [...groups]
}

// ------------------------------------------------------------------------------------------------------- lineage

/** What there was before a round. */
export interface Earlier {
  readonly checklist: QaChecklist
  readonly results: QaResults
  readonly beads: readonly { readonly id: string; readonly qa_origin?: QaOrigin | null | undefined }[]
}
/** Of a bead that mends what failed: what a worker has to know of it, and what a later round finds it by. */
export interface QaOrigin {
  readonly round: number
  readonly group: string
  readonly checks: readonly { readonly id: string }[]
}

export const failedBefore = ({ results }: Earlier): readonly string[] =>
  results.void === undefined ? Object.entries(results.results ?? {}).flatMap(([id, { result }]) => (result === 'fail' ? [id] : [])) : []

/** A round's checklist, each check with those that it goes back to. */
export function withLineage({ items }: QaChecklist, earlier: Earlier | null): QaChecklist & { readonly round: number } {
  const round = earlier === null ? 1 : (earlier.checklist.round ?? 1) + 1
  return { round, items: items.map((item) => ({ ...item, lineage: lineageOf(item, { round, earlier }) })) }
}

function lineageOf(item: QaItem, { round, earlier }: { round: number; earlier: Earlier | null }): NonNullable<QaItem['lineage']> {
  const before = earlier?.checklist.items.filter((one) => item.previous.includes(one.id)) ?? []
  const own = `${round}/${item.id}`
  if (earlier === null || before.length === 0) return { id: own, recheck: 'new', from: [] }
  const last = before.map((one) => stepOf(one.id, earlier))
  const all = [...before.flatMap((one) => one.lineage?.from ?? []), ...last]
  const from = all.filter((step, i) => all.findIndex((other) => other.round === step.round && other.check === step.check) === i)
  const settled = last.every(({ result }) => result !== 'fail' && result !== 'void' && result !== 'none')
  const id = before[0]?.lineage?.id ?? `${earlier.checklist.round ?? 1}/${before[0]?.id}`
  return { id, recheck: settled ? 'passed' : 'pending', from }
}

function stepOf(check: string, { checklist, results, beads }: Earlier): NonNullable<QaItem['lineage']>['from'][number] {
  const round = checklist.round ?? 1
  const found = results.results?.[check]
  const fixes = beads.filter(({ qa_origin: of }) => of?.round === round && of.checks.some((one) => one.id === check)).map(({ id }) => id)
  const result = results.void === undefined ? (found?.result ?? 'none') : 'void'
  return { round, check, result, ...(found?.observation === undefined ? {} : { observation: found.observation }), fixes }
}

// --------------------------------------------------------------------------------------------------------- fixes

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Fix = v.object({
  ...Expansion.entries,
  group: Text,
  title: Text,
  description: Text,
  acceptance_criteria: v.pipe(v.array(Text), v.minLength(1)),
  test_commands: v.pipe(v.array(Text), v.minLength(1)),
  /** Groups whose beads have to be done before. */
  blocked_by: v.optional(v.array(Text), []),
})
type Fix = v.InferOutput<typeof Fix>
export interface Fixes {
  readonly beads: Fix[]
}

/** One bead for each group of failed checks, in their order. */
export function fixesOutput(groups: readonly string[]): OutputSpec<Fixes> {
  const inOrder = (all: readonly Fix[]): boolean => all.map((b) => b.group).join('\n') === groups.join('\n')
  const schema = v.object({
    beads: v.pipe(
      v.array(Fix),
      v.check((all) => inOrder(all), `must hold one bead for each of ${groups.join(', ')}, in this order`),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return
        for (const message of graphProblems(dataset.value.map((b) => ({ id: b.group, blockedBy: b.blocked_by })))) addIssue({ message })
      }),
    ),
  })
  const example = (group: string): Fix => ({
    ...{ id: 'fix', issue_type: 'qa-fix', labels: ['qa'], target_files: ['src/example.ts'], blocked_by: [], group },
    ...{ title: 'What is mended', description: 'Why it failed.', acceptance_criteria: ['What must hold.'], test_commands: ['true'] },
  })
  const aliases = { group: ['item', 'group_id'], blocked_by: ['blocked_by_group_ids'] }
  return { schema, format: 'yaml', tag: 'FIX_BEADS', example: { beads: groups.map(example) }, aliases }
}
