/** What the demo's model says: a good engineer's ticket, step by step. Its tool calls really run in OpenCode. */
import type { Answer, Script, ScriptedRequest } from '../scripted-model.ts'
import { BROKEN, MENDED } from './sample.ts'

type Step = (request: ScriptedRequest) => Answer
const call =
  (name: string, args: unknown, text?: string): Step =>
  () => ({ ...(text ? { chunks: inWords(text), everyMs: PACE_MS } : {}), toolCalls: [{ name, args }] })
const say =
  (text: string): Step =>
  () => ({ chunks: inWords(text), everyMs: PACE_MS, usage: { input: 1200, output: 180 } })
const PACE_MS = 25
const inWords = (text: string): readonly string[] => text.match(/\S+\s*/g) ?? [text]
const block = (tag: string, value: unknown): string => `<${tag}>\n${JSON.stringify(value, null, 1)}\n</${tag}>`

const SCAN: readonly Step[] = [
  call('read', { filePath: 'test/slugify.test.js' }, 'I look at the failing test first. '),
  call('read', { filePath: 'src/slugify.js' }, 'Now at what it tests. '),
  say(
    `The function and its test are all that matters here.\n\n${block('RELEVANT_FILES_RESULT', {
      files: [
        { path: 'src/slugify.js', rationale: 'Holds slugify, which the ticket is about.', relevance: 'high', likely_action: 'modify' },
        { path: 'test/slugify.test.js', rationale: 'Shows what is expected and fails now.', relevance: 'high', likely_action: 'read' },
      ],
    })}`,
  ),
]

const PLAN: readonly Step[] = [
  say(
    `One step is enough: slugify must drop accents and everything that is no letter or digit.\n\n${block('BEADS', {
      beads: [
        {
          id: 'clean-slugs',
          title: 'Drop accents and punctuation from slugs',
          description: 'Normalise the title, remove diacritics, and join runs of letters and digits with single dashes.',
          acceptance_criteria: ['Accents and punctuation are gone', 'No dash at either end', 'Existing slugs stay as they are'],
          target_files: ['src/slugify.js'],
          tests: ['test/slugify.test.js passes'],
          test_commands: ['node --test'],
          blocked_by: [],
        },
      ],
    })}`,
  ),
]

const QUESTION = {
  questions: [
    {
      header: 'Accents',
      question: 'How should accented letters appear in a slug?',
      options: [
        { label: 'Plain letters', description: 'é becomes e: crème-brûlée → creme-brulee' },
        { label: 'Left out', description: 'é disappears: crème → crme' },
      ],
    },
  ],
}

const CODE: readonly Step[] = [
  call('read', { filePath: 'src/slugify.js' }, 'Let me read the function, then ask one thing before I change it. '),
  call('question', QUESTION),
  call(
    'edit',
    { filePath: 'src/slugify.js', oldString: BROKEN, newString: MENDED },
    'Plain letters it is: normalise, drop the marks, join with dashes. ',
  ),
  call('bash', { command: 'node --test', description: 'Run the tests' }, 'Now the tests. '),
  say(
    `Both tests pass.\n\n${block('BEAD_STATUS', { bead_id: 'clean-slugs', status: 'done', checks: { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' } })}`,
  ),
]

const FINAL: readonly Step[] = [
  say(
    `The tests cover the ticket.\n\n${block('FINAL_TEST_COMMANDS', { commands: ['node --test'], test_files: ['test/slugify.test.js'], summary: 'Both behaviours of slugify.' })}`,
  ),
]

/** Which conversation it is: by the tag that the prompt asks for. */
const CONVERSATIONS: readonly (readonly [tag: string, steps: readonly Step[]])[] = [
  ['RELEVANT_FILES_RESULT', SCAN],
  ['FINAL_TEST_COMMANDS', FINAL],
  ['BEAD_STATUS', CODE],
  ['BEADS', PLAN],
]

export const demoScript: Script = (request) => {
  const found = CONVERSATIONS.find(([tag]) => request.lastUserText.includes(`<${tag}>`))
  const step = found?.[1][request.toolResults.length]
  return step ? step(request) : { text: 'I have nothing to add.' }
}
