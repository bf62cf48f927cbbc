/**
 * This process as a driver of tickets: claims, renews, and stops in time. A lease is a growing generation; what it guards
 * is checked by the store in every write, so a driver that wakes up late is refused there.
 */
import { hostname } from 'node:os'
import { isCode } from './errors.ts'
import { isAlive, startTokenOf } from './opencode/process-table.ts'
import type { Chance, Clock } from './ports.ts'
import type { LeaseRecord } from './store/records.ts'
import type { Fence, Store } from './store/store.ts'

export const LEASE_TTL_MS = 15_000
/** Own deadline lies this much before the expiry that others see. */
const MARGIN_MS = 3_000
/** Wall clock and monotonic clock may differ by this much between two renewals. */
const MAX_SKEW_MS = 2_000

export interface Owner {
  readonly owner: string
  readonly host: string
  readonly pid: number
  readonly startToken: string
}
export const thisProcess = (chance: Chance): Owner => ({
  owner: `own_${chance.hex(8)}`,
  host: hostname(),
  pid: process.pid,
  startToken: startTokenOf(process.pid) ?? '',
})

/** Of a holder on this host whose process is gone: nobody will write under its generation any more. */
export const provenDead = (lease: LeaseRecord, me: Owner): boolean =>
  lease.host === me.host && lease.owner !== me.owner && !isAlive(lease.pid, lease.startToken === '' ? null : lease.startToken)

export class Leases {
  readonly #me: Owner
  readonly #clock: Clock
  #renewed: { readonly wall: number; readonly mono: number }

  constructor(me: Owner, clock: Clock) {
    this.#me = me
    this.#clock = clock
    this.#renewed = { wall: clock.now(), mono: clock.monotonic() }
  }

  /** Null when a living owner holds it. */
  async claim(store: Store, ticketId: string): Promise<Fence | null> {
    const input = { ...this.#me, ticketId, ttlMs: LEASE_TTL_MS, at: this.#clock.now() }
    const held = await store.lease(ticketId)
    const dead = held && provenDead(held, this.#me) ? { dead: held.owner } : {}
    try {
      const { generation } = await store.claimLease({ ...input, ...dead })
      return { ticketId, generation }
    } catch (error) {
      if (isCode(error, 'LEASE_HELD')) return null
      throw error
    }
  }

  get due(): boolean {
    return this.#clock.monotonic() - this.#renewed.mono >= LEASE_TTL_MS / 3
  }

  /** False when this process slept past its deadline or its clocks disagree: then it must not act on what it held. */
  get sound(): boolean {
    const mono = this.#clock.monotonic() - this.#renewed.mono
    const wall = this.#clock.now() - this.#renewed.wall
    return mono < LEASE_TTL_MS - MARGIN_MS && Math.abs(wall - mono) <= MAX_SKEW_MS
  }

  /** The tickets still held. The deadline counts from before the renewal was sent. */
  async renew(stores: readonly Store[]): Promise<ReadonlySet<string>> {
    const before = { wall: this.#clock.now(), mono: this.#clock.monotonic() }
    const held = await Promise.all(
      stores.map((store) => store.renewLeases({ owner: this.#me.owner, ttlMs: LEASE_TTL_MS, at: before.wall })),
    )
    this.#renewed = before
    return new Set(held.flat())
  }

  release(store: Store, ticketId?: string): Promise<void> {
    return store.releaseLeases({ owner: this.#me.owner, at: this.#clock.now(), ...(ticketId === undefined ? {} : { ticketId }) })
  }
}
