/** The product requirements document: what is to be built, and how one sees that it is. */
import * as v from 'valibot'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Texts = v.optional(v.array(Text), [])
const Story = v.object({
  id: v.pipe(v.string(), v.regex(/^US-\d+-\d+$/, 'must be like US-1-2')),
  title: Text,
  acceptance_criteria: v.pipe(v.array(Text), v.minLength(1, 'a story needs at least one acceptance criterion')),
  implementation_steps: Texts,
  verification: v.optional(v.object({ required_commands: Texts }), { required_commands: [] }),
})
const Epic = v.object({
  id: v.pipe(v.string(), v.regex(/^EPIC-\d+$/, 'must be like EPIC-1')),
  title: Text,
  objective: Text,
  implementation_steps: Texts,
  user_stories: v.pipe(v.array(Story), v.minLength(1)),
})
const unique = (ids: readonly string[]): boolean => new Set(ids).size === ids.length

export const Prd = v.object({
  product: v.object({ problem_statement: Text, target_users: Texts }),
  scope: v.object({ in_scope: v.pipe(v.array(Text), v.minLength(1)), out_of_scope: Texts }),
  technical_requirements: v.object({
    architecture_constraints: Texts,
    data_model: Texts,
    api_contracts: Texts,
    security_constraints: Texts,
    performance_constraints: Texts,
    reliability_constraints: Texts,
    error_handling_rules: Texts,
    tooling_assumptions: Texts,
  }),
  epics: v.pipe(
    v.array(Epic),
    v.minLength(1),
    v.check((epics) => unique(epics.map((e) => e.id)), 'each epic id may be there only once'),
    v.check((epics) => unique(epics.flatMap((e) => e.user_stories.map((s) => s.id))), 'each story id may be there only once'),
  ),
  risks: Texts,
})
export type Prd = v.InferOutput<typeof Prd>

export const EXAMPLE_PRD: Prd = {
  product: { problem_statement: 'What is wrong or missing, for whom.', target_users: ['Who is helped.'] },
  scope: { in_scope: ['What is done.'], out_of_scope: ['What is left as it is.'] },
  technical_requirements: {
    ...{ architecture_constraints: ['What the design must keep to.'], data_model: [], api_contracts: [], security_constraints: [] },
    ...{
      performance_constraints: [],
      reliability_constraints: [],
      error_handling_rules: ['What happens on bad input.'],
      tooling_assumptions: [],
    },
  },
  epics: [
    {
      id: 'EPIC-1',
      title: 'A short title',
      objective: 'What is reached with it.',
      implementation_steps: ['The first step.'],
      user_stories: [
        {
          id: 'US-1-1',
          title: 'Somebody can do something',
          acceptance_criteria: ['What must hold, so that one can see it.'],
          implementation_steps: ['What is changed.'],
          verification: { required_commands: ['true'] },
        },
      ],
    },
  ],
  risks: [],
}
