/** `looptroop pause` and `resume`: a ticket, a project, or the whole server. */
import type { Command } from 'commander'
import { UsageError, withSession, type Session } from './session.ts'
import { line, projectOf } from './tickets.ts'

interface Scope {
  readonly project?: string
  readonly server?: boolean
}
type Verb = 'pause' | 'resume'

const WHAT: Record<Verb, string> = {
  pause: 'let a ticket, a project or the server rest: what is under way is finished, nothing new begins',
  resume: 'let it go on',
}

export function pauseCommands(program: Command): void {
  for (const verb of ['pause', 'resume'] as const)
    program
      .command(`${verb} [ticket]`)
      .description(WHAT[verb])
      .option('--project <key>', 'all its tickets, those that come later too')
      .option('--server', 'all tickets of all projects, across restarts')
      .action((ticketId: string | undefined, scope: Scope) =>
        withSession(program.opts(), (session) => act(session, verb, { ticketId, ...scope })),
      )
}

async function act({ client, print }: Session, verb: Verb, scope: Scope & { ticketId: string | undefined }): Promise<void> {
  const { ticketId, project, server } = scope
  if ([ticketId, project, server].filter((given) => given !== undefined).length !== 1)
    throw new UsageError(`Which one? looptroop ${verb} TICKET, or --project KEY, or --server`)
  const end = verb === 'pause' ? 'paused' : 'resumed'
  if (ticketId !== undefined) {
    const ticket = await client.tickets[verb].mutate({ ticketId })
    return print(ticket, () => line(ticket))
  }
  if (project !== undefined) {
    const done = await client.projects[verb].mutate({ projectId: await projectOf({ client }, project) })
    return print(done, () => `${project} is ${end}`)
  }
  const state = await client.server[verb].mutate()
  const busy = state.busy.length > 0 ? [`  under way: ${state.busy.join(', ')}`] : ['  nothing is under way']
  print(state, () => [`the server is ${end}`, ...(verb === 'pause' ? busy : [])])
}
