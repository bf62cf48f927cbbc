/**
 * Settings: ticket over project over app over default. A ticket's are resolved and pinned when it starts, so that what
 * somebody changes later does not change a running ticket.
 */
import * as v from 'valibot'
import { HOOK_POLICIES } from '#plugins/contract'
import type { Json, ModelRef } from '#plugins/contract'
import { fail } from './errors.ts'

const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(200))
const ModelObject = v.strictObject({ provider: Name, model: Name, variant: v.optional(Name), agent: v.optional(Name) })
/** `provider/model`, or the parts. The model's own name may contain slashes. */
export const ModelSchema = v.pipe(
  v.union([v.pipe(v.string(), v.regex(/^[^/\s]+\/\S+$/, 'must be provider/model')), ModelObject]),
  v.transform((value): ModelRef => {
    if (typeof value !== 'string') return value as ModelRef
    const slash = value.indexOf('/')
    return { provider: value.slice(0, slash), model: value.slice(slash + 1) }
  }),
)

const HttpUrl = v.pipe(v.string(), v.url('must be a URL'), v.regex(/^https?:/i, 'must be an http or https URL'))
/** Where nudges go: a POST, or a command line as a list (no shell) that gets the entry on its standard input. */
export const NotifySchema = v.nullable(
  v.union(
    [v.strictObject({ url: HttpUrl }), v.strictObject({ command: v.pipe(v.array(Name), v.minLength(1), v.readonly()) })],
    'must be {url: "https://…"}, {command: ["program", "argument"]} or null',
  ),
)
export type NotifyTarget = NonNullable<v.InferOutput<typeof NotifySchema>>

const positive = v.pipe(v.number(), v.integer(), v.minValue(1))
const MINUTE = 60_000

/** Every setting: its schema and its default. Times in milliseconds. `null` means no limit. */
const SETTINGS = {
  'models.main': { schema: v.nullable(ModelSchema), fallback: null },
  'models.members': { schema: v.array(ModelSchema), fallback: [] },
  'limits.tickets': { schema: positive, fallback: 4 },
  'limits.turns': { schema: positive, fallback: 8 },
  'limits.exclusiveTickets': { schema: positive, fallback: 1 },
  'limits.promptMs': { schema: v.nullable(positive), fallback: 30 * MINUTE },
  'limits.commandMs': { schema: positive, fallback: 10 * MINUTE },
  'limits.contextTokens': { schema: positive, fallback: 100_000 },
  'limits.structuredRetries': { schema: v.pipe(v.number(), v.integer(), v.minValue(0)), fallback: 2 },
  'limits.iterations': { schema: v.nullable(positive), fallback: 5 },
  // OpenCode's own waits for the provider: how many tries, and how long an announced wait, are sat out within the turn.
  'limits.providerRetries': { schema: positive, fallback: 5 },
  'limits.providerWaitMs': { schema: positive, fallback: MINUTE },
  // A usage limit with a known end parks the ticket until then, when it is no further away. Null: it blocks at once.
  'limits.usageWaitMs': { schema: v.nullable(positive), fallback: 12 * 60 * MINUTE },
  // What may be spent. When it is reached no further turn is sent, until a person raises it. A project's counts all its tickets.
  'limits.ticketTokens': { schema: v.nullable(positive), fallback: null },
  'limits.ticketCost': { schema: v.nullable(v.pipe(v.number(), v.minValue(0))), fallback: null },
  'limits.projectTokens': { schema: v.nullable(positive), fallback: null },
  'limits.projectCost': { schema: v.nullable(v.pipe(v.number(), v.minValue(0))), fallback: null },
  // How long a ticket is over before its worktree, sessions and merged branch are cleared away. Null: never.
  'cleanup.finishedMs': { schema: v.nullable(positive), fallback: 14 * 24 * 60 * MINUTE },
  'questions.allowed': { schema: v.boolean(), fallback: true },
  // How long a question or permission waits before it is declined; a phase may say otherwise. Null: for ever.
  'questions.windowMs': { schema: v.nullable(positive), fallback: null },
  // How many members must have drafted, and how many must have voted. Null: two, or all of a smaller council.
  'council.quorum': { schema: v.nullable(positive), fallback: null },
  'interview.maxQuestions': { schema: positive, fallback: 12 },
  // Follow-up questions in percent of the maximum: so many of the interview itself, and as many of the check after it. 0 means none.
  'interview.followUpPercent': { schema: v.pipe(v.number(), v.minValue(0), v.maxValue(100)), fallback: 25 },
  // How often a document is audited before what is left open is shown at its gate.
  'coverage.interviewPasses': { schema: positive, fallback: 2 },
  'coverage.prdPasses': { schema: positive, fallback: 3 },
  'coverage.beadsPasses': { schema: positive, fallback: 3 },
  // Who is told of each inbox entry, once. Null: nobody.
  notify: { schema: NotifySchema, fallback: null },
  // What becomes of the repository's own git hooks when LoopTroop commits and pushes.
  'git.hooks': { schema: v.picklist(HOOK_POLICIES), fallback: 'report' },
  // After the merge the ticket's branch is removed at the remote, when it is what LoopTroop pushed there.
  'git.removeMergedBranch': { schema: v.boolean(), fallback: false },
  'qa.manual': { schema: v.boolean(), fallback: false },
  'workspace.trusted': { schema: v.boolean(), fallback: false },
} as const satisfies Record<string, { schema: v.GenericSchema<unknown, unknown>; fallback: unknown }>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]
export type Settings = { readonly [K in SettingName]: v.InferOutput<(typeof SETTINGS)[K]['schema']> }
export type SettingsPatch = { readonly [name: string]: Json }
export type SettingSource = 'default' | 'config' | 'app' | 'project' | 'ticket'

