/**
 * The errors a plugin throws to say whether another try helps, and the one it gets when it was declared wrongly.
 * Recognised by brand, not by `instanceof`: a plugin may bring its own copy of this package.
 */
import type { Turned } from './contract.ts'

const BRAND = Symbol.for('looptroop.plugin-error')

interface Branded {
  readonly [BRAND]: 'give_up' | 'retry_after' | 'plugin' | 'prompt' | 'configuration'
}

/** Another attempt will not help: the ticket blocks with this message. */
export class GiveUp extends Error implements Branded {
  readonly [BRAND] = 'give_up'
  override readonly name = 'GiveUp'
  /** What a person can do about it; shown beside the message. */
  readonly hint: string | undefined
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
  }
}

/** Try again, not before `delayMs` milliseconds from now. Counts as an attempt. */
export class RetryAfter extends Error implements Branded {
  readonly [BRAND] = 'retry_after'
  override readonly name = 'RetryAfter'
  readonly delayMs: number
  constructor(message: string, delayMs: number, options: { cause?: unknown } = {}) {
    super(message, options)
    this.delayMs = delayMs
  }
}

/** A plugin, pipeline or configuration that is declared wrongly. `plugin` and `field` name the place. */
export class PluginError extends Error implements Branded {
  readonly [BRAND] = 'plugin'
  override readonly name = 'PluginError'
  readonly plugin: string
  readonly field: string
  constructor(plugin: string, field: string, problem: string, options: { cause?: unknown } = {}) {
    super(`[phase ${plugin}] \`${field}\` ${problem}`, options)
    this.plugin = plugin
    this.field = field
  }
}

/** All mistakes of a configuration, one line each; every line names its plugin and field. */
export class ConfigurationError extends Error implements Branded {
  readonly [BRAND] = 'configuration'
  override readonly name = 'ConfigurationError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** A prompt that ended without a value, for a phase that does not go on without one: `if (!turned.ok) throw new PromptFailed(turned)`. */
export class PromptFailed extends Error implements Branded {
  readonly [BRAND] = 'prompt'
  override readonly name = 'PromptFailed'
  readonly turned: Failed
  constructor(turned: Failed) {
    super(turned.error.message)
    this.turned = turned
  }
}
type Failed = Extract<Turned<unknown>, { ok: false }>

const kindOf = (error: unknown): Branded[typeof BRAND] | undefined =>
  typeof error === 'object' && error !== null && BRAND in error ? (error as Branded)[BRAND] : undefined

export const isGiveUp = (error: unknown): error is GiveUp => kindOf(error) === 'give_up'
export const isRetryAfter = (error: unknown): error is RetryAfter => kindOf(error) === 'retry_after'
export const isPluginError = (error: unknown): error is PluginError => kindOf(error) === 'plugin'
export const isPromptFailed = (error: unknown): error is PromptFailed => kindOf(error) === 'prompt'
export const isConfigurationError = (error: unknown): error is ConfigurationError => kindOf(error) === 'configuration'
