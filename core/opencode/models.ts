/** The models that OpenCode offers, kept between questions. "Not known" is never shown as "none". */
import { fail, isCode, messageOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { CallOptions, ModelCatalogue, OpencodeAdapter } from './adapter.ts'

export interface ModelsAnswer extends ModelCatalogue {
  /** Discovery failed: either the last known list (`stale`) or empty ones. */
  readonly message?: string
  readonly stale?: boolean
}
export type ModelScope = 'configured' | 'all'

export interface ModelList {
  /**
   * Never waits long: a list that was had before comes at once, marked `stale` when it is old and OpenCode is slow to tell a
   * newer one (which is asked for meanwhile). Never throws.
   */
  list(scope?: ModelScope, options?: CallOptions): Promise<ModelsAnswer>
  /** Asks anew, and disposes nothing: turns go on. Never throws: a failure is in `message`. */
  refresh(scope?: ModelScope, options?: CallOptions): Promise<ModelsAnswer>
  /**
   * Throws MODEL_UNKNOWN naming what is offered. An unknown model is refused before anything is sent: OpenCode would
   * store the message and keep the bad model for later prompts. Asks anew before it refuses; when the list cannot be
   * had at all, throws that failure.
   */
  assertModelKnown(ref: { readonly provider: string; readonly model: string }, options?: KnownOptions): Promise<void>
}
export interface KnownOptions extends CallOptions {
  /** Nobody is kept waiting: an OpenCode that is being started again is asked once more, a few times. */
  readonly patient?: boolean
}

const FRESH_MS = 60_000
/** How long somebody is kept waiting for a newer list, and for the first one. */
const RENEWAL_MS = 250
const FIRST_MS = 4_000
const SHOWN = 12
/** Milliseconds before each further try, as for a session that cannot be created. */
const AGAIN_MS = [1_000, 3_000, 7_000, 15_000] as const
const NONE: ModelCatalogue = { models: [], connectedProviders: [], defaultModels: {} }

export function createModelList(adapter: Pick<OpencodeAdapter, 'listModels'>, clock: Clock): ModelList {
  const kept = new Map<ModelScope, { readonly at: number; readonly catalogue: ModelCatalogue }>()
  const ask = async (scope: ModelScope, options: CallOptions = {}): Promise<ModelCatalogue> => {
    const catalogue = await adapter.listModels({ ...options, all: scope === 'all' })
    kept.set(scope, { at: clock.monotonic(), catalogue })
    return catalogue
  }
  const refresh: ModelList['refresh'] = async (scope = 'configured', options) => {
    try {
      return await ask(scope, options)
    } catch (error) {
      const old = kept.get(scope)?.catalogue
      return { ...(old ?? NONE), message: messageOf(error), ...(old === undefined ? {} : { stale: true }) }
    }
  }
  const underWay = new Map<ModelScope, Promise<ModelsAnswer>>()
  /** One question at a time, however many ask. */
  const renewal = (scope: ModelScope, options?: CallOptions): Promise<ModelsAnswer> => {
    const asked = underWay.get(scope) ?? refresh(scope, options).finally(() => underWay.delete(scope))
    underWay.set(scope, asked)
    return asked
  }
  const list: ModelList['list'] = async (scope = 'configured', options) => {
    const entry = kept.get(scope)
    if (entry !== undefined && clock.monotonic() - entry.at < FRESH_MS) return entry.catalogue
    const late: ModelsAnswer = entry
      ? { ...entry.catalogue, stale: true }
      : { ...NONE, message: 'OpenCode has not told its models yet: they are not known, which is not the same as none.' }
    return before(renewal(scope, options), { late, ms: entry ? RENEWAL_MS : FIRST_MS, clock })
  }
  return {
    list,
    refresh,
    async assertModelKnown(ref, options) {
      const isIt = (m: { provider: string; model: string }): boolean => m.provider === ref.provider && m.model === ref.model
      if (kept.get('configured')?.catalogue.models.some(isIt)) return
      const { models } = await (options?.patient === true
        ? insist(() => ask('configured', options), { clock, signal: options.signal })
        : ask('configured', options))
      if (models.some(isIt)) return
      const names = models.map((m) => `${m.provider}/${m.model}`)
      const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
      const known = names.length === 0 ? 'none' : names.slice(0, SHOWN).join(', ') + more
      throw fail('MODEL_UNKNOWN', { field: 'model', model: `${ref.provider}/${ref.model}`, known })
    },
  }
}

/** An OpenCode that is away is asked again, a few times. */
async function insist<T>(ask: () => Promise<T>, { clock, signal }: { clock: Clock; signal: AbortSignal | undefined }): Promise<T> {
  for (const delay of AGAIN_MS) {
    try {
      return await ask()
    } catch (error) {
      if (signal?.aborted || !isCode(error, 'OPENCODE_UNREACHABLE')) throw error
      await clock.sleep(delay, signal)
    }
  }
  return ask()
}

/** What comes first: the answer, or what is known without it. */
async function before<T>(answer: Promise<T>, { late, ms, clock }: { late: T; ms: number; clock: Clock }): Promise<T> {
  const came = new AbortController()
  const waited = clock.sleep(ms, came.signal).then(() => late)
  return Promise.race([answer, waited]).finally(() => came.abort())
}
