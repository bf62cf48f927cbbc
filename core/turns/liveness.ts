/**
 * Tells what a waiting turn waits on: a provider that says nothing (reasoning models are silent, so it is shown and never
 * cut short before the deadline), or an OpenCode that cannot be asked.
 */
import type { Driving } from '../driving.ts'
import { event } from '../events/events.ts'
import type { EventData } from '../events/events.ts'
import type { RemoteStatus } from '../opencode/adapter.ts'
import type { TurnRecord } from '../store/records.ts'

const FIRST_SILENCE_MS = 30_000

export class Liveness {
  readonly #driving: Driving
  readonly #turn: TurnRecord
  #nextSilence = FIRST_SILENCE_MS
  #awaySince: number | null = null

  constructor(driving: Driving, turn: TurnRecord) {
    this.#driving = driving
    this.#turn = turn
  }

  /** Said at 30 s, 1, 2, 4 … minutes without a sign from the model. */
  async silent(ms: number): Promise<void> {
    if (ms < FIRST_SILENCE_MS) this.#nextSilence = FIRST_SILENCE_MS
    if (ms < this.#nextSilence) return
    this.#nextSilence = ms * 2
    await this.#tell('turn.silent', { ms: Math.round(ms) })
  }

  /** OpenCode could not be asked: for how long by now (milliseconds). Said once, until it answers. */
  async away(problem: string): Promise<number> {
    const now = this.#driving.clock.monotonic()
    if (this.#awaySince === null) {
      this.#awaySince = now
      await this.#tell('turn.unverified', { problem })
    }
    return now - this.#awaySince
  }

  async answered(): Promise<void> {
    if (this.#awaySince === null) return
    const ms = this.#driving.clock.monotonic() - this.#awaySince
    this.#awaySince = null
    await this.#tell('turn.verified', { ms: Math.round(ms) })
  }

  #tell<T extends 'turn.silent' | 'turn.unverified' | 'turn.verified'>(type: T, more: Omit<EventData[T], keyof Base>): Promise<void> {
    const { turnId, phase, attempt, prompt } = this.#turn
    const told = event(type, { turnId, phase, attempt, prompt, ...more } as unknown as EventData[T])
    return this.#driving.store.appendEvents(this.#driving.fence, { events: [told], at: this.#driving.clock.now() })
  }
}
type Base = Pick<TurnRecord, 'turnId' | 'phase' | 'attempt' | 'prompt'>

export interface ProviderLimits {
  /** OpenCode's own tries for one model request before the turn is stopped. */
  readonly retries: number
  /** The longest announced wait that is sat out in the turn. */
  readonly waitMs: number
}

/** OpenCode's own retry wait, past what is sat out: counted by its `attempt` number, or too far in the future. Pure. */
export const exceedsLimits = (
  status: RemoteStatus | null,
  limits: ProviderLimits,
  now: number,
): status is RemoteStatus & { type: 'retry' } =>
  status?.type === 'retry' && (status.attempt > limits.retries || status.next - now > limits.waitMs)
