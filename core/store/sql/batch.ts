/**
 * Builds the one batch of a verb. A guard is an insert into a table that takes no row, done when its condition does not
 * hold: the batch fails at that index, nothing is changed, and the guard's error is thrown.
 */
import { fail, type LoopTroopError } from '../../errors.ts'
import type { NewEvent } from '../../events/events.ts'
import { CHANGES, type TicketChange, type TicketStatus } from '../../ticket.ts'
import { StatementFailed, type Args, type Database, type Row, type Statement } from '../database.ts'
import type { Fence } from '../store.ts'

/** What all verbs of one open store share. */
export interface Context {
  readonly database: Database
  readonly epoch: string
  readonly projectId: string
  readonly projectKey: string
  /** Directories are stored relative to the project, so that a project can be moved. */
  readonly directories: { store(path: string): string; resolve(stored: string): string }
  readonly random: (bytes: number) => string
  /** After a commit: the tickets that got events, and those whose inbox was touched. */
  announce(told: Announcement): void
}

/** `soft`: it is told with the next one that is not, when no crash of the machine can take it back. */
export interface Announcement {
  readonly events: ReadonlySet<string>
  readonly inbox: ReadonlySet<string>
  readonly soft: boolean
}

/** A guard's error: a code of its own, or STORE_CONFLICT naming the guard. */
export type Refusal = string | (() => LoopTroopError | Promise<LoopTroopError>)
/** SQL that is true or not, with its arguments. */
export interface Condition {
  readonly when: string
  readonly args?: Args
}
type Touch = 'events' | 'inbox'
/** An event's type, its data as JSON, and its key. */
type Written = readonly [type: string, data: string, key: string | null]

const ALWAYS: Condition = { when: '1' }

const APPEND = 'INSERT INTO events (ticket_id, seq, type, at, data, key)'
const LAST_SEQ = 'COALESCE((SELECT MAX(seq) FROM events WHERE ticket_id = :ticketId), 0)'
/** From so many events on, and up to so many characters, one statement for all is quicker than one for each. */
const MANY = 4
const MANY_CHARS = 16_000
const ONCE = 'ON CONFLICT (ticket_id, key) WHERE key IS NOT NULL DO NOTHING RETURNING ticket_id'

export class Batch {
  readonly #context: Context
  readonly #verb: string
  readonly #args: Args
  readonly #statements: Statement[] = []
  readonly #guards = new Map<number, Refusal>()
  readonly #touches = new Map<number, Touch>()
  #soft = false

  /** `args` are at hand in every statement; `ticketId` and `at` are needed by most. */
  constructor(context: Context, verb: string, args: Args) {
    this.#context = context
    this.#verb = verb
    this.#args = args
  }

  /** Only for what a verb follows that is not soft, before anything leaves the process: `Database.batch`. */
  soft(): this {
    this.#soft = true
    return this
  }

  guard(refusal: Refusal, condition: string, args: Args = {}): this {
    this.#guards.set(this.#statements.length, refusal)
    return this.run(`INSERT INTO guard SELECT 0 WHERE NOT COALESCE((${condition}), 0)`, args)
  }

  run(sql: string, args: Args = {}): this {
    this.#statements.push({ sql, args: { ...this.#args, ...args } })
    return this
  }

  /** A statement on `inbox` that RETURNs ticket_id. */
  runOnInbox(sql: string, args: Args = {}): this {
    this.#touches.set(this.#statements.length, 'inbox')
    return this.run(`${sql} RETURNING ticket_id`, args)
  }

  /** Appends in order; those with a known key are skipped, all are when `condition` does not hold. */
  append(events: readonly NewEvent[], condition: Condition = ALWAYS): this {
    const written = events.map(({ type, data, key }): Written => [type, JSON.stringify(data), key ?? null])
    const chars = written.reduce((sum, [, data]) => sum + data.length, 0)
    if (written.length >= MANY && chars <= MANY_CHARS) return this.#appendMany(written, condition)
    for (const [eventType, eventData, eventKey] of written) {
      this.#touches.set(this.#statements.length, 'events')
      this.run(`${APPEND} SELECT :ticketId, ${LAST_SEQ} + 1, :eventType, :at, :eventData, :eventKey WHERE ${condition.when} ${ONCE}`, {
        ...condition.args,
        eventType,
        eventData,
        eventKey,
      })
    }
    return this
  }

