/** The manual test: what a person tries by hand, what came of it, and the beads that mend what failed. */
import * as v from 'valibot'
import type { Json, OutputSpec } from '../contract.ts'
import { Expansion } from './beads.ts'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Refs = v.optional(v.array(v.string()), [])
const Item = v.object({
  id: v.pipe(v.string(), v.regex(/^qa-[a-z0-9-]{1,40}$/, 'must be like qa-1')),
  title: Text,
  behavior: Text,
  severity: v.picklist(['required', 'optional']),
  prerequisites: v.optional(v.array(Text), []),
  actions: v.pipe(v.array(Text), v.minLength(1)),
  expected_result: Text,
  bead_refs: Refs,
  prd_refs: Refs,
})
/** What is tested: a commit, and what differed from it already when the checklist was written. */
const Tested = v.object({ commit: v.string(), changed: v.array(v.string()) })
export type Tested = v.InferOutput<typeof Tested>

export const QaChecklist = v.object({
  items: v.pipe(
    v.array(Item),
    v.minLength(1),
    v.maxLength(30),
    v.check((items) => new Set(items.map((i) => i.id)).size === items.length, 'each id may be there only once'),
  ),
  tested: v.optional(Tested),
})
export type QaChecklist = v.InferOutput<typeof QaChecklist>

export const EXAMPLE_QA_CHECKLIST: QaChecklist = {
  items: [
    {
      ...{ id: 'qa-1', title: 'A short title', behavior: 'What is tried.', severity: 'required', prerequisites: [] },
      ...{ actions: ['What to do.'], expected_result: 'What is then to be seen.', bead_refs: [], prd_refs: [] },
    },
  ],
}

/** The checklist of a model: references only to what there is. Null: it is not known what there is. */
export function checklistOutput(known: {
  readonly beads: readonly string[] | null
  readonly stories: readonly string[] | null
}): OutputSpec<QaChecklist> {
  const strays = (refs: readonly string[], ids: readonly string[] | null): readonly string[] =>
    ids === null ? [] : refs.filter((ref) => !ids.some((id) => ref === id || ref.startsWith(`${id}/`)))
  const schema = v.pipe(
    v.omit(QaChecklist, ['tested']),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return
      for (const { id, bead_refs: beads, prd_refs: stories } of dataset.value.items) {
        for (const ref of strays(beads, known.beads)) addIssue({ message: `${id} names the bead ${ref}, which does not exist` })
        for (const ref of strays(stories, known.stories))
          addIssue({ message: `${id} names ${ref}, which is no story of the specification` })
      }
    }),
  )
  return { schema, format: 'yaml', tag: 'MANUAL_QA_CHECKLIST', example: EXAMPLE_QA_CHECKLIST }
}

/** A person's result for one item; the door has checked it. */
export interface QaResult {
  readonly result: 'pass' | 'fail' | 'waive' | 'improvement'
  readonly observation?: string
  readonly expected?: string
  /** Of an improvement: the new ticket's. */
  readonly title?: string
  readonly priority?: number
  /** Hashes of attached files. */
  readonly evidence?: readonly string[]
}

const Fix = v.object({
  ...Expansion.entries,
  item: Text,
  title: Text,
  description: Text,
  acceptance_criteria: v.pipe(v.array(Text), v.minLength(1)),
  test_commands: v.pipe(v.array(Text), v.minLength(1)),
})
export interface Fixes {
  readonly beads: v.InferOutput<typeof Fix>[]
}

/** One bead for each failed check, in their order. */
export function fixesOutput(ids: readonly string[]): OutputSpec<Fixes> {
  const schema = v.object({
    beads: v.pipe(
      v.array(Fix),
      v.check((all) => all.map((b) => b.item).join() === ids.join(), `must hold one bead for each of ${ids.join(', ')}, in this order`),
    ),
  })
  const bead = { id: 'fix', issue_type: 'qa-fix', labels: ['qa'], target_files: ['src/example.ts'], blocked_by: [] } as const
  const words = {
    title: 'What is mended',
    description: 'Why it failed.',
    acceptance_criteria: ['What must hold.'],
    test_commands: ['true'],
  }
  return {
    schema,
    format: 'yaml',
    tag: 'FIX_BEADS',
    example: { beads: ids.map((item) => ({ ...bead, labels: ['qa'], target_files: ['src/example.ts'], blocked_by: [], item, ...words })) },
  }
}

/** Which stories of the specification are tried by hand, by which items. */
export const qaCoverage = ({ items }: QaChecklist, stories: readonly string[]): Json => ({
  covered: stories.flatMap((id) => {
    const by = items.filter((item) => item.prd_refs.some((ref) => ref === id || ref.startsWith(`${id}/`))).map((item) => item.id)
    return by.length > 0 ? [{ story: id, items: by }] : []
  }),
  not_tried: stories.filter((id) => !items.some((item) => item.prd_refs.some((ref) => ref === id || ref.startsWith(`${id}/`)))),
})
