/** What is wrong with a plugin or a pipeline, as PluginErrors that name it and the field. All of it, not the first. */
import { END, FAILURE_KINDS, TOOL_POLICIES } from './contract.ts'
import type { PhasePlugin, Pipeline, PipelineRow } from './contract.ts'
import { PluginError } from './errors.ts'

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''
const isCount = (value: unknown, least: number): boolean => Number.isInteger(value) && (value as number) >= least

const PHASE_ID = /^[A-Z][A-Z0-9_]{1,60}$/
const FORMATS = ['json', 'yaml', 'jsonl']
const ACTIONS = ['allow', 'ask', 'deny']

/** One check per field: null is fine, else what is wrong. */
const CHECKS: Readonly<Record<string, (value: unknown, plugin: Fields) => string | null>> = {
  id: (id) => (isText(id) && PHASE_ID.test(id) ? null : 'must be upper case with underscores, such as REVIEWING_CHANGES'),
  version: (version) => (isCount(version, 1) ? null : 'must be a whole number from 1 (the major version)'),
  label: (label) => (isText(label) ? null : 'must be a text that a person sees'),
  prompt: (prompt) => (isObject(prompt) && isText(prompt['task']) ? null : 'must be {task, role?, steps?}'),
  context: (context) => {
    if (typeof context === 'function') return null
    return isObject(context) && Array.isArray(context['slices']) && context['slices'].every(isText)
      ? null
      : "must be slices(…) or a function of the ticket's state"
  },
  tools: (tools) => {
    if (typeof tools === 'string')
      return (TOOL_POLICIES as readonly string[]).includes(tools) ? null : `must be ${TOOL_POLICIES.join(', ')} or a list of rules`
    const ok =
      Array.isArray(tools) &&
      tools.every((r) => isObject(r) && isText(r['permission']) && isText(r['pattern']) && ACTIONS.includes(r['action'] as string))
    return ok ? null : 'must be a policy or a list of {permission, pattern, action}'
  },
  retry: (retry) => {
    if (!isObject(retry)) return 'must be {structured, attempts, delay, on, keepWorking}'
    if (!isCount(retry['structured'], 0) || !isCount(retry['keepWorking'], 0))
      return '`structured` and `keepWorking` must be whole numbers from 0'
    if (retry['attempts'] !== null && !isCount(retry['attempts'], 1))
      return '`attempts` must be a whole number from 1, or null for no limit'
    if (typeof retry['delay'] !== 'number' || retry['delay'] < 0) return '`delay` must be milliseconds'
    const on = retry['on']
    return Array.isArray(on) && on.every((k) => (FAILURE_KINDS as readonly unknown[]).includes(k))
      ? null
      : `\`on\` may hold ${FAILURE_KINDS.join(', ')}`
  },
  output: (output) => {
    if (!isObject(output)) return 'must be {schema, format, example, tag?}'
    const schema = output['schema']
    if (!(isObject(schema) || typeof schema === 'function') || !('~standard' in schema))
      return '`schema` is not a Standard Schema (https://standardschema.dev)'
    if (!FORMATS.includes(output['format'] as string)) return `\`format\` must be ${FORMATS.join(', ')}`
    return 'example' in output ? null : '`example` is missing: the prompt shows it'
  },
  outcomes: (outcomes) =>
    outcomes === undefined || (Array.isArray(outcomes) && outcomes.length > 0 && outcomes.every(isText)) ? null : 'must be a list of names',
  stops: (stops, { outcomes }) =>
    stops === undefined || (Array.isArray(stops) && Array.isArray(outcomes) && stops.every((name) => outcomes.includes(name)))
      ? null
      : 'must be a list of names, each one of `outcomes`',
  artifact: (artifact) => (artifact === undefined || isText(artifact) ? null : 'must be a name'),
  answerWindow: (ms) => (ms === undefined || ms === null || isCount(ms, 1) ? null : 'must be milliseconds, or null for no limit'),
  run: (run) => (run === undefined || typeof run === 'function' ? null : 'must be a function'),
}