  /** What is skipped is left out before it is numbered: there is no gap. */
  #appendMany(written: readonly Written[], { when, args }: Condition): this {
    const keys = new Set<string>()
    const fresh = written.filter(([, , key]) => key === null || (!keys.has(key) && keys.add(key)))
    this.#touches.set(this.#statements.length, 'events')
    return this.run(
      `${APPEND} SELECT :ticketId, ${LAST_SEQ} + ROW_NUMBER() OVER (ORDER BY new.key), new.value ->> 0, :at, new.value ->> 1, new.value ->> 2
         FROM json_each(:written) AS new WHERE ${when} AND (new.value ->> 2 IS NULL
           OR NOT EXISTS (SELECT 1 FROM events WHERE ticket_id = :ticketId AND events.key = new.value ->> 2)) ${ONCE}`,
      { ...args, written: JSON.stringify(fresh) },
    )
  }

  /** The first event of a ticket whose id only the database knows (`ticket` is its SQL); nothing when it has one. */
  appendFirst(ticket: string, first: NewEvent): this {
    this.#touches.set(this.#statements.length, 'events')
    return this.run(
      `${APPEND} SELECT ${ticket}, 1, :eventType, :at, :eventData, NULL WHERE NOT EXISTS (SELECT 1 FROM events WHERE ticket_id = ${ticket}) RETURNING ticket_id`,
      { eventType: first.type, eventData: JSON.stringify(first.data) },
    )
  }

  /** One event per row of `from` (a table with its WHERE); `data` and `key` are SQL of its JSON and its key. */
  appendEach(
    type: NewEvent['type'],
    { data, from, key = 'NULL', args = {} }: { data: string; from: string; key?: string; args?: Args },
  ): this {
    this.#touches.set(this.#statements.length, 'events')
    return this.run(
      `${APPEND} SELECT :ticketId, ${LAST_SEQ} + ROW_NUMBER() OVER (ORDER BY rowid), :eventType, :at, ${data}, ${key} FROM ${from} ${ONCE}`,
      {
        ...args,
        eventType: type,
      },
    )
  }

  /** The rows of the last statement. */
  async commit(): Promise<readonly Row[]> {
    const results = await this.#context.database.batch(this.#statements, { soft: this.#soft }).catch(async (error: unknown) => {
      throw await this.#explained(error)
    })
    this.#announce(results)
    return results.at(-1) ?? []
  }

  /** The single row of the last statement; its absence is the named guard. */
  async commitRow(guard: string): Promise<Row> {
    const row = (await this.commit())[0]
    if (row === undefined) throw this.#conflict(guard)
    return row
  }

  #announce(results: readonly (readonly Row[])[]): void {
    const touched = { events: new Set<string>(), inbox: new Set<string>() }
    for (const [index, touch] of this.#touches) {
      for (const row of results[index] ?? []) touched[touch].add(String(row['ticket_id']))
    }
    this.#context.announce({ ...touched, soft: this.#soft })
  }

  async #explained(error: unknown): Promise<unknown> {
    if (!(error instanceof StatementFailed)) return error
    const refusal = this.#guards.get(error.index)
    if (typeof refusal === 'function') return refusal()
    if (refusal !== undefined) return this.#conflict(refusal)
    return error.constraint ? this.#conflict(error.message) : fail('INTERNAL', { problem: `${this.#verb}: ${error.message}` }, error)
  }

  #conflict(guard: string): LoopTroopError {
    return fail('STORE_CONFLICT', { verb: this.#verb, guard })
  }
}

/** A driver's verb: starts with the fence. */
export function fencedBatch(context: Context, verb: string, { fence, args }: { fence: Fence; args: Args }): Batch {
  const batch = new Batch(context, verb, { ...args, ticketId: fence.ticketId, generation: fence.generation })
  return batch.guard(
    () => fail('LEASE_LOST', { ticketId: fence.ticketId, generation: fence.generation }),
    'EXISTS (SELECT 1 FROM leases WHERE ticket_id = :ticketId AND generation = :generation AND owner IS NOT NULL)',
  )
}

/** The ticket's status allows this change. */
export const guardChange = (batch: Batch, change: TicketChange): Batch => guardAnyStatus(batch, change, CHANGES[change].from)

export const guardAnyStatus = (batch: Batch, what: string, statuses: readonly TicketStatus[]): Batch =>
  batch.guard(
    `status allows ${what}`,
    `SELECT status IN (${statuses.map((status) => `'${status}'`).join(', ')}) FROM tickets WHERE id = :ticketId`,
  )

/** The ticket is in this phase and attempt (`:phase`, `:attempt`). */
export const guardPhase = (batch: Batch): Batch =>
  batch.guard('phase and attempt', 'SELECT phase = :phase AND attempt = :attempt FROM tickets WHERE id = :ticketId')

/** Late results of an attempt (`:phase`, `:attempt`) that was archived are dropped. */
export const guardLive = (batch: Batch): Batch =>
  batch.guard(
    'an attempt that is not archived',
    "NOT EXISTS (SELECT 1 FROM attempts WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND state = 'archived')",
  )

export const guardKnown = (batch: Batch, ticketId: string): Batch =>
  batch.guard(() => fail('TICKET_UNKNOWN', { ticketId }), 'EXISTS (SELECT 1 FROM tickets WHERE id = :ticketId AND deleted_at IS NULL)')

export const TICKET = 'SELECT * FROM tickets WHERE id = :ticketId AND deleted_at IS NULL'
