/** The models that OpenCode offers, kept between questions. "Not known" is never shown as "none". */
import { fail, messageOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { CallOptions, ModelCatalogue, OpencodeAdapter } from './adapter.ts'

export interface ModelsAnswer extends ModelCatalogue {
  /** Discovery failed: either the last known list (`stale`) or empty ones. */
  readonly message?: string
  readonly stale?: boolean
}
export type ModelScope = 'configured' | 'all'

export interface ModelList {
  list(scope?: ModelScope, options?: CallOptions): Promise<ModelsAnswer>
  /** Asks anew. Never throws: a failure is in `message`. */
  refresh(scope?: ModelScope, options?: CallOptions): Promise<ModelsAnswer>
  /**
   * Throws MODEL_UNKNOWN naming what is offered. An unknown model is refused before anything is sent: OpenCode would
   * store the message and keep the bad model for later prompts. Asks anew before it refuses; when the list cannot be
   * had at all, throws that failure.
   */
  assertModelKnown(ref: { readonly provider: string; readonly model: string }, options?: CallOptions): Promise<void>
}

const FRESH_MS = 60_000
const SHOWN = 12

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
      const empty: ModelCatalogue = { models: [], connectedProviders: [], defaultModels: {} }
      return { ...(old ?? empty), message: messageOf(error), ...(old === undefined ? {} : { stale: true }) }
    }
  }
  const list: ModelList['list'] = async (scope = 'configured', options) => {
    const entry = kept.get(scope)
    return entry !== undefined && clock.monotonic() - entry.at < FRESH_MS ? entry.catalogue : refresh(scope, options)
  }
  return {
    list,
    refresh,
    async assertModelKnown(ref, options) {
      const isIt = (m: { provider: string; model: string }): boolean => m.provider === ref.provider && m.model === ref.model
      if (kept.get('configured')?.catalogue.models.some(isIt)) return
      const { models } = await ask('configured', options)
      if (models.some(isIt)) return
      const names = models.map((m) => `${m.provider}/${m.model}`)
      const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
      const known = names.length === 0 ? 'none' : names.slice(0, SHOWN).join(', ') + more
      throw fail('MODEL_UNKNOWN', { field: 'model', model: `${ref.provider}/${ref.model}`, known })
    },
  }
}
