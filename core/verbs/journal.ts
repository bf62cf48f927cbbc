/**
 * What a phase's run recorded, and the rules that make replaying it sound: a name is used once, an input does not change,
 * a finished run visits all that is recorded, values are JSON, and no verb hides in a step's effect.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Json } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import { fail } from '../errors.ts'
import type { NewEvent } from '../events/events.ts'
import { hashOf, notJson } from '../json.ts'
import type { PhaseAt, PromptRecord, StepRecord } from '../store/records.ts'
import type { WaitingFor } from '../ticket.ts'

/** Bytes of one recorded value. */
const MAX_RECORD = 1_000_000

interface Wait {
  /** A pause holds it: nobody and nothing is waited for. */
  readonly resting?: boolean
  readonly waitingFor: WaitingFor
  readonly until: number | null
}
export interface Parked extends Wait {
  /** The verbs it waits on. */
  readonly awaiting: readonly string[]
}
export interface Recording<T extends Json> {
  readonly name: string
  readonly verb: string
  /** What the verb was asked to do; a change on replay is REPLAY_INPUT_CHANGED. */
  readonly input: Json
  readonly effect: (key: string, again: boolean) => Promise<T>
  readonly events?: (value: T) => readonly NewEvent[]
}

interface JournalParts {
  readonly recorded: { readonly steps: readonly StepRecord[]; readonly prompts: readonly PromptRecord[] }
  readonly rests: () => boolean
}

const insideStep = new AsyncLocalStorage<string>()

export class Journal {
  readonly at: PhaseAt
  readonly #driving: Driving
  readonly #steps: Map<string, StepRecord>
  readonly #prompts: Map<string, PromptRecord>
  readonly #visited = new Set<string>()
  readonly #counters = new Map<string, number>()
  readonly #parked = new Map<string, Wait>()
  readonly #rests: () => boolean
  #busy = 0
  #onChange: () => void = () => {}

  constructor(driving: Driving, at: PhaseAt, { recorded, rests }: JournalParts) {
    this.at = at
    this.#driving = driving
    this.#rests = rests
    this.#steps = new Map(recorded.steps.map((s) => [s.name, s]))
    this.#prompts = new Map(recorded.prompts.map((p) => [p.name, p]))
  }

  /** `rests`: a pause holds the ticket, so that nothing new may begin. */
  static async load(driving: Driving, at: PhaseAt, rests: () => boolean): Promise<Journal> {
    return new Journal(driving, at, { recorded: await driving.store.journal(driving.fence.ticketId, at), rests })
  }

  /** Nothing is recorded: whatever runs now begins. */
  get empty(): boolean {
    return this.#steps.size + this.#prompts.size === 0
  }

  knows(name: string): boolean {
    return this.#steps.has(name)
  }

  get resting(): boolean {
    return this.#rests()
  }

  /** As `park`: the verb begins in the run that follows when the pause is over. */
  rest(name: string): Promise<never> {
    return this.park(name, { waitingFor: 'time', until: null, resting: true })
  }

  /** A recorded verb: its stored value, or its effect, once recorded. */
  async record<T extends Json>(verb: Recording<T>): Promise<T> {
    const known = this.visit(verb.name, verb.verb, verb.input)
    if (known?.state === 'done') return known.value as T
    if (this.resting) return this.rest(verb.name)
    return this.busy(async () => {
      const { store, fence, clock } = this.#driving
      const { name } = verb
      if (!known) await store.beginStep(fence, { ...this.at, name, verb: verb.verb, inputHash: hashOf(verb.input), at: clock.now() })
      const key = `${fence.ticketId}/${this.at.phase}/${this.at.attempt}/${name}`
      const value = await insideStep.run(name, () => verb.effect(key, known !== null))
      this.#check(name, value)
      await store.completeStep(fence, { ...this.at, name, value, events: verb.events?.(value) ?? [], at: clock.now() })
      return value
    })
  }

