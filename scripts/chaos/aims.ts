/** What random moments hardly ever meet: states of a turn that last a millisecond, or that need a cause. */
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Met, Order } from './door.ts'
import { meddle } from './foreign.ts'
import type { Random } from './random.ts'
import type { Stage } from './stage.ts'

/** A turn's receipt; `admitted`: just now, so that nothing began to answer; `settled`: its prompt is not recorded yet. */
export const TURN_AIMS = ['intended', 'sent', 'admitted', 'settled', 'uncertain'] as const
/** Of a step that commits, pushes or calls the forge: it has begun, and is not recorded. */
export const ACTING = 'acting'
export type Aim = (typeof TURN_AIMS)[number] | typeof ACTING

/** Each is taken so often in a run of a hundred; of the kills this share at most. */
const TIMES = 5
const SHARE = 0.3
/** Where one may come soon. */
const ACTING_SHARE = 0.5
const LIMIT_MS = 20_000

/** The moments, as conditions on a project's database. */
const MOMENTS = {
  intended: "EXISTS (SELECT 1 FROM turns WHERE receipt = 'intended')",
  sent: "EXISTS (SELECT 1 FROM turns WHERE receipt = 'sent' AND posts = 1)",
  admitted: "EXISTS (SELECT 1 FROM turns WHERE receipt = 'admitted' AND (julianday('now') - 2440587.5) * 86400000 - admitted_at < 12)",
  uncertain: "EXISTS (SELECT 1 FROM turns WHERE receipt = 'uncertain')",
  acting: `EXISTS (SELECT 1 FROM steps WHERE state = 'open'
    AND verb IN ('workspace.commit', 'workspace.squash', 'workspace.push', 'forge.open', 'forge.merge'))`,
  settled: `EXISTS (SELECT 1 FROM tickets k
    JOIN prompts p ON p.ticket_id = k.id AND p.phase = k.phase AND p.attempt = k.attempt AND p.state = 'open'
    JOIN turns t ON t.ticket_id = k.id AND t.phase = k.phase AND t.attempt = k.attempt AND t.prompt = p.name
    WHERE k.status = 'running' GROUP BY p.rowid HAVING SUM(t.receipt <> 'settled') = 0)`,
} as const

export interface Aims extends AsyncDisposable {
  /** What the next kill is aimed at; null: nothing, it comes at a random moment. `acts`: a ticket is where it commits or delivers. */
  next(random: Random, acts: boolean): Aim | null
  /** Kills there: `met` says which were killed, null when the moment did not come. */
  take(aim: Aim): Promise<'server' | 'both' | null>
  readonly taken: Readonly<Record<Aim, number>>
}

export function openAims(stage: Stage, aims: readonly Aim[]): Aims {
  const taken = Object.fromEntries(aims.map((aim) => [aim, 0])) as Record<Aim, number>
  const door = openDoor(stage)
  const strike = async (moment: keyof typeof MOMENTS, both = false): Promise<'server' | 'both' | null> => {
    const opencode = both ? stage.opencodePid() : null
    const first = opencode === null ? [] : [opencode]
    const met = await stage.killServer((pid) => door.meet({ when: MOMENTS[moment], kill: [...first, pid] }))
    return met ? (both ? 'both' : 'server') : null
  }
  const acts: Readonly<Record<Aim, () => Promise<'server' | 'both' | null>>> = {
    intended: () => strike('intended'),
    sent: () => strike('sent', true),
    admitted: () => strike('admitted', true),
    settled: () => strike('settled'),
    acting: () => strike('acting'),
    // Somebody writes into the session, and OpenCode dies before it has answered anything: nobody can tell what came of it.
    uncertain: async () => {
      const pid = (await meddle(stage, 'wrote into the session')) && stage.opencodePid()
      if (!pid) return null
      process.kill(pid, 'SIGKILL')
      return strike('uncertain')
    },
  }
  return {
    taken,
    next: (random, acts) => {
      const open = aims.filter((aim) => taken[aim] < TIMES)
      if (acts && open.includes(ACTING) && random.next() < ACTING_SHARE) return ACTING
      const atTurns = open.filter((aim) => aim !== ACTING)
      if (atTurns.length === 0 || random.next() >= SHARE) return null
      return random.pick(Object.fromEntries(atTurns.map((aim) => [aim, 1])) as Record<Aim, number>)
    },
    take: async (aim) => {
      const met = await acts[aim]()
      if (met) taken[aim] += 1
      return met
    },
    [Symbol.asyncDispose]: () => door[Symbol.asyncDispose](),
  }
}

interface Door extends AsyncDisposable {
  /** False when the moment did not come. */
  meet(order: Pick<Order, 'when' | 'kill'>): Promise<boolean>
}

function openDoor(stage: Stage): Door {
  const door = fork(fileURLToPath(new URL('door.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] })
  const gone = new Promise((resolve) => door.once('exit', resolve))
  const databases = (): readonly string[] =>
    stage.repos.map((repo) => path.join(repo, '.looptroop', 'looptroop.db')).filter((file) => existsSync(file))
  return {
    meet: (order) =>
      new Promise((resolve, reject) => {
        door.once('message', ({ met }: Met) => resolve(met))
        void gone.then(() => reject(new Error('the door is gone')))
        door.send({ ...order, databases: databases(), limitMs: LIMIT_MS } satisfies Order)
      }),
    [Symbol.asyncDispose]: async () => {
      door.kill('SIGKILL')
      await gone
    },
  }
}
