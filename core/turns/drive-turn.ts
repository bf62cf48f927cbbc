/** Drives one stored turn until it is settled: gathers facts, asks the table (`verdict.ts`), does what it says. */
import type { Driving } from '../driving.ts'
import { fail, isCode, messageOf } from '../errors.ts'
import { event } from '../events/events.ts'
import { isRefusal } from '../store/records.ts'
import type { Settlement, TurnRecord } from '../store/records.ts'
import type { PromptEnd } from '../store/store.ts'
import type { Requests } from '../inbox/requests.ts'
import { settlementOf } from './answer.ts'
import type { Budget } from './budget.ts'
import { Liveness, exceedsLimits } from './liveness.ts'
import type { ProviderLimits } from './liveness.ts'
import type { SideEffects } from './side-effects.ts'
import { TurnWatch } from './turn-watch.ts'
import { FactFinder } from './facts.ts'
import { belowTurn } from './sub-agents.ts'
import { QUIET_MS, chainOf, verdict } from './verdict.ts'
import type { TurnFacts, Verdict } from './verdict.ts'

/** How often the messages of a running turn are looked at when nothing hints (liveness). */
const POLL_MS = 15_000
/** How long admission is left to the stream before it is read back. */
const ADMISSION_POLL_MS = 2_000
/** A frozen or restarting OpenCode is waited for this long before a person is asked. */
export const UNVERIFIED_BUDGET_MS = 300_000
const UNVERIFIED_STEP_MS = 2_000
const IDLE_BOUND_MS = 60_000
const IDLE_STEP_MS = 250

/** What a turn is driven with, the same for all turns of a prompt. */
export interface TurnCare {
  readonly budget: Budget
  readonly requests: Requests
  readonly limits: ProviderLimits
  readonly effects: Pick<SideEffects, 'of'>
  /** Stores what the budget has used: a restart does not refill it. */
  spend(): Promise<void>
  /** What the end of this turn makes of its prompt, to be stored in the same batch; null when that is not known yet. */
  conclude(settled: TurnRecord): Promise<PromptEnd | null>
}

export interface DriveOptions {
  readonly turn: TurnRecord
  readonly care: TurnCare
  /** Created for this turn: nothing can run in it. */
  readonly freshSession: boolean
}

export async function driveTurn(driving: Driving, options: DriveOptions): Promise<TurnRecord> {
  const driver = new TurnDriver(driving, options)
  try {
    return await driver.run()
  } finally {
    driver.close()
  }
}

class TurnDriver {
  #turn: TurnRecord
  readonly #liveness: Liveness
  /** An earlier process sent it. */
  #takenUp: boolean
  readonly #driving: Driving
  readonly #options: DriveOptions
  readonly #watch: TurnWatch
  readonly #facts: FactFinder

