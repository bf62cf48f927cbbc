/** The kills: at seeded moments, of the server, of OpenCode, of both. One while nothing works does not count. */
import { systemClock } from '#core'
import { MEDDLINGS, meddle } from './foreign.ts'
import { count, peek } from './peek.ts'
import type { Hits } from './peek.ts'
import type { Person } from './person.ts'
import type { Random } from './random.ts'
import type { Stage } from './stage.ts'

export interface KillOptions {
  readonly stage: Stage
  readonly person: Person
  readonly random: Random
  readonly kills: number
  readonly hits: Hits
  readonly say: (line: string) => void
}

type Victim = 'server' | 'opencode' | 'both'
const WEIGHTS: Readonly<Record<Victim, number>> = { server: 60, opencode: 20, both: 20 }
/** Short, so that a recovery is killed as well; long, so that work comes somewhere in between. */
const PAUSES_MS = { short: [50, 1_500], long: [2_000, 10_000] } as const
/** How often another client of OpenCode does something before a kill. */
const MEDDLE_SHARE = 0.15
const PAUSES = { short: 45, long: 55 } as const

export async function killAway({ stage, person, random, kills, hits, say }: KillOptions): Promise<Readonly<Record<Victim, number>>> {
  const done: Record<Victim, number> = { server: 0, opencode: 0, both: 0 }
  for (let n = 0; n < kills;) {
    const victim = random.pick(WEIGHTS)
    const meddling = random.next() < MEDDLE_SHARE ? random.pick(MEDDLINGS) : null
    const [least, most] = PAUSES_MS[random.pick(PAUSES)]
    await systemClock.sleep(random.between(least, most))
    const meddled = meddling && (await meddle(stage, meddling))
    if (meddled) say(`       another client ${meddled}`)
    if (meddled) await systemClock.sleep(random.between(0, 4_000))
    const working = await person.working()
    const pid = stage.opencodePid()
    if (working.length === 0 || pid === null) continue
    await strike(stage, { victim, pid, restartAfterMs: random.between(0, 1_000), hits })
    n += 1
    done[victim] += 1
    say(`${n}/${kills} ${victim}, while ${working.map((t) => `${t.id} ${t.phase}`).join(', ')}`)
  }
  return done
}

interface Strike {
  readonly victim: Victim
  readonly pid: number
  readonly restartAfterMs: number
  readonly hits: Hits
}

async function strike(stage: Stage, { victim, pid, restartAfterMs, hits }: Strike): Promise<void> {
  if (victim === 'opencode') await notePosted(stage, hits)
  if (victim !== 'server') process.kill(pid, 'SIGKILL')
  if (victim === 'opencode') return
  await stage.killServer()
  await peek(stage.dataDir, hits)
  await systemClock.sleep(restartAfterMs)
  await stage.startServer()
}

/** The server lives: it says itself where its turns are. */
async function notePosted({ client }: Stage, hits: Hits): Promise<void> {
  const { items } = await client.tickets.list.query({ status: 'running' })
  for (const { id } of items) {
    const open = (await client.tickets.turns.query({ ticketId: id })).filter((turn) => turn.receipt !== 'settled')
    for (const turn of open) count(hits.receipts, turn.receipt)
  }
}
