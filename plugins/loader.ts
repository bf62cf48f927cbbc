/** Loads `looptroop.config.ts` and what it names, checks everything, and reports all mistakes at once. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { tsImport } from 'tsx/esm/api'
import { configProblems, pipelineProblems, pluginProblems } from './check.ts'
import type { Json, LoopTroopConfig, PhasePlugin, Pipeline } from './contract.ts'
import { ConfigurationError, PluginError } from './errors.ts'

export interface LoadOptions {
  /** Where the configuration is looked for. */
  readonly folder: string
  /** A configuration that is already there (specs); else the file is looked for. */
  readonly config?: LoopTroopConfig
  readonly builtIn: { readonly phases: readonly PhasePlugin[]; readonly pipelines: readonly Pipeline[] }
  /** Names a row's `when` may use. */
  readonly settingNames: readonly string[]
}
export interface Loaded {
  readonly phases: ReadonlyMap<string, PhasePlugin>
  readonly pipelines: ReadonlyMap<string, Pipeline>
  readonly settings: Readonly<Record<string, Json>>
  /** The configuration file, when there is one. */
  readonly file: string | null
}

const FILES = ['looptroop.config.ts', 'looptroop.config.mts', 'looptroop.config.js', 'looptroop.config.mjs']

export async function loadPlugins(options: LoadOptions): Promise<Loaded> {
  const problems: Error[] = []
  const file = options.config ? null : (FILES.map((name) => path.join(options.folder, name)).find((name) => existsSync(name)) ?? null)
  const given = options.config ?? (file ? await readConfig(file, problems) : {})
  const wrong = configProblems(given, options.settingNames)
  problems.push(...wrong)
  // What has the wrong form is named and left out, so that the rest is checked in the same go.
  const config: LoopTroopConfig = wrong.length === 0 ? given : wellFormed(given)
  const base = file ?? path.join(options.folder, 'looptroop.config.ts')
  const phases = new Map<string, PhasePlugin>()
  for (const plugin of options.builtIn.phases) addPhase(phases, { plugin, from: 'built in' }, problems)
  for (const entry of config.plugins ?? []) for (const found of await readPlugins(entry, base, problems)) addPhase(phases, found, problems)
  const pipelines = new Map<string, Pipeline>()
  for (const pipeline of [...options.builtIn.pipelines, ...(config.pipelines ?? [])]) {
    problems.push(...pipelineProblems(pipeline, phases, options.settingNames))
    pipelines.set(pipeline.name, pipeline)
  }
  if (problems.length > 0) throw new ConfigurationError(problems.map((p) => p.message))
  return { phases, pipelines, settings: config.settings ?? {}, file }
}

const wellFormed = ({ plugins, pipelines, settings }: LoopTroopConfig): LoopTroopConfig => ({
  plugins: Array.isArray(plugins) ? plugins : [],
  pipelines: Array.isArray(pipelines) ? pipelines.filter((p) => typeof p === 'object' && p !== null) : [],
  settings: settings ?? {},
})

async function readConfig(file: string, problems: Error[]): Promise<LoopTroopConfig> {
  const found = await importDefault(file, file, problems)
  if (found === undefined) return {}
  if (typeof found === 'object' && found !== null) return found
  problems.push(new PluginError('configuration', 'default', `must be defineConfig({…}), in ${file}`))
  return {}
}

interface Found {
  readonly plugin: unknown
  readonly from: string
}

async function readPlugins(entry: string | PhasePlugin, base: string, problems: Error[]): Promise<readonly Found[]> {
  if (typeof entry !== 'string') return [{ plugin: entry, from: base }]
  const found = await importDefault(entry, base, problems)
  if (found === undefined) return []
  return (Array.isArray(found) ? found : [found]).map((plugin: unknown) => ({ plugin, from: entry }))
}

/** npm names and paths are resolved from the configuration's folder. TypeScript is read as it is. */
async function importDefault(specifier: string, base: string, problems: Error[]): Promise<unknown> {
  try {
    const target = path.isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier
    const module = (await tsImport(target, pathToFileURL(base).href)) as Readonly<Record<string, unknown>>
    // A CommonJS build has its exports, default among them, as the default.
    const inner: unknown = module['default']
    const found = typeof inner === 'object' && inner !== null && 'default' in inner ? inner.default : inner
    if (found === undefined) problems.push(new PluginError(specifier, 'default', 'is missing: the module has no default export'))
    return found
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    problems.push(new PluginError(specifier, 'module', `cannot be loaded: ${problem}`, { cause: error }))
    return undefined
  }
}

function addPhase(phases: Map<string, PhasePlugin>, { plugin, from }: Found, problems: Error[]): void {
  const wrong = pluginProblems(plugin, from)
  problems.push(...wrong)
  if (wrong.length > 0) return
  const phase = plugin as PhasePlugin
  if (phases.has(phase.id)) problems.push(new PluginError(phase.id, 'id', `is taken by another phase, in ${from}`))
  else phases.set(phase.id, phase)
}