  constructor(driving: Driving, options: DriveOptions) {
    this.#driving = driving
    this.#options = options
    this.#turn = options.turn
    this.#takenUp = options.turn.posts > 0
    this.#liveness = new Liveness(driving, options.turn)
    this.#watch = new TurnWatch(driving, {
      turn: options.turn,
      onRequest: (seen) => options.care.requests.onEvent(seen, this.#turn, options.care.budget),
    })
    // A turn that was sent by an earlier run of this process may already wait for a person.
    this.#watch.reconnected = options.turn.posts > 0
    this.#facts = new FactFinder(driving, this.#watch, options.care)
  }

  async run(): Promise<TurnRecord> {
    const { budget, requests } = this.#options.care
    if (this.#takenUp) await requests.resumePaused(this.#turn, budget)
    for (;;) {
      this.#live()
      if (budget.left() === 0) await this.#stop('deadline')
      const facts = await this.#facts.find(this.#turn)
      if (exceedsLimits(this.#facts.status, this.#options.care.limits, this.#driving.clock.now())) await this.#stop('retry_limit')
      if (facts.messages.some((m) => m.id === this.#turn.turnId)) await this.#admit()
      const found = verdict(facts)
      if (found.do !== 'settle') await this.#watch.flush()
      const settled = await this.#act(found, facts)
      if (settled) return settled
      await this.#watch.settle()
    }
  }

  close(): void {
    this.#watch.close()
  }

  #live(): void {
    if (this.#driving.signal.aborted) throw fail('RUN_ABORTED', { ticketId: this.#driving.fence.ticketId })
  }

  async #act(found: Verdict, facts: TurnFacts): Promise<TurnRecord | null> {
    if (found.do !== 'unverified') await this.#liveness.answered()
    switch (found.do) {
      case 'return':
        return this.#turn
      case 'settle':
        return this.#settle(found, facts)
      case 'post':
        await this.#post(found)
        return null
      case 'wait':
        await this.#wait(Math.min(found.ms, ADMISSION_POLL_MS))
        return null
      case 'rejoin':
        if (this.#turn.stopping && !isRefusal(this.#turn.stopping)) await this.#abort()
        else await this.#rejoin(facts.running)
        return null
      case 'look_again':
        await this.#driving.clock.sleep(QUIET_MS, this.#driving.signal)
        return null
      case 'unverified':
        await this.#unverified(found.why, facts)
        return null
      case 'uncertain':
        return this.#uncertain(found.why, facts)
    }
  }

  /** Told once, when an earlier process sent the turn. */
  async #rejoin(status: string): Promise<void> {
    const { turnId, phase, attempt, prompt } = this.#turn
    if (this.#takenUp) this.#watch.append([event('turn.rejoined', { turnId, phase, attempt, prompt, status })])
    this.#takenUp = false
    if (!this.#options.care.budget.paused) await this.#liveness.silent(this.#driving.clock.monotonic() - this.#watch.lastSign)
    await this.#options.care.spend()
    await this.#wait(this.#withinBudget(POLL_MS))
  }

  /** Until something worth a look happened; a mere admission is recorded and waited on. */
  async #wait(ms: number): Promise<void> {
    for (;;) {
      this.#live()
      const hint = await this.#watch.hint(ms)
      if (hint !== 'admitted') return
      await this.#admit()
      ms = this.#withinBudget(POLL_MS)
    }
  }

  #withinBudget(ms: number): number {
    const left = this.#turn.stopping && !isRefusal(this.#turn.stopping) ? null : this.#options.care.budget.left()
    return left === null ? ms : Math.min(ms, left)
  }

  async #admit(): Promise<void> {
    if (this.#turn.receipt !== 'sent' && this.#turn.receipt !== 'intended') return
    const { store, fence, clock } = this.#driving
    await store.admitTurn(fence, { turnId: this.#turn.turnId, at: clock.now() })
    this.#turn = { ...this.#turn, receipt: 'admitted' }
  }

  /** Recorded, then posted. The record carries the fence: a driver that lost its lease never posts. */
  async #post({ restart, row }: Extract<Verdict, { do: 'post' }>): Promise<void> {
    const { store, fence, clock, opencode, signal } = this.#driving
    if (this.#turn.posts === 0) await this.#sessionIdle()
    this.#live()
    this.#turn = await store.recordPost(fence, { turnId: this.#turn.turnId, restart, row, at: clock.now() })
    try {
      await opencode.adapter.promptSession(this.#turn.sessionId, this.#turn.directory, this.#turn.request, { signal })
    } catch (error) {
      // Refused as malformed: nothing is stored there. Every other failure leaves it open what became of it: the table tells.
      if (isCode(error, 'OPENCODE_REFUSED')) await this.#refused(messageOf(error))
      else if (signal.aborted) throw error
    }
    await this.#wait(ADMISSION_POLL_MS)
  }

  async #refused(problem: string): Promise<never> {
    const { store, fence, clock } = this.#driving
    const settlement = { ...settlementOf('failed', []), error: { name: 'BadRequest', message: problem, statusCode: 400 } }
    await store.settleTurn(fence, { turnId: this.#turn.turnId, settlement, at: clock.now() })
    throw fail('OPENCODE_REFUSED', { operation: 'the prompt', problem })
  }

  /** One open turn per session: the next is sent only when its directory shows no status entry for it. */
  async #sessionIdle(): Promise<void> {
    if (this.#options.freshSession) return
    const { clock, opencode, signal } = this.#driving
    const until = clock.monotonic() + IDLE_BOUND_MS
    for (;;) {
      const statuses = await opencode.adapter.sessionStatuses(this.#turn.directory, { signal })
      if (!statuses[this.#turn.sessionId]) return
      if (clock.monotonic() > until)
        throw fail('SESSION_UNVERIFIED', { sessionId: this.#turn.sessionId, problem: 'it stays busy after its turn was settled' })
      await clock.sleep(IDLE_STEP_MS, signal)
      this.#live()
    }
  }

  /** Stored first, then aborted: what follows is told from a crash by that. */
  async #stop(stopping: NonNullable<TurnRecord['stopping']>): Promise<void> {
    if (this.#turn.stopping || this.#turn.settlement) return
    const { store, fence, clock } = this.#driving
    await store.markStopping(fence, { turnId: this.#turn.turnId, stopping, at: clock.now() })
    this.#turn = { ...this.#turn, stopping }
  }

  /** Asked again at every look until the messages show the end: an abort that failed is no abort. */
  async #abort(): Promise<void> {
    const { opencode, signal } = this.#driving
    try {
      await opencode.adapter.abortSession(this.#turn.sessionId, this.#turn.directory, { signal })
    } catch {
      // Not confirmed: the next look at the messages says what became of it, and asks again.
      await this.#watch.hint(UNVERIFIED_STEP_MS)
    }
  }

  async #unverified(why: string, facts: TurnFacts): Promise<void> {
    const awayMs = await this.#liveness.away(why)
    if (awayMs >= UNVERIFIED_BUDGET_MS || why === 'other_opencode') await this.#uncertain(why, facts)
    await this.#watch.hint(UNVERIFIED_STEP_MS)
  }

  async #uncertain(why: string, facts: TurnFacts): Promise<never> {
    const { store, fence, clock } = this.#driving
    const evidence = {
      reach: facts.reach,
      posts: facts.posts,
      messages: facts.messages.slice(-10).map((m) => ({ id: m.id, role: m.role, finish: m.finish ?? null })),
    }
    await store.turnUncertain(fence, { turnId: this.#turn.turnId, problem: why, evidence, at: clock.now() })
    throw fail('TURN_UNCERTAIN', { turnId: this.#turn.turnId, problem: why, ...evidence })
  }

  async #settle({ how, answer, chains, row }: Extract<Verdict, { do: 'settle' }>, facts: TurnFacts): Promise<TurnRecord> {
    const { store, fence, clock } = this.#driving
    const below = await belowTurn({ ...this.#driving.opencode, signal: this.#driving.signal }, this.#turn.sessionId, answer)
    this.#live()
    // A question rejected by another client was marked by the watch after our last look.
    const marked = how === 'interrupted' ? await store.turn(this.#turn.turnId) : null
    if (marked) this.#turn = { ...this.#turn, stopping: marked.stopping }
    const known = how === 'interrupted' && isRefusal(this.#turn.stopping) ? 'rejected' : how
    this.#watch.catchUp(answer)
    const { turnId, phase, attempt, prompt } = this.#turn
    this.#watch.append(await this.#options.care.effects.of(this.#turn, [...answer, ...(below?.messages ?? [])]))
    if (chains > 1) this.#watch.append([event('turn.ran_twice', { turnId, phase, attempt, prompt, chains })])
    const settlement = this.#explained(settlementOf(known, answer, { summaries: chainOf(facts)?.summaries ?? [], below }))
    const { care } = this.#options
    const at = clock.now()
    const ends = await care.conclude({ ...this.#turn, receipt: 'settled', settlement, settledAt: at })
    const told = await this.#watch.take()
    const settled = await store.settleTurn(fence, {
      turnId,
      settlement,
      row,
      usedMs: care.budget.usedMs(),
      events: told.events,
      ...(ends && { ends: { phase, attempt, ...ends } }),
      at,
    })
    told.stored()
    return settled
  }

  /** An abort in OpenCode's retry wait leaves no error there: ours says what the provider said, and when it may go on. */
  #explained(settlement: Settlement): Settlement {
    if (this.#turn.stopping !== 'retry_limit' || settlement.error || !this.#facts.lastRetry) return settlement
    const { message, next } = this.#facts.lastRetry
    return { ...settlement, error: { name: PROVIDER_LIMIT, message, retryable: true, resetAt: next } }
  }
}

/** Our own name for it, among OpenCode's error names. */
const PROVIDER_LIMIT = 'ProviderLimit'
