/** The manual test: what a person tries by hand, what came of it, and which checks of an earlier round it goes back to. */
import * as v from 'valibot'
import type { Json, OutputSpec } from '../contract.ts'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Refs = v.optional(v.array(v.string()), [])
/** Where a check comes from: made by the server from what is stored, never by a model. */
const Lineage = v.object({
  /** The same over all rounds: its first ancestor. */
  id: v.string(),
  /** `pending`: it failed, or its result was void. */
  recheck: v.picklist(['new', 'pending', 'passed']),
  /** Oldest first. */
  from: v.array(
    v.object({
      round: v.number(),
      check: v.string(),
      result: v.string(),
      observation: v.optional(v.string()),
      /** Beads that were made to mend it. */
      fixes: v.array(v.string()),
    }),
  ),
})
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
  /** Checks of the round before that it tests again. */
  previous: Refs,
  lineage: v.optional(Lineage),
})
export type QaItem = v.InferOutput<typeof Item>
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
  /** From 1. */
  round: v.optional(v.number()),
  tested: v.optional(Tested),
})
export type QaChecklist = v.InferOutput<typeof QaChecklist>

export const EXAMPLE_QA_CHECKLIST: QaChecklist = {
  items: [
    {
      ...{ id: 'qa-1', title: 'A short title', behavior: 'What is tried.', severity: 'required', prerequisites: [] },
      ...{ actions: ['What to do.'], expected_result: 'What is then to be seen.', bead_refs: [], prd_refs: [], previous: [] },
    },
  ],
}

interface Known {
  /** Null: it is not known what there is. */
  readonly beads: readonly string[] | null
  readonly stories: readonly string[] | null
  /** Of the round before. */
  readonly checks: readonly string[]
  readonly failed: readonly string[]
}

/** The checklist of a model: references only to what there is, and what failed before is tested again. */
export function checklistOutput(known: Known): OutputSpec<QaChecklist> {
  const schema = v.pipe(
    v.omit(QaChecklist, ['round', 'tested']),
    v.rawCheck(({ dataset, addIssue }) => {
      if (dataset.typed) for (const message of strays(dataset.value.items, known)) addIssue({ message })
    }),
  )
  const example = { items: EXAMPLE_QA_CHECKLIST.items.map((item) => ({ ...item, previous: [...known.failed] })) }
  return { schema, format: 'yaml', tag: 'MANUAL_QA_CHECKLIST', example }
}

function strays(items: readonly QaItem[], { beads, stories, checks, failed }: Known): readonly string[] {
  const unknown = (refs: readonly string[], ids: readonly string[] | null): readonly string[] =>
    ids === null ? [] : refs.filter((ref) => !ids.some((id) => ref === id || ref.startsWith(`${id}/`)))
  const again = failed.filter((id) => !items.some((item) => item.previous.includes(id)))
  return [
    ...items.flatMap((item) => [
      ...unknown(item.bead_refs, beads).map((ref) => `${item.id} names the bead ${ref}, which does not exist`),
      ...unknown(item.prd_refs, stories).map((ref) => `${item.id} names ${ref}, which is no story of the specification`),
      ...item.previous
        .filter((ref) => !checks.includes(ref))
        .map((ref) => `${item.id} names ${ref}, which is no check of the round before`),
    ]),
    ...again.map((id) => `${id} failed in the round before and is not tested again: name it in \`previous\` of the check that does`),
  ]
}

/** Which stories of the specification are tried by hand, by which items. */
export const qaCoverage = ({ items }: QaChecklist, stories: readonly string[]): Json => ({
  covered: stories.flatMap((id) => {
    const by = items.filter((item) => item.prd_refs.some((ref) => ref === id || ref.startsWith(`${id}/`))).map((item) => item.id)
    return by.length > 0 ? [{ story: id, items: by }] : []
  }),
  not_tried: stories.filter((id) => !items.some((item) => item.prd_refs.some((ref) => ref === id || ref.startsWith(`${id}/`)))),
})
