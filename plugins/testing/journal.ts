/** What the first run recorded, and the run that replays it: the kernel's rules, in memory. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Json } from '../contract.ts'
import { MAX_RECORD, RuleBroken, canonical, copyOf, notJson } from './rules.ts'
import type { Rule, Violation } from './rules.ts'
import type { Schedule } from './schedule.ts'

export interface Recorded {
  readonly name: string
  readonly verb: string
  readonly input: string
  /** False for a verb that was begun and failed. */
  done: boolean
  value: Json
}
export interface Recording<T extends Json> {
  readonly name: string
  readonly verb: string
  /** What the verb was asked to do: the same on every replay. */
  readonly input: Json
  readonly effect: (key: string, again: boolean) => Promise<T>
}

const insideStep = new AsyncLocalStorage<string>()

export class RunJournal {
  readonly schedule: Schedule
  readonly violations: Violation[] = []
  readonly #entries: Map<string, Recorded>
  /** A replay of a run that came to its end does nothing that is not recorded. */
  readonly #complete: boolean
  readonly #visited = new Set<string>()
  readonly #counters = new Map<string, number>()

  constructor(schedule: Schedule, options: { readonly entries: Map<string, Recorded>; readonly complete: boolean }) {
    this.schedule = schedule
    this.#entries = options.entries
    this.#complete = options.complete
  }

  /** A promise that nobody awaits must not end the process of the spec: the violation is in the report. */
  record<T extends Json>(verb: Recording<T>): Promise<T> {
    const value = this.#record(verb)
    value.catch(() => {})
    return value
  }

  async #record<T extends Json>(verb: Recording<T>): Promise<T> {
    const { name } = verb
    const known = this.visit(name, verb.verb, verb.input)
    return this.schedule.run(async () => {
      if (known?.done) return copyOf(known.value) as T
      const entry = known ?? this.#open(name, verb)
      const value = await insideStep.run(name, () => verb.effect(`TEST-1/${name}`, known !== null))
      this.#check(name, value)
      entry.value = copyOf(value)
      entry.done = true
      return value
    })
  }

  /** Marks the name as used by this run and checks it against what is recorded under it. */
  visit(name: string, verb: string, input: Json): Recorded | null {
    const inside = insideStep.getStore()
    if (inside !== undefined) this.#break('verb_in_step', name, `${verb} ${name} is called inside the step ${inside}`)
    if (this.#visited.has(name)) this.#break('name_twice', name, `${verb} uses the name ${name} a second time in one attempt`)
    this.#visited.add(name)
    const known = this.#entries.get(name) ?? null
    if (known && (known.verb !== verb || known.input !== canonical(input)))
      this.#break('input_changed', name, `${verb} ${name} was recorded as ${known.verb} of ${known.input}, now it is ${canonical(input)}`)
    if (!known && this.#complete) this.#break('diverged', name, `${verb} ${name} is called on replay, and was not in the first run`)
    return known
  }

  /** `read:prd#1`, `read:prd#2` …: names for verbs that the contract leaves unnamed. */
  numbered(prefix: string): string {
    const n = (this.#counters.get(prefix) ?? 0) + 1
    this.#counters.set(prefix, n)
    return `${prefix}#${n}`
  }

  /** An ask that was never decided: recorded as open, so that the replay finds it. */
  park(name: string, verb: string, input: Json): Promise<never> {
    if (!this.#entries.has(name)) this.#open(name, { verb, input })
    return this.schedule.park(name)
  }

  /** After the run came to an outcome. */
  finish(): void {
    for (const name of this.schedule.parked) this.#note('unsettled', name, `the phase ended while ${name} still waits`)
    for (const name of this.#entries.keys())
      if (!this.#visited.has(name)) this.#note('diverged', name, `${name} is recorded, and the replay ended without it`)
  }

  #open(name: string, { verb, input }: { verb: string; input: Json }): Recorded {
    const entry: Recorded = { name, verb, input: canonical(input), done: false, value: null }
    this.#entries.set(name, entry)
    return entry
  }

  #check(name: string, value: unknown): void {
    const problem = notJson(value)
    if (problem !== null) this.#break('not_json', name, `${name} records what is not JSON: ${problem}`)
    const size = JSON.stringify(value).length
    if (size > MAX_RECORD) this.#break('too_large', name, `${name} records ${size} characters; the limit is ${MAX_RECORD}`)
  }

  #note(rule: Rule, name: string, message: string): Violation {
    const violation = { rule, name, message }
    this.violations.push(violation)
    return violation
  }

  #break(rule: Rule, name: string, message: string): never {
    throw new RuleBroken(this.#note(rule, name, message))
  }
}
