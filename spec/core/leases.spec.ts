/** Driving a ticket: who may claim it, and when a driver must stop by itself. */
import { spawnSync } from 'node:child_process'
import { hostname } from 'node:os'
import * as assert from 'uvu/assert'
import { LEASE_TTL_MS, Leases, thisProcess } from '../../core/leases.ts'
import { systemChance } from '../../core/ports.ts'
import type { Clock } from '../../core/ports.ts'
import type { Store } from '../../core/store/store.ts'
import { describe } from '../helpers/suite.ts'
import { openFileHome } from '../store/file-home.ts'
import { IDENTITY, claim, newTicket } from '../suites/store/home.ts'

const NOW = 1_000_000
/** Wall and monotonic clock, moved apart when a test says so. */
function twoClocks() {
  const at = { wall: NOW, mono: 0 }
  const clock: Clock = { now: () => at.wall, monotonic: () => at.mono, sleep: () => Promise.resolve() }
  const pass = (ms: number): void => {
    at.wall += ms
    at.mono += ms
  }
  return { at, clock, pass }
}

async function setUp() {
  const home = await openFileHome()
  const store: Store = await home.opener.openProject(home.projectUrl, { ...IDENTITY, baseDir: home.baseDir })
  const { id } = await newTicket(store)
  const time = twoClocks()
  const leases = new Leases(thisProcess(systemChance), time.clock)
  const dispose = async (): Promise<void> => {
    await store.close()
    await home[Symbol.asyncDispose]()
  }
  return { store, id, leases, ...time, [Symbol.asyncDispose]: dispose }
}
const held = (store: Store, id: string, more: object = {}) => claim(store, id, { at: NOW, ttlMs: 10_000, ...more })

describe('leases', (it) => {
  it('are refused while another holds them, and free at the moment of their expiry', async () => {
    await using t = await setUp()
    const { generation } = await held(t.store, t.id)
    t.pass(9_999)
    assert.is(await t.leases.claim(t.store, t.id), null)
    t.pass(1)
    assert.equal(await t.leases.claim(t.store, t.id), { ticketId: t.id, generation: generation + 1 })
  })
  it('are taken at once from an owner on this host whose process is gone', async () => {
    await using t = await setUp()
    const { pid } = spawnSync('true')
    await held(t.store, t.id, { host: hostname(), pid, startToken: 'gone' })
    assert.is((await t.leases.claim(t.store, t.id))?.generation, 2)
  })
  it('are taken from a process whose number another one has now, and not from one that lives', async () => {
    await using t = await setUp()
    const { startToken } = thisProcess(systemChance)
    await held(t.store, t.id, { host: hostname(), pid: process.pid, startToken })
    assert.is(await t.leases.claim(t.store, t.id), null)
    await t.store.releaseLeases({ owner: 'kernel-a', at: NOW })
    await held(t.store, t.id, { host: hostname(), pid: process.pid, startToken: 'another start' })
    assert.ok(await t.leases.claim(t.store, t.id))
  })
  it('of an owner on another host are never taken before they expire', async () => {
    await using t = await setUp()
    await held(t.store, t.id, { host: 'elsewhere', pid: spawnSync('true').pid, startToken: 'gone' })
    assert.is(await t.leases.claim(t.store, t.id), null)
  })
  it('keep their generation when they are renewed or claimed again by their holder', async () => {
    await using t = await setUp()
    const first = await t.leases.claim(t.store, t.id)
    t.pass(LEASE_TTL_MS - 1)
    assert.equal([...(await t.leases.renew([t.store]))], [t.id])
    t.pass(LEASE_TTL_MS - 1)
    assert.equal(await t.leases.claim(t.store, t.id), first)
    await t.leases.release(t.store)
    assert.is((await held(t.store, t.id)).generation, (first?.generation ?? 0) + 1)
    assert.equal([...(await t.leases.renew([t.store]))], [])
  })
  it('are due for renewal after a third of their time', async () => {
    await using t = await setUp()
    t.pass(LEASE_TTL_MS / 3 - 1)
    assert.not.ok(t.leases.due)
    t.pass(1)
    assert.ok(t.leases.due)
  })
  it('are not sound once the own deadline passed, before others see it expire', async () => {
    await using t = await setUp()
    t.pass(LEASE_TTL_MS - 3_001)
    assert.ok(t.leases.sound)
    t.pass(1)
    assert.not.ok(t.leases.sound)
    await t.leases.renew([t.store])
    assert.ok(t.leases.sound)
  })
  it('are not sound when wall and monotonic clock disagree by more than two seconds, either way', async () => {
    for (const skew of [2_001, -2_001]) {
      await using t = await setUp()
      t.at.wall += skew - Math.sign(skew)
      assert.ok(t.leases.sound)
      t.at.wall += Math.sign(skew)
      assert.not.ok(t.leases.sound)
    }
  })
})