  /** Marks a name as used by this run and checks it against what is recorded under it. */
  visit(name: string, verb: string, input: Json): StepRecord | null {
    this.#enter(name, verb)
    const known = this.#steps.get(name)
    if (known && (known.verb !== verb || known.inputHash !== hashOf(input)))
      throw fail('REPLAY_INPUT_CHANGED', { phase: this.at.phase, name })
    if (this.#prompts.has(name)) throw fail('REPLAY_INPUT_CHANGED', { phase: this.at.phase, name })
    return known ?? null
  }

  visitPrompt(name: string, inputHash: string): PromptRecord | null {
    this.#enter(name, 'prompt')
    const known = this.#prompts.get(name)
    if (known && known.inputHash !== inputHash) throw fail('REPLAY_INPUT_CHANGED', { phase: this.at.phase, name })
    if (this.#steps.has(name)) throw fail('REPLAY_INPUT_CHANGED', { phase: this.at.phase, name })
    return known ?? null
  }

  /** `read:prd#1`, `read:prd#2` …: names for verbs that the contract leaves unnamed. */
  numbered(prefix: string): string {
    const n = (this.#counters.get(prefix) ?? 0) + 1
    this.#counters.set(prefix, n)
    return `${prefix}#${n}`
  }

  async busy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1
    try {
      return await work()
    } finally {
      this.#busy -= 1
      this.#onChange()
    }
  }

  /** The verb waits for a person or a time: it never returns in this run; the next run replays up to it. */
  park(name: string, parked: Wait): Promise<never> {
    this.#parked.set(name, parked)
    this.#onChange()
    return new Promise(() => {})
  }

  /** Resolves when nothing but parked verbs is open. Code between two verbs gets its turn first. */
  whenParked(): Promise<Parked> {
    return new Promise((resolve) => {
      const check = (): void => {
        setImmediate(() => {
          if (this.#busy === 0 && this.#parked.size > 0) resolve(soonest(this.#parked))
        })
      }
      this.#onChange = check
      check()
    })
  }

  /** Resolves when no verb is under way any more. Code between two verbs, or two halves of one, gets its turn first. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        setImmediate(() => {
          if (this.#busy === 0) resolve()
        })
      }
      this.#onChange = check
      check()
    })
  }

  /** After a run returned: everything it started has settled, and it visited all that is recorded. */
  checkFinished(): void {
    const { phase } = this.at
    if (this.#parked.size > 0)
      throw fail('PLUGIN_FAILED', { phase, problem: `finished while ${[...this.#parked.keys()].join(', ')} still waits` })
    const missed = [...this.#steps.keys(), ...this.#prompts.keys()].filter((name) => !this.#visited.has(name))
    if (missed.length > 0) throw fail('REPLAY_DIVERGED', { phase, names: missed.join(', ') })
  }

  #enter(name: string, verb: string): void {
    const { phase } = this.at
    if (insideStep.getStore() !== undefined) throw fail('VERB_IN_STEP', { phase, verb: `${verb} ${name}` })
    if (this.#visited.has(name)) throw fail('STEP_NAME_TWICE', { phase, name })
    this.#visited.add(name)
  }

  #check(name: string, value: Json): void {
    const { phase } = this.at
    const problem = notJson(value)
    if (problem) throw fail('NOT_JSON', { phase, name, problem })
    const size = JSON.stringify(value).length
    if (size > MAX_RECORD) throw fail('RECORD_TOO_LARGE', { phase, name, size, limit: MAX_RECORD })
  }
}

/** Of several: a person may come at any time, so a time is only waited for when nothing else is. */
function soonest(waits: ReadonlyMap<string, Wait>): Parked {
  const parked = [...waits.values()]
  const times = parked.flatMap((p) => (p.until === null ? [] : [p.until]))
  const person = parked.find((p) => p.waitingFor === 'person')
  const until = times.length > 0 ? Math.min(...times) : null
  const resting = parked.some((p) => p.resting === true)
  return { waitingFor: person?.waitingFor ?? 'time', until, awaiting: [...waits.keys()], resting }
}
