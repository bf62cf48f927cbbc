/**
 * What the models say for a whole `full` ticket: a council of three, a specification with a gap, a bead whose tests fail until
 * it is begun anew, a question, a failed check by hand. Tool calls really run. What nothing is scripted for gets the example
 * that its own prompt shows.
 */
import { parse } from 'yaml'
import type { Answer, Script, ScriptedRequest } from '../scripted-model.ts'
import { BROKEN, MENDED } from './sample.ts'

const CHECKLIST = 'MANUAL_QA_CHECKLIST'
const SCORES = 'SCORES'
type Step = (request: ScriptedRequest) => Answer
const call =
  (name: string, args: unknown, text?: string): Step =>
  () => ({ ...(text === undefined ? {} : { text }), toolCalls: [{ name, args }] })
const say =
  (tag: string, value: unknown, text = 'Here it is.'): Step =>
  () => ({ text: `${text}\n\n<${tag}>\n${JSON.stringify(value, null, 1)}\n</${tag}>`, usage: { input: 900, output: 150 } })

const free = (id: string, question: string, phase = 'foundation') => ({
  id,
  phase,
  question,
  rationale: '',
  answer_type: 'free_text',
  options: [],
})
const accents = {
  ...free('Q02', 'How should accented letters appear in a slug?', 'structure'),
  answer_type: 'single_choice',
  options: [
    { id: 'plain', label: 'As plain letters' },
    { id: 'out', label: 'Left out' },
  ],
}
const questions = [
  free('Q01', 'Who uses the slugs, and where?'),
  accents,
  free('Q03', 'May slugs that exist already change?', 'structure'),
  free('Q04', 'How long may a slug be?', 'assembly'),
]
/** To the first answers: the model follows one of them up. */
const followUp = { ...free('FU1', 'Do slugs of readers have to stay short for links?', 'structure'), rationale: 'You named who uses them.' }

