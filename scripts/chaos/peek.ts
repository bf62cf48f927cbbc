/** Looks into the databases of a dead server: what state its turns were in when it was killed. Changes nothing. */
import path from 'node:path'
import { createFileStores, systemChance, systemClock } from '#core'
import { phases, pipelines } from '#phases'
import type { Trees } from './trees.ts'

export interface Hits {
  readonly receipts: Record<string, number>
  readonly rows: Record<string, number>
}

/** What is looked into. */
interface Peeked {
  readonly dataDir: string
  readonly trees: Trees
}
/** Phases in which a model may write. */
const WRITING = new Set(phases.filter(({ primitive }) => primitive === 'work').map(({ id }) => id))
/** The worktree goes. */
const UNSEEN = new Set(pipelines.map(({ rows }) => rows.at(-1)?.phase ?? ''))

export const count = (counts: Record<string, number>, name: string | number): void => void (counts[name] = (counts[name] ?? 0) + 1)

/** Counts the receipts of open turns, and row 1: settled turns whose prompt is not recorded, so that a replay returns them. */
export async function peek({ dataDir, trees }: Peeked, hits: Hits): Promise<void> {
  const stores = createFileStores({ clock: systemClock, chance: systemChance })
  const app = await stores.openApp(`file:${path.join(dataDir, 'looptroop.db')}`)
  const projects = await app.listProjects()
  await app.close()
  for (const { id, key, path: baseDir, databaseUrl } of projects) {
    const store = await stores.openProject(databaseUrl, { projectId: id, projectKey: key, baseDir })
    await peekProject(store, hits)
    for (const ticket of await store.listTickets()) {
      const { branch = '', phase = '' } = 'branch' in ticket ? ticket : {}
      if (branch !== '' && !UNSEEN.has(phase)) await trees.lookAtDeath({ repo: baseDir, branch, mayWrite: WRITING.has(phase) })
    }
    await store.close()
  }
}

type OpenStore = Awaited<ReturnType<ReturnType<typeof createFileStores>['openProject']>>

async function peekProject(store: OpenStore, hits: Hits): Promise<void> {
  for (const turn of await store.openTurns()) count(hits.receipts, turn.receipt)
  for (const ticket of await store.listTickets()) {
    if (!('phase' in ticket) || ticket.phase === undefined || ticket.attempt === undefined) continue
    await peekSettled(store, ticket.id, { at: { phase: ticket.phase, attempt: ticket.attempt }, hits })
  }
}

interface PeekAt {
  readonly at: { readonly phase: string; readonly attempt: number }
  readonly hits: Hits
}

async function peekSettled(store: OpenStore, ticketId: string, { at, hits }: PeekAt): Promise<void> {
  const { prompts } = await store.journal(ticketId, at)
  for (const prompt of prompts.filter((p) => p.state === 'open')) {
    const last = (await store.turns(ticketId, { ...at, prompt: prompt.name })).at(-1)
    if (last?.receipt !== 'settled') continue
    count(hits.receipts, 'settled')
    count(hits.rows, 1)
  }
}
