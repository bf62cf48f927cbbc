/** The kills: at seeded moments or aimed at rare ones, of the server, of OpenCode, of both. One while nothing works does not count. */
import { systemClock } from '#core'
import { phases } from '#phases'
import { ACTING, openAims } from './aims.ts'
import type { Aim } from './aims.ts'
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
  readonly aims: readonly Aim[]
  readonly hits: Hits
  readonly say: (line: string) => void
}

export type Victim = 'server' | 'opencode' | 'both'
const WEIGHTS: Readonly<Record<Victim, number>> = { server: 60, opencode: 20, both: 20 }
/** Short, so that a recovery is killed as well; long, so that work comes somewhere in between. */
const PAUSES_MS = { short: [50, 1_500], long: [2_000, 10_000] } as const
/** How often another client of OpenCode does something before a kill. */
const MEDDLE_SHARE = 0.2
/** Phases that commit, push or call the forge: elsewhere the moment would be waited for in vain. */
const ACTIVE = new Set(phases.filter(({ primitive }) => primitive === 'work' || primitive === 'command').map(({ id }) => id))
const PAUSES = { short: 45, long: 55 } as const

export async function killAway(options: KillOptions): Promise<Readonly<Record<Victim, number>>> {
  const { stage, person, random, kills, hits, say } = options
  const done: Record<Victim, number> = { server: 0, opencode: 0, both: 0 }
  await using aims = openAims(stage, options.aims)
  for (let n = 0; n < kills;) {
    const [least, most] = PAUSES_MS[random.pick(PAUSES)]
    await systemClock.sleep(random.between(least, most))
    if (random.next() < MEDDLE_SHARE) await disturb({ stage, person, random, say })
    const working = await person.working()
    const acts = working.some((ticket) => ACTIVE.has(ticket.phase ?? ''))
    const aim = aims.next(random, acts)
    const victim = random.pick(WEIGHTS)
    const restartAfterMs = random.between(0, 1_000)
    const pid = stage.opencodePid()
    if (working.length === 0 || pid === null) continue
    const struck = aim ? await aims.take(aim) : await strike(stage, { victim, pid, hits })
    if (struck !== 'opencode') await comeBack(stage, { hits, restartAfterMs })
    if (struck === null) continue
    n += 1
    done[struck] += 1
    const at = aim ? ` at a ${aim === ACTING ? 'step' : 'turn'} that is ${aim}` : ''
    say(`${n}/${kills} ${struck}${at}, while ${working.map((t) => `${t.id} ${t.phase}`).join(', ')}`)
  }
  return done
}

/** Before some kills: another client of OpenCode does something, or the person will not answer. */
async function disturb({ stage, person, random, say }: Pick<KillOptions, 'stage' | 'person' | 'random' | 'say'>): Promise<void> {
  const what = random.pick({ ...MEDDLINGS, reject: 1 })
  const done = what === 'reject' ? person.rejectNext() : await meddle(stage, what)
  if (what === 'reject') say('       the person will reject the next question')
  if (done) say(`       another client ${done}`)
  if (done) await systemClock.sleep(random.between(0, 4_000))
}

interface Strike {
  readonly victim: Victim
  readonly pid: number
  readonly hits: Hits
}

/** At this moment, whatever it is. */
async function strike(stage: Stage, { victim, pid, hits }: Strike): Promise<Victim> {
  if (victim === 'opencode') await notePosted(stage, hits)
  if (victim !== 'server') process.kill(pid, 'SIGKILL')
  if (victim !== 'opencode') await stage.killServer()
  return victim
}

/** Nothing to do for a server that lives. */
async function comeBack(stage: Stage, { hits, restartAfterMs }: { hits: Hits; restartAfterMs: number }): Promise<void> {
  if (stage.serverRuns()) return
  await peek(stage, hits)
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
