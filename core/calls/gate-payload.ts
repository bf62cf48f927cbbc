/** What a decision brings along, checked at the door: a person hears at once what is wrong, and a phase can trust it. */
import * as v from 'valibot'
import { parse } from 'yaml'
import type { Form, Json } from '#plugins/contract'
import { fail, messageOf } from '../errors.ts'
import type { Registry } from '../pipeline.ts'
import type { StartedTicket } from '../ticket.ts'

export interface Submitted {
  readonly action: string
  readonly payload: Json
  readonly form: Form
  /** Hashes of the files that are attached to the ticket; asked for when a result names one. */
  readonly attached?: () => Promise<ReadonlySet<string>>
}

export async function checkPayload(registry: Registry, ticket: StartedTicket, submitted: Submitted): Promise<void> {
  const { form, action } = submitted
  if (form.kind === 'questionnaire') checkAnswers(submitted)
  if (form.kind === 'checklist') await checkResults(submitted)
  if (form.kind === 'list' && typeof submitted.payload === 'object') read(Chosen, submitted.payload)
  if (form.actions.find((a) => a.id === action)?.edits) await checkEdit(registry, ticket, submitted)
}

const wrong = (field: string, problem: string): never => {
  throw fail('INVALID_INPUT', { field: `payload.${field}`, problem })
}

function read<T>(schema: v.GenericSchema<unknown, T>, payload: Json): T {
  const found = v.safeParse(schema, payload ?? {})
  if (found.success) return found.output
  const [issue] = found.issues
  return wrong(v.getDotPath(issue) ?? '', issue.message)
}

/** Entries of a list that the action is meant for; without it: all. */
const Chosen = v.looseObject({ paths: v.optional(v.array(v.string())) })

// ------------------------------------------------------------------------------------------------- questionnaire

const Words = v.pipe(v.string(), v.maxLength(20_000))
const Answers = v.object({
  answers: v.optional(
    v.record(
      v.string(),
      v.strictObject({ skipped: v.optional(v.boolean()), selected: v.optional(v.array(v.string())), text: v.optional(Words) }),
    ),
    {},
  ),
})
const Asked = v.object({ id: v.string(), answer_type: v.string(), options: v.array(v.object({ id: v.string() })) })

function checkAnswers({ form, payload }: Submitted): void {
  const { answers } = read(Answers, payload)
  const asked = new Map([...(form.earlier ?? []), ...(form.questions ?? [])].map((q) => v.parse(Asked, q)).map((q) => [q.id, q]))
  for (const [id, { selected = [] }] of Object.entries(answers)) {
    const field = `answers.${id}`
    const question = asked.get(id)
    if (!question) return wrong(field, `is no question of this gate; there are ${[...asked.keys()].join(', ')}`)
    const unknown = selected.filter((option) => !question.options.some((o) => o.id === option))
    if (unknown.length > 0) return wrong(`${field}.selected`, `has no option ${unknown.join(', ')}`)
    if (new Set(selected).size !== selected.length) return wrong(`${field}.selected`, 'names an option twice')
    if (question.answer_type === 'single_choice' && selected.length > 1) return wrong(`${field}.selected`, 'may name one option')
  }
}

// ----------------------------------------------------------------------------------------------------- checklist

const MAX_TITLE = 300
const MAX_GROUP = 100
const MAX_EVIDENCE = 20
const Result = v.object({
  result: v.picklist(['pass', 'fail', 'waive', 'improvement']),
  observation: v.optional(Words),
  expected: v.optional(Words),
  group: v.optional(v.pipe(v.string(), v.maxLength(MAX_GROUP))),
  title: v.optional(v.pipe(v.string(), v.maxLength(MAX_TITLE))),
  priority: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9))),
  evidence: v.optional(v.pipe(v.array(v.string()), v.maxLength(MAX_EVIDENCE))),
})
const Results = v.object({ results: v.record(v.string(), Result) })

/** Every item has a result; a failure says what was seen, an improvement what it is called, and evidence is there. */
async function checkResults({ form, payload, action, attached }: Submitted): Promise<void> {
  if (action !== 'complete') return
  const { results } = read(Results, payload)
  const ids = (form.questions ?? []).map((item) => (item as { id: string }).id)
  const open = ids.filter((id) => !Object.hasOwn(results, id))
  if (open.length > 0) return wrong('results', `has nothing for ${open.join(', ')}`)
  const stray = Object.keys(results).find((id) => !ids.includes(id))
  if (stray !== undefined) return wrong(`results.${stray}`, 'is no item of the checklist')
  const files = Object.values(results).some((r) => r.evidence) ? ((await attached?.()) ?? NO_FILES) : NO_FILES
  for (const [id, result] of Object.entries(results)) checkResult(`results.${id}`, result, files)
}
const NO_FILES: ReadonlySet<string> = new Set()

function checkResult(field: string, given: v.InferOutput<typeof Result>, files: ReadonlySet<string>): void {
  const { result, observation, title, group = '', evidence = [] } = given
  if (result === 'fail' && !observation?.trim()) return wrong(`${field}.observation`, 'must say what was seen')
  if (result !== 'fail' && group.trim() !== '') return wrong(`${field}.group`, 'is for what failed: one group is mended together')
  if (result === 'improvement' && !title?.trim()) return wrong(`${field}.title`, 'must name the improvement')
  const missing = evidence.find((sha256) => !files.has(sha256))
  if (missing !== undefined) return wrong(`${field}.evidence`, `has no attached file ${missing}; attach it first`)
}

// ---------------------------------------------------------------------------------------------------------- edit

/** By the schema of the phase in the ticket's own table that makes the artifact; the last one before the gate, when several do. */
async function checkEdit(registry: Registry, ticket: StartedTicket, { form, payload }: Submitted): Promise<void> {
  const { content } = read(Edited, payload)
  await checkDocument(registry, ticket, { before: ticket.phase, artifact: form.artifact, content })
}
const Edited = v.object({ content: v.pipe(v.string(), v.minLength(1), v.maxLength(1_000_000)) })

export async function checkDocument(
  registry: Registry,
  { pinned }: StartedTicket,
  { before, artifact, content }: { before: string; artifact: string | undefined; content: string },
): Promise<void> {
  const rows = pinned.rows.slice(
    0,
    pinned.rows.findIndex((r) => r.phase === before),
  )
  const maker = rows.map((r) => registry.phases.get(r.phase)).findLast((plugin) => plugin?.artifact === artifact)
  if (!maker) return
  const result = await maker.output.schema['~standard'].validate(parsed(content))
  const [issue] = result.issues ?? []
  if (issue) wrong('content', `${pathOf(issue.path)}${issue.message}`)
}

function parsed(content: string): unknown {
  try {
    return parse(content)
  } catch (error) {
    return wrong('content', `is neither YAML nor JSON: ${messageOf(error)}`)
  }
}

const pathOf = (path: readonly unknown[] = []): string =>
  path.length === 0 ? '' : `${path.map((p) => String(typeof p === 'object' && p !== null && 'key' in p ? p.key : p)).join('.')}: `
