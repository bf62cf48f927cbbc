/** What a phase asked for, with every default filled in. */
import type { ContextBuilder, ModelRef, OutputSpec, PromptOptions, PromptTemplate, ToolPolicy } from '#plugins/contract'
import { MAX_DECLINED } from '../inbox/requests.ts'
import { hashOf } from '../json.ts'
import { slotOf } from '../sessions/ownership.ts'
import type { Slot } from '../store/records.ts'
import type { RunContext } from './run-context.ts'
import { modelFor } from './model-role.ts'

export interface Asked<T> {
  readonly name: string
  readonly inputHash: string
  readonly slot: Slot
  readonly model: ModelRef
  readonly context: ContextBuilder
  readonly template: PromptTemplate | string
  readonly tools: ToolPolicy
  readonly output: OutputSpec<T>
  /** May it use the tool. */
  readonly questions: boolean
  /** Would somebody answer: not after too many were declined. */
  readonly answered: boolean
  readonly keep: boolean
  readonly limitMs: number | null
  readonly item: string | undefined
  readonly look: boolean
}

export async function ask<T>(run: RunContext, name: string, options: PromptOptions<T>): Promise<Asked<T>> {
  const { plugin, ticket, journal, requests } = run
  const output = options.output ?? (plugin.output as OutputSpec<T>)
  const slot = slotOf(ticket.id, journal.at, { name, slot: options.slot })
  const template = options.text ?? plugin.prompt
  const tools = options.tools ?? plugin.tools
  const { format, tag = null, example } = output
  return {
    name,
    inputHash: hashOf({ template, tools, slot, format, tag, example, ...(options.look === true ? { look: true } : {}) }),
    slot,
    model: await modelFor(run, options.model ?? plugin.model ?? 'main'),
    context: options.context ?? plugin.context,
    template,
    tools,
    output,
    questions: plugin.questions === true && ticket.settings['questions.allowed'],
    answered: (await requests.declined(journal.at)) < MAX_DECLINED,
    keep: options.keep === true,
    limitMs: options.deadline ?? plugin.budget?.prompt ?? ticket.settings['limits.promptMs'],
    item: options.item,
    look: options.look === true,
  }
}
