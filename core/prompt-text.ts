/** The text of a turn: role, task, numbered steps, context parts each under its source, output format last. */
import type { OutputSpec, PromptPart, PromptTemplate } from '#plugins/contract'
import { describeOutput } from './structured-output.ts'

export interface PromptText {
  readonly template: PromptTemplate | string
  readonly parts: readonly PromptPart[]
  readonly output?: OutputSpec
  /** May the model ask the person? Said in the prompt, since a model that asks in prose ends its turn unanswered. */
  readonly questions: boolean
  /** Must it have used a tool that reads? */
  readonly look?: boolean
}

export function renderPrompt({ template, parts, output, questions, look = false }: PromptText): string {
  const { role, task, steps = [] }: PromptTemplate = typeof template === 'string' ? { task: template } : template
  const sections = [
    section('Role', role ?? ''),
    section('Task', task),
    section('Steps', steps.map((step, index) => `${index + 1}. ${step}`).join('\n')),
    section('Context', parts.map((part) => `## ${part.source}\n\n${part.content}`).join('\n\n')),
    section('Look first', look ? LOOK : ''),
    section('Questions', questions ? MAY_ASK : MAY_NOT_ASK),
    output === undefined ? '' : section('Output format', describeOutput(output)),
  ]
  return sections.filter((text) => text !== '').join('\n\n')
}

/** `exampleBrain` goes by it. */
export const LOOK =
  'Look at the worktree with your tools (`read`, `grep`, `glob` or `list`) before you answer, and answer from what you find there. An answer that was given without looking is refused.'
const MAY_ASK =
  'If something you need to know is missing and only a person can decide it, ask with the `question` tool and wait for the answer. Do not ask in your final text.'
const MAY_NOT_ASK = 'Nobody can answer questions now. Where something is unclear, decide what is most sensible and go on.'

const section = (heading: string, text: string): string => (text.trim() === '' ? '' : `# ${heading}\n\n${text.trim()}`)
