/** The rules that make a replay sound, and when a run is parked: on the kernel, with its database. */
import * as assert from 'uvu/assert'
import type { TicketView } from '../../core/kernel-api.ts'
import type { Decision, Form, Json, Outcome, PhaseRun } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import type { World } from '../helpers/world.ts'
import { actionId } from './person.ts'
import { probeWorld, probing } from './probing.ts'

type Run = (phase: PhaseRun<Json>) => Promise<Outcome<Json>>
const FORM: Form = { kind: 'checklist', title: 'Go on?', actions: [{ id: 'go', label: 'Go' }] }

/** What became of a ticket of one phase. */
async function endOf(run: Run): Promise<TicketView> {
  await using world = await probeWorld(probing(run))
  const { id } = await world.start('Do it', 'probe')
  await world.drive()
  return await world.kernel.tickets.get(id)
}

async function decide(world: World, ticketId: string, name: string): Promise<void> {
  const { items } = await world.kernel.inbox.list({ ticketId })
  const gate = items.find((entry) => entry.id.endsWith(`:${name}`))
  assert.ok(gate, `no gate ${name}`)
  await world.kernel.tickets.submitGate({ ticketId, gateId: gate.id, action: 'go', actionId: actionId() })
}

/** Runs, is asked at a gate, and runs again over what was recorded. */
async function replayed(run: (phase: PhaseRun<Json>, nth: number) => Promise<unknown>): Promise<TicketView> {
  let runs = 0
  const twice: Run = async (phase) => {
    runs += 1
    const nth = runs
    await run(phase, nth)
    await phase.ask('gate', FORM)
    return phase.done(nth)
  }
  await using world = await probeWorld(probing(twice))
  const { id } = await world.start('Do it', 'probe')
  await world.drive()
  await decide(world, id, 'gate')
  await world.drive()
  return await world.kernel.tickets.get(id)
}

const BREAKS: Readonly<Record<string, Run>> = {
  STEP_NAME_TWICE: async (phase) => phase.done((await phase.now('at')) + (await phase.now('at'))),
  VERB_IN_STEP: async (phase) => phase.done(await phase.step('outer', () => phase.now('inner'))),
  NOT_JSON: async (phase) => phase.done(await phase.step('date', async () => new Date(0) as unknown as Json)),
  RECORD_TOO_LARGE: async (phase) => phase.done(await phase.step('big', async () => 'x'.repeat(1_000_001))),
  OUTCOME_UNKNOWN: async (phase) => phase.done(null, 'elsewhere'),
  PLUGIN_FAILED: async (phase) => {
    void phase.ask('never', FORM)
    return phase.done(await phase.now('at'))
  },
}

describe('a run of a phase', (it) => {
  for (const [code, run] of Object.entries(BREAKS)) {
    it(`blocks with ${code}, naming the phase`, async () => {
      const { status, blocked } = await endOf(run)
      assert.equal([status, blocked?.code], ['blocked', code])
      assert.match(blocked?.message ?? '', /^\[phase PROBING\]/)
    })
  }

  it('blocks with REPLAY_INPUT_CHANGED when a recorded name is used for something else', async () => {
    const input = await replayed((phase, nth) => phase.step('write', async () => 1, { nth }))
    assert.equal(
      [input.blocked?.code, /write was recorded for another input/.test(input.blocked?.message ?? '')],
      ['REPLAY_INPUT_CHANGED', true],
    )
    const verb = await replayed((phase, nth) => (nth === 1 ? phase.now('x') : phase.random('x')))
    assert.is(verb.blocked?.code, 'REPLAY_INPUT_CHANGED')
  })
  it('blocks with REPLAY_DIVERGED when a finished run did not visit what is recorded', async () => {
    const end = await replayed(async (phase, nth) => (nth === 1 ? phase.now('only-once') : 0))
    assert.is(end.blocked?.code, 'REPLAY_DIVERGED')
    assert.match(end.blocked?.message ?? '', /only-once/)
  })
  it('acts once: what is recorded is handed back, equal every time', async () => {
    let effects = 0
    const seen: Json[] = []
    const end = await replayed(async (phase) => {
      const one = await phase.step('effect', async () => (effects += 1))
      seen.push([one, await phase.now('now'), await phase.random('chance')])
    })
    assert.equal([end.status, effects, seen.length], ['completed', 1, 2])
    assert.equal(seen[0], seen[1])
  })
})

describe('parking', (it) => {
  it('waits while every open verb waits, and goes on with each decision', async () => {
    const both: Run = async (phase) => {
      const [a, b] = await Promise.all([phase.ask('a', FORM), phase.ask('b', { ...FORM, title: 'And this?' })])
      return phase.done([a.action, b.action] satisfies Decision['action'][])
    }
    await using world = await probeWorld(probing(both))
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.equal((await world.kernel.tickets.get(id)).waitingFor, 'person')
    await decide(world, id, 'a')
    await world.drive()
    assert.equal((await world.kernel.tickets.get(id)).waitingFor, 'person')
    await decide(world, id, 'b')
    await world.drive()
    assert.is((await world.kernel.tickets.get(id)).status, 'completed')
  })

  it('does not sleep over a decision that comes between opening the gate and parking', async () => {
    let release = (): void => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const slow: Run = async (phase) => {
      const [decision] = await Promise.all([phase.ask('gate', FORM), phase.step('slow', async () => (await held, 1))])
      return phase.done(decision.action)
    }
    await using world = await probeWorld(probing(slow))
    const { id } = await world.start('Do it', 'probe')
    await world.kernel.tick()
    await until(async () => (await world.kernel.inbox.list({ ticketId: id })).items.length === 1)
    await decide(world, id, 'gate')
    release()
    await world.kernel.idle()
    assert.is((await world.kernel.tickets.get(id)).status, 'completed')
  })

  it('waits for a time, shows until when, and holds no place meanwhile', async () => {
    const sleeping: Run = async (phase) => {
      await phase.sleep('pause', 3_600_000)
      return phase.done()
    }
    await using world = await probeWorld(probing(sleeping))
    const before = Date.now()
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    const waiting = await world.kernel.tickets.get(id)
    assert.equal([waiting.status, waiting.waitingFor], ['waiting', 'time'])
    assert.ok((waiting.until ?? 0) >= before + 3_600_000)
    assert.equal(await world.kernel.tick(), { started: 0, acted: 0 })
    await world.kernel.stop()
    const later = await world.reopen(3_600_000 + 60_000)
    await world.drive()
    assert.is((await later.tickets.get(id)).status, 'completed')
  })
})