export function pluginProblems(value: unknown, from: string): readonly PluginError[] {
  if (!isObject(value)) return [new PluginError(from, 'default', `must be a phase (definePhase) or a list of them, in ${from}`)]
  const name = isText(value['id']) ? value['id'] : from
  return Object.entries(CHECKS).flatMap(([field, check]) => {
    const problem = check(value[field], value)
    return problem === null ? [] : [new PluginError(name, field, `${problem}${from === name ? '' : `, in ${from}`}`)]
  })
}

const CONFIG_FIELDS: Readonly<Record<string, (value: unknown) => string | null>> = {
  plugins: (plugins) => (plugins === undefined || Array.isArray(plugins) ? null : 'must be a list of npm names, paths or phases'),
  pipelines: (pipelines) =>
    pipelines === undefined || (Array.isArray(pipelines) && pipelines.every(isObject))
      ? null
      : 'must be a list of pipelines (definePipeline)',
  settings: (settings) => (settings === undefined || isObject(settings) ? null : 'must be {name: value}'),
}

/** The configuration's own fields; what it names is checked where it is loaded. A misspelt field would be ignored in silence. */
export function configProblems(config: object, settingNames: readonly string[]): readonly PluginError[] {
  const fields: Fields = { ...config }
  const bad = (field: string, problem: string): PluginError => new PluginError('configuration', field, problem)
  const unknown = Object.keys(fields).filter((field) => !Object.hasOwn(CONFIG_FIELDS, field))
  const wrong = Object.entries(CONFIG_FIELDS).flatMap(([field, check]) => {
    const problem = check(fields[field])
    return problem === null ? [] : [bad(field, problem)]
  })
  const { settings, pipelines } = fields
  const settingsOf = isObject(settings) ? Object.keys(settings) : []
  const names = Array.isArray(pipelines) ? pipelines.filter(isObject).map((p) => p['name']) : []
  return [
    ...unknown.map((field) => bad(field, `does not exist; there are ${Object.keys(CONFIG_FIELDS).join(', ')}`)),
    ...wrong,
    ...settingsOf.filter((name) => !settingNames.includes(name)).map((name) => bad(`settings.${name}`, 'does not exist')),
    ...names.filter((name, i) => names.indexOf(name) !== i).map((name) => bad('pipelines', `has ${String(name)} twice`)),
  ]
}

/** Rows against the phases there are: unknown ids, outcomes a phase does not have, targets outside the table. */
export function pipelineProblems(
  pipeline: Pipeline,
  phases: ReadonlyMap<string, PhasePlugin>,
  settings: readonly string[],
): readonly PluginError[] {
  const place = `pipeline ${isText(pipeline.name) ? pipeline.name : '?'}`
  const bad = (field: string, problem: string): PluginError => new PluginError(place, field, problem)
  if (!isText(pipeline.name)) return [bad('name', 'must be a text')]
  const rows: readonly PipelineRow[] = Array.isArray(pipeline.rows) ? pipeline.rows : []
  if (rows.length === 0) return [bad('rows', 'must be a list with at least one row')]
  const ids = rows.map((row) => row.phase)
  return rows.flatMap((row, i) => {
    const field = `rows[${i}]`
    const plugin = phases.get(row.phase)
    if (!plugin) return [bad(field, `names the phase ${row.phase}, which is not loaded`)]
    const problems: PluginError[] = []
    if (ids.indexOf(row.phase) !== i) problems.push(bad(field, `names ${row.phase} a second time`))
    for (const [outcome, target] of Object.entries(row.next ?? {})) {
      const outcomes = plugin.outcomes ?? ['done']
      if (!outcomes.includes(outcome))
        problems.push(bad(`${field}.next`, `has the outcome ${outcome}; ${row.phase} has ${outcomes.join(', ')}`))
      if (target !== END && !ids.includes(target))
        problems.push(bad(`${field}.next.${outcome}`, `leads to ${target}, which is not in this pipeline`))
    }
    if (row.when && !settings.includes(row.when.setting))
      problems.push(bad(`${field}.when`, `names the setting ${row.when.setting}, which does not exist`))
    return problems
  })
}