const story = (id: string, title: string, criteria: readonly string[]) => ({
  id,
  title,
  acceptance_criteria: criteria,
  implementation_steps: [],
  verification: { required_commands: ['node --test'] },
})
const epic = {
  id: 'EPIC-1',
  title: 'Clean slugs',
  objective: 'Every title gives a slug of plain letters, digits and dashes.',
  implementation_steps: [],
}
const prd = {
  product: { problem_statement: 'Slugs of titles with accents or punctuation are broken.', target_users: ['Readers who share links'] },
  scope: { in_scope: ['slugify'], out_of_scope: ['Slugs that are stored already'] },
  technical_requirements: { error_handling_rules: ['An empty title gives an empty slug.'] },
  epics: [{ ...epic, user_stories: [story('US-1-1', 'Accents and punctuation are gone', ['The test for accents passes'])] }],
  risks: [],
}
const gap = 'The interview says that slugs which exist already must stay; no story says so.'
const closed = {
  ...epic,
  user_stories: [...(prd.epics[0]?.user_stories ?? []), story('US-1-2', 'Existing slugs stay', ['The test for plain titles still passes'])],
}
const revision = {
  changes: [{ type: 'modified', target: 'EPIC-1', value: closed, inspired_by: null, why: 'closes the gap' }],
  gap_resolutions: [{ gap: 1, action: 'updated', rationale: 'US-1-2 says it.' }],
}
const bead = {
  ...{ id: 'clean-slugs', title: 'Drop accents and punctuation from slugs', prd_refs: ['US-1-1', 'US-1-2'] },
  description: 'Normalise the title, remove diacritics, and join runs of letters and digits with single dashes.',
  context_guidance: { patterns: ['One pure function'], anti_patterns: ['A table of letters'] },
  ...{ acceptance_criteria: ['Both tests pass'], tests: ['test/slugify.test.js'], test_commands: ['node --test'] },
}
const fix = {
  ...{ id: 'fix', issue_type: 'qa-fix', labels: ['docs'], target_files: ['README.md'], blocked_by: [], group: 'qa-1' },
  ...{ title: 'The README says what becomes of accents', description: 'A tester did not find it.', acceptance_criteria: ['It is there'] },
  test_commands: ['grep -q accents README.md'],
}
const check = {
  ...{
    id: 'qa-1',
    title: 'The README tells the rule',
    behavior: 'Somebody reads it.',
    severity: 'required',
    prerequisites: [],
    actions: ['Open README.md'],
  },
  ...{ expected_result: 'It says what becomes of accents.', bead_refs: [], prd_refs: ['US-1-1'] },
}
const second = {
  ...check,
  ...{
    id: 'qa-2',
    title: 'A long title',
    behavior: 'A slug of a long title.',
    severity: 'optional',
    actions: ['Make a slug of a long title.'],
  },
  ...{ expected_result: 'It is readable.', prd_refs: ['US-1-2'] },
}
const QUESTION = {
  questions: [
    {
      ...{ header: 'Accents', question: 'Shall è become e?' },
      options: [
        { label: 'Yes', description: 'creme' },
        { label: 'No', description: 'crme' },
      ],
    },
  ],
}
const checks = { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' }
const report = (bead_id: string, text: string): Step => say('BEAD_STATUS', { bead_id, status: 'done', checks }, text)
const half = { filePath: 'src/slugify.js', oldString: "replace(/ /g, '-')", newString: "trim().replace(/ /g, '-')" }
const readme = { filePath: 'README.md', oldString: 'from a title.', newString: 'from a title; accents become plain letters.' }

const WRONG: readonly Step[] = [call('edit', half, 'Trimming should do. '), report('clean-slugs', 'Done, I believe.')]
const STUBBORN: readonly Step[] = [report('clean-slugs', 'It looks fine to me.')]
const RIGHT: readonly Step[] = [
  call('read', { filePath: 'src/slugify.js' }, 'The note says that trimming was not enough. '),
  call('question', QUESTION),
  call('edit', { filePath: 'src/slugify.js', oldString: BROKEN, newString: MENDED }),
  call('bash', { command: 'node --test', description: 'Run the tests' }),
  report('clean-slugs', 'Both tests pass.'),
]
const MEND: readonly Step[] = [call('edit', readme), report('qa1-1', 'The README says it.')]

/** Which conversation it is: by the tag that the prompt asks for; within it, by what the prompt says. */
const CONVERSATIONS: Readonly<Record<string, (text: string) => readonly Step[]>> = {
  RELEVANT_FILES_RESULT: () => [
    call('read', { filePath: 'src/slugify.js' }),
    say('RELEVANT_FILES_RESULT', {
      files: [{ path: 'src/slugify.js', rationale: 'Holds slugify.', relevance: 'high', likely_action: 'modify' }],
    }),
  ],
  INTERVIEW_QUESTIONS: () => [say('INTERVIEW_QUESTIONS', { questions })],
  INTERVIEW_BATCH: (text) =>
    text.includes(followUp.question) ? [] : [say('INTERVIEW_BATCH', { ...exampleIn(text), follow_ups: [followUp] })],
  PRD: () => [say('PRD', prd)],
  COVERAGE: (text) => [
    say('COVERAGE', { gaps: text.includes('hold a specification') && !text.includes('US-1-2') ? [gap] : [], questions: [] }),
  ],
  REVISION: () => [say('REVISION', revision)],
  BEADS: () => [say('BEADS', { beads: [bead] })],
  EXPANSION: () => [
    say('EXPANSION', { beads: [{ id: bead.id, issue_type: 'bug', labels: ['slugs'], target_files: ['src/slugify.js'], blocked_by: [] }] }),
  ],
  BEAD_STATUS: (text) => {
    if (text.includes('id: qa1-1')) return MEND
    if (text.includes('does not hold')) return STUBBORN
    return text.includes('iteration: 1') ? WRONG : RIGHT
  },
  FINAL_TEST_COMMANDS: () => [
    say('FINAL_TEST_COMMANDS', { commands: ['node --test'], test_files: [], summary: 'Both behaviours of slugify.' }),
  ],
  [CHECKLIST]: (text) => [say(CHECKLIST, { items: [{ ...check, ...previousIn(text) }] })],
  FIX_BEADS: () => [call('read', { filePath: 'README.md' }, 'What does it say now? '), say('FIX_BEADS', { beads: [fix] })],
  PULL_REQUEST: () => [say('PULL_REQUEST', { title: 'Clean slugs', body: 'Accents become plain letters. Tested with `node --test`.' })],
}

/** With votes that differ, and a second check by hand, so that one sees what becomes of them. */
export const shownScript: Script = (request) => {
  const tag = tagIn(request.lastUserText)
  if (tag?.[1] === CHECKLIST) return say(CHECKLIST, { items: [{ ...check, ...previousIn(request.lastUserText) }, second] })(request)
  return tag?.[1] === SCORES ? say(SCORES, scored(tag[0]), 'I have read them all.')(request) : fullScript(request)
}

/** The card of the example, with less for each further draft of the voter's own order. */
function scored(example: string): unknown {
  const { draft_scores: drafts } = untagged(example) as { draft_scores: Record<string, Record<string, number>> }
  const rows = Object.entries(drafts).map(([label, row], i) => {
    const names = Object.keys(row).filter((name) => name !== 'total_score')
    return [label, { ...Object.fromEntries(names.map((name) => [name, 18 - 4 * i])), total_score: names.length * (18 - 4 * i) }]
  })
  return { draft_scores: Object.fromEntries(rows) as unknown }
}

const untagged = (block: string): unknown => parse(block.replaceAll(/<\/?\w+>/g, ''))
/** What the prompt shows as a correct answer. */
const exampleIn = (text: string): object => untagged(tagIn(text)?.[0] ?? '') as object
/** What failed before is tested again: the example names it. */
function previousIn(text: string): object {
  const { items: [first] = [] } = exampleIn(text) as { items?: readonly { readonly previous?: readonly string[] }[] }
  return { previous: first?.previous ?? [] }
}
const tagIn = (text: string): RegExpExecArray | undefined => [...text.matchAll(/<([A-Z_]+)>\n[^]*?\n<\/\1>/g)].at(-1)

export const fullScript: Script = (request) => {
  const text = request.lastUserText
  const tag = tagIn(text)
  const steps = CONVERSATIONS[tag?.[1] ?? '']?.(text)
  const step = steps?.[request.toolResults.length]
  return step ? step(request) : { text: tag?.[0] ?? 'I have nothing to add.', usage: { input: 500, output: 60 } }
}
