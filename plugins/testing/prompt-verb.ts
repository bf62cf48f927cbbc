/** `phase.prompt` without a model: the scripted answer, held against the prompt's own schema. */
import type { Json, ModelRef, ModelRole, OutputSpec, PromptOptions, PromptTemplate, ToolPolicy, Turned } from '../contract.ts'
import type { RunParts } from './phase-run.ts'
import { copyOf, notJson, toJson } from './rules.ts'
import type { Violation } from './rules.ts'
import { answerTo, failureIn } from './script.ts'

/** A prompt with its defaults filled in. */
export interface SeenPrompt {
  readonly name: string
  readonly text: string | PromptTemplate
  readonly tools: ToolPolicy
  readonly model: ModelRole | ModelRef
  readonly slot: PromptOptions['slot']
  readonly item: string | undefined
  readonly keep: boolean
  readonly look: boolean
}

export function promptVerb<T>(parts: RunParts, name: string, options: PromptOptions<T> = {}): Promise<Turned<T>> {
  const { plugin, journal, prompts } = parts
  const output = options.output ?? (plugin.output as OutputSpec<T>)
  const seen: SeenPrompt = {
    name,
    text: options.text ?? plugin.prompt,
    tools: options.tools ?? plugin.tools,
    model: options.model ?? plugin.model ?? 'main',
    slot: options.slot,
    item: options.item,
    keep: options.keep === true,
    look: options.look === true,
  }
  const { text, tools, slot = null } = seen
  const { format, tag = null, example } = output
  return journal.record<Json & Turned<T>>({
    name,
    verb: 'prompt',
    input: toJson({ text, tools, slot, format, tag, example }),
    effect: async () => {
      prompts.push(seen)
      const problem = options.output ? await exampleProblem(name, output) : null
      if (problem) journal.violations.push(problem)
      return (await converse(parts, { name, options, output })) as Json & Turned<T>
    },
  })
}

interface Conversation<T> {
  readonly name: string
  readonly options: PromptOptions<T>
  readonly output: OutputSpec<T>
}

async function converse<T>({ plugin, script }: RunParts, { name, options, output }: Conversation<T>): Promise<Turned<T>> {
  for (let turn = 1; ; turn += 1) {
    const answer = answerTo(script, { name, turn, options: options, output })
    const failed = failureIn(answer)
    if (failed) return failed
    const read = await output.schema['~standard'].validate(copyOf(answer))
    if (read.issues) return invalid(name, read.issues.map((issue) => issue.message).join('; '))
    if (output.more?.(read.value) === undefined) return { ok: true, value: read.value }
    if (turn > plugin.retry.keepWorking) return invalid(name, `still says that the work is not finished after ${turn} turns`)
  }
}

function invalid(name: string, problem: string): Extract<Turned<never>, { ok: false }> {
  const message = `the answer to ${name} does not validate: ${problem}`
  return { ok: false, why: 'invalid', error: { code: 'ANSWER_INVALID', kind: 'invalid', message } }
}

/** The prompt shows the example and the mock answers with it: it must be a finished, correct answer. */
export async function exampleProblem(name: string, output: OutputSpec): Promise<Violation | null> {
  const wrong = (message: string): Violation => ({ rule: 'example_invalid', name, message: `the example of ${name} ${message}` })
  const problem = notJson(output.example)
  if (problem !== null) return wrong(`is not JSON: ${problem}`)
  const read = await output.schema['~standard'].validate(copyOf(output.example))
  if (read.issues) return wrong(`does not satisfy its own schema: ${read.issues.map((issue) => issue.message).join('; ')}`)
  return output.more?.(read.value) === undefined ? null : wrong('says that the work is not finished')
}
