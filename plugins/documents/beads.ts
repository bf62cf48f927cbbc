/** Beads: work items that are done one by one. The draft says what and how it is proven; expansion adds what a worker needs. */
import * as v from 'valibot'
import { graphProblems } from '../primitives/next-item.ts'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Texts = v.optional(v.array(Text), [])
const Needed = v.pipe(v.array(Text), v.minLength(1))
const BeadId = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'must be lower-case words joined by dashes'))

const entries = {
  id: BeadId,
  title: Text,
  prd_refs: Texts,
  description: Text,
  context_guidance: v.optional(v.object({ patterns: Texts, anti_patterns: Texts }), { patterns: [], anti_patterns: [] }),
  acceptance_criteria: Needed,
  tests: Needed,
  test_commands: Needed,
}
const MAX_BEADS = 40
const unique = (beads: readonly { readonly id: string }[]): boolean => new Set(beads.map((b) => b.id)).size === beads.length

export const BeadsDraft = v.object({
  beads: v.pipe(
    v.array(v.object(entries)),
    v.minLength(1),
    v.maxLength(MAX_BEADS),
    v.check((beads) => unique(beads), 'each id may be there only once'),
  ),
})
export type BeadsDraft = v.InferOutput<typeof BeadsDraft>

const RelativePath = v.pipe(
  Text,
  v.check((p) => !p.startsWith('/') && !p.split('/').includes('..'), 'must be a path inside the repository'),
)
/** What expansion adds to one bead of the draft. */
export const Expansion = v.object({
  id: BeadId,
  issue_type: v.optional(v.picklist(['feature', 'bug', 'task', 'test', 'docs', 'qa-fix']), 'task'),
  labels: Needed,
  target_files: v.pipe(v.array(RelativePath), v.minLength(1)),
  blocked_by: v.optional(v.array(BeadId), []),
})
export type Expansion = v.InferOutput<typeof Expansion>

/** The plan that a person approves and CODING works through. */
export const Beads = v.object({
  beads: v.pipe(
    v.array(v.object({ ...entries, ...Expansion.entries })),
    v.minLength(1),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return
      for (const message of graphProblems(dataset.value.map((b) => ({ id: b.id, blockedBy: b.blocked_by })))) addIssue({ message })
    }),
  ),
})
export type Beads = v.InferOutput<typeof Beads>

export const EXAMPLE_BEADS_DRAFT: BeadsDraft = {
  beads: [
    {
      id: 'first-step',
      title: 'A short title',
      prd_refs: ['US-1-1'],
      description: 'What is to be done and why.',
      context_guidance: { patterns: ['What to follow in this code.'], anti_patterns: ['What to avoid.'] },
      acceptance_criteria: ['What must hold afterwards.'],
      tests: ['What the tests check.'],
      test_commands: ['true'],
    },
  ],
}
