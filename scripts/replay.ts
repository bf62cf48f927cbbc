/**
 * `npm run replay TICKET [-- --all]`: a ticket's life from its events: phases, turns with their receipts, questions, restarts.
 * Reads the database and starts nothing. `--all` shows every event.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createFileStores, fail, LoopTroopError, messageOf, systemChance, systemClock } from '#core'
import type { DurableEvent } from '#core'
import { dataFolder } from './data-folder.ts'
import { tellLife } from './replay/life.ts'

async function main(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { all: { type: 'boolean', default: false } },
  })
  const [ticketId] = positionals
  if (ticketId === undefined) throw fail('INVALID_INPUT', { field: 'ticket', problem: 'is missing: npm run replay TICKET' })
  for (const line of tellLife(await eventsOf(ticketId), { all: values.all })) console.log(line)
}

async function eventsOf(ticketId: string): Promise<readonly DurableEvent[]> {
  const databaseUrl = process.env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataFolder(process.env), 'looptroop.db')}`
  // Opening would create it.
  if (databaseUrl.startsWith('file:') && !existsSync(databaseUrl.slice('file:'.length))) throw fail('TICKET_UNKNOWN', { ticketId })
  const stores = createFileStores({ clock: systemClock, chance: systemChance })
  const app = await stores.openApp(databaseUrl)
  const projects = await app.listProjects()
  await app.close()
  const key = ticketId.slice(0, ticketId.lastIndexOf('-'))
  const project = projects.find((p) => p.key === key)
  if (!project) throw fail('TICKET_UNKNOWN', { ticketId })
  const store = await stores.openProject(project.databaseUrl, { projectId: project.id, projectKey: project.key, baseDir: project.path })
  try {
    if (!(await store.getTicket(ticketId))) throw fail('TICKET_UNKNOWN', { ticketId })
    return await store.events(ticketId, 0, Number.MAX_SAFE_INTEGER)
  } finally {
    await store.close()
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(messageOf(error))
  if (error instanceof LoopTroopError) console.error(`→ ${error.hint}`)
  process.exitCode = 1
}