/** Checks a patch; names the first wrong field. */
export function parsePatch(patch: SettingsPatch): Partial<Settings> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(patch)) {
    if (!Object.hasOwn(SETTINGS, name)) throw fail('SETTING_UNKNOWN', { field: name, known: SETTING_NAMES.join(', ') })
    const result = v.safeParse(SETTINGS[name as SettingName].schema, value)
    if (!result.success) throw fail('INVALID_INPUT', { field: name, problem: result.issues[0].message })
    out[name] = result.output
  }
  return out
}

export interface ResolvedSettings {
  readonly values: Settings
  readonly sources: { readonly [K in SettingName]: SettingSource }
}

/** Layers from weakest to strongest, each already checked by `parsePatch`. */
export function resolveSettings(layers: readonly (readonly [SettingSource, Partial<Settings>])[]): ResolvedSettings {
  const values: Record<string, unknown> = {}
  const sources: Record<string, SettingSource> = {}
  for (const name of SETTING_NAMES) {
    values[name] = SETTINGS[name].fallback
    sources[name] = 'default'
    for (const [source, layer] of layers) {
      if (layer[name] === undefined) continue
      values[name] = layer[name]
      sources[name] = source
    }
  }
  return { values: values as Settings, sources: sources as ResolvedSettings['sources'] }
}

/** What a ticket may have of its own: all that is about its work, and nothing that is about the server or its project. */
const NOT_OF_A_TICKET: readonly SettingName[] = [
  ...(['limits.tickets', 'limits.turns', 'limits.exclusiveTickets', 'limits.projectTokens', 'limits.projectCost'] as const),
  ...(['cleanup.finishedMs', 'notify', 'workspace.trusted'] as const),
]
export function assertOfTicket(patch: Partial<Settings>): void {
  const other = NOT_OF_A_TICKET.find((name) => patch[name] !== undefined)
  if (other !== undefined) throw fail('INVALID_INPUT', { field: other, problem: 'is of the project or the app, not of a ticket' })
}

/** A quorum that no vote could ever reach is refused where it is set, and again when a ticket with a council starts. */
export function assertQuorum(values: Pick<Settings, 'models.main' | 'models.members' | 'council.quorum'>): void {
  const models = [values['models.main'] ?? [], values['models.members']].flat()
  const size = new Set(models.map((ref) => [ref.provider, ref.model, ref.variant].join('/'))).size
  const quorum = values['council.quorum'] ?? 1
  if (quorum > size)
    throw fail('INVALID_INPUT', { field: 'council.quorum', problem: `is ${quorum}, and the council has ${size} different models` })
}

export const modelName = (ref: ModelRef): string => `${ref.provider}/${ref.model}`
