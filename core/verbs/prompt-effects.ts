/** What changed beside the files that a commit takes while a prompt ran: marked before its first turn, told when it is over. */
import { event } from '../events/events.ts'
import type { Asked } from './asked.ts'
import type { RunContext } from './run-context.ts'

/** A model without tools changes nothing. */
const watched = <T>({ tools }: Asked<T>): boolean => tools !== 'disabled'

const markName = <T>({ journal, ticket }: RunContext, { name }: Asked<T>): string =>
  `${ticket.id}/${journal.at.phase}/${journal.at.attempt}/${name}`

/** The first mark counts, also after a crash. */
export async function markEffects<T>(run: RunContext, asked: Asked<T>): Promise<void> {
  if (watched(asked)) await run.workspace.effects.mark(markName(run, asked))
}

/** Told once, by its key; then the mark goes. Nothing is said when nothing changed. */
export async function tellEffects<T>(run: RunContext, asked: Asked<T>): Promise<void> {
  if (!watched(asked)) return
  const { workspace, driving, journal } = run
  const mark = markName(run, asked)
  const found = await workspace.effects.since(mark)
  if (found === null) return
  const { ignored, git, more } = found
  if (ignored.length + git.length > 0) {
    const told = event('files.beside', { ...journal.at, prompt: asked.name, ignored, git, more }, `beside:${mark}`)
    await driving.store.appendEvents(driving.fence, { events: [told], at: driving.clock.now() })
  }
  await found.forget()
}
