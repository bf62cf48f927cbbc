/** The words about an output format: in the first prompt, and again after an answer that did not validate. */
import { stringify } from 'yaml'
import type { OutputSpec } from '#plugins/contract'
import type { AnswerFailure } from './parse-answer.ts'

const NAMES = { json: 'JSON', yaml: 'YAML', jsonl: 'JSON Lines (one JSON value per line)' } as const

/** The output-format section of a prompt: format, marker, and a correct example. */
export function describeOutput(spec: OutputSpec): string {
  const body = serialise(spec.example, spec.format)
  if (spec.tag !== undefined) {
    return [
      `End your answer with exactly one block of ${NAMES[spec.format]} between <${spec.tag}> and </${spec.tag}>. The last such block counts.`,
      `It has this shape; the values are only an example:`,
      `<${spec.tag}>\n${body}\n</${spec.tag}>`,
    ].join('\n\n')
  }
  return [
    `Answer with ${NAMES[spec.format]} only, in one fenced block at the end. It has this shape; the values are only an example:`,
    `\`\`\`${spec.format}\n${body}\n\`\`\``,
  ].join('\n\n')
}

/** The next turn after an answer that could not be taken: what is wrong, precisely, and the format once more. */
export function retryText(spec: OutputSpec, failure: Pick<AnswerFailure, 'error' | 'class'>): string {
  return [
    `${OPENINGS[failure.class]}\n\n${failure.error}`,
    'Correct exactly this and give the complete answer again; do not repeat the work itself.',
    describeOutput(spec),
  ].join('\n\n')
}

const OPENINGS: Readonly<Record<AnswerFailure['class'], string>> = {
  missing: 'Your answer holds no result in the required format.',
  echo: 'Your answer repeats the instructions instead of giving a result.',
  parse: 'Your result could not be read.',
  schema: 'Your result could be read, but it does not have the required shape.',
  unseen: 'Your result could be read, but you gave it without having looked.',
}

function serialise(value: unknown, format: OutputSpec['format']): string {
  if (format === 'yaml') return stringify(value, { aliasDuplicateObjects: false }).trimEnd()
  if (format === 'json') return JSON.stringify(value, null, 2)
  return (Array.isArray(value) ? value : [value]).map((line) => JSON.stringify(line)).join('\n')
}
