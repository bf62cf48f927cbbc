/** Commands that make tickets and move them. */
import path from 'node:path'
import type { Command } from 'commander'
import { spentInWords } from '#core'
import type { ProjectCosts, TicketView } from '#core'
import { UsageError, withSession, type GlobalOptions, type Session } from './session.ts'

export const line = ({ id, status, waitingFor, phase, title, blocked, paused }: TicketView, spent = ''): string =>
  `${id.padEnd(10)} ${[status, ...(waitingFor ? [`for ${waitingFor}`] : []), ...(paused ? [`(paused: ${paused})`] : [])].join(' ').padEnd(18)} ${(phase ?? '–').padEnd(26)} ${title}${spent}` +
  (blocked ? `\n           ${blocked.code}: ${blocked.message}\n           can: ${blocked.actions.join(', ')}` : '')

export function ticketCommands(program: Command): void {
  const global = (): GlobalOptions => program.opts()
  program
    .command('attach [path]')
    .description('attach a git repository (default: this folder)')
    .option('--key <key>', 'prefix of its tickets, such as AUTH')
    .option('--name <name>')
    .action((folder: string | undefined, options: { key?: string; name?: string }) =>
      withSession(global(), async ({ client, print }) => {
        const project = await client.projects.attach.mutate({ path: path.resolve(folder ?? '.'), ...options })
        print(project, () => `${project.key}  ${project.name}  ${project.path} (${project.defaultBranch})`)
      }),
    )
  program
    .command('new [title]')
    .description('create a ticket and start it')
    .option('--description <text>')
    .option('--project <key>', 'its key or id; not needed when there is one only')
    .option('--pipeline <name>')
    .option('--model <provider/model>', 'its main model; default: the setting models.main')
    .option('--set <name=value...>', 'settings of its own, such as qa.manual=true')
    .option('--draft', 'do not start it')
    .action((title: string | undefined, options: NewOptions) => withSession(global(), (session) => createTicket(session, title, options)))
  program
    .command('list')
    .description('tickets, newest work first')
    .option('--project <key>')
    .action((options: { project?: string }) => withSession(global(), (session) => listTickets(session, options)))
  moveCommands(program)
}

interface NewOptions {
  readonly description?: string
  readonly project?: string
  readonly pipeline?: string
  readonly model?: string
  readonly set?: readonly string[]
  readonly draft?: boolean
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // a model's name, a word
  }
}

/** A value is JSON where it can be read as that, else a text. */
function patchOf(given: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, value] = /^([\w.]+)=(.+)$/s.exec(text) ?? []
      if (name === undefined || value === undefined) throw new UsageError(`--set takes name=value, not ${text}`)
      return [name, jsonOr(value)]
    }),
  )
}

async function createTicket({ client, print, ask, interactive }: Session, given: string | undefined, options: NewOptions): Promise<void> {
  const title = given ?? (interactive ? await ask('What is to be done? ') : '')
  if (title === '') throw new UsageError('A ticket needs a title: looptroop new "…"')
  const projectId = await projectOf({ client }, options.project)
  const { description, pipeline, model } = options
  const models = model === undefined ? {} : { models: { main: model } }
  const patch = options.set && patchOf(options.set)
  const draft = await client.tickets.create.mutate({ projectId, title, description, pipeline, ...models })
  const start = async (): Promise<TicketView> => {
    if (patch) await client.settings.update.mutate({ scope: 'ticket', id: draft.id, patch })
    return options.draft === true ? draft : client.tickets.start.mutate({ ticketId: draft.id })
  }
  const ticket = await start().catch((error: unknown) => {
    process.stderr.write(`${draft.id} stays a draft: looptroop start ${draft.id}, or delete ${draft.id}.\n`)
    throw error
  })
  print(ticket, () => [line(ticket), `→ looptroop ${options.draft === true ? 'start' : 'watch'} ${ticket.id}`])
}

export async function projectOf({ client }: Pick<Session, 'client'>, wanted: string | undefined): Promise<string> {
  const projects = await client.projects.list.query()
  const [first, ...others] = wanted === undefined ? projects : projects.filter(({ id, key }) => id === wanted || key === wanted)
  if (first && others.length === 0) return first.id
  if (first) throw new UsageError(`Which project? --project ${projects.map(({ key }) => key).join(' | ')}`)
  throw new UsageError(wanted === undefined ? 'No project is attached yet: looptroop attach PATH' : `There is no project ${wanted}.`)
}

async function listTickets({ client, print }: Session, { project }: { project?: string }): Promise<void> {
  const projectId = project === undefined ? undefined : await projectOf({ client }, project)
  const items: TicketView[] = []
  for (let cursor: string | undefined; ;) {
    const page = await client.tickets.list.query({ projectId, cursor })
    items.push(...(page.items as TicketView[]))
    for (const { projectId: id, message } of page.errors) process.stderr.write(`project ${id}: ${message}\n`)
    if (page.nextCursor === undefined) break
    cursor = page.nextCursor
  }
  const sorted = items.toSorted((a, b) => b.updatedAt - a.updatedAt)
  const spent = await spentOn({ client }, sorted)
  print(sorted, () => (sorted.length > 0 ? sorted.map((ticket) => line(ticket, spent.get(ticket.id))) : 'No ticket yet: looptroop new "…"'))
}

/** By ticket, for the end of its line. */
async function spentOn({ client }: Pick<Session, 'client'>, tickets: readonly TicketView[]): Promise<ReadonlyMap<string, string>> {
  const projects = [...new Set(tickets.map(({ projectId }) => projectId))]
  const costs = await Promise.all(projects.map((projectId) => client.projects.costs.query({ projectId }) as Promise<ProjectCosts>))
  return new Map(costs.flatMap(({ byTicket }) => byTicket.map((spent) => [spent.ticketId, `  (${spentInWords(spent)})`] as const)))
}

function moveCommands(program: Command): void {
  const act = (name: string, what: string, call: (session: Session, ticketId: string, options: MoveOptions) => Promise<unknown>): Command =>
    program
      .command(`${name} <ticket>`)
      .description(what)
      .action((ticketId: string, options: MoveOptions) =>
        withSession(program.opts(), async (session) => {
          const ticket = (await call(session, ticketId, options)) as TicketView
          session.print(ticket, () => line(ticket))
        }),
      )
  act('start', 'start a draft', ({ client }, ticketId) => client.tickets.start.mutate({ ticketId }))
  act('retry', 'archive the attempt that failed and begin a fresh one', ({ client }, ticketId, { note }) =>
    client.tickets.retry.mutate({ ticketId, note }),
  ).option('--note <text>', 'what the model should know this time')
  act('continue', 'go on in the same attempt and session', ({ client }, ticketId) => client.tickets.continue.mutate({ ticketId }))
  act('cancel', 'stop it for good', ({ client }, ticketId, { reason }) => client.tickets.cancel.mutate({ ticketId, reason })).option(
    '--reason <text>',
  )
  program
    .command('delete <ticket>')
    .description('take it away for good, with its worktree, its sessions and, when it is merged, its branch')
    .option('--branch', 'its branch too when it is not merged')
    .option('--yes', 'do not ask first')
    .action((ticketId: string, options: { branch?: boolean; yes?: boolean }) =>
      withSession(program.opts(), (session) => deleteTicket(session, ticketId, options)),
    )
  program
    .command('diff <ticket>')
    .description('what it has changed so far')
    .option('--stat', 'only the summary')
    .action((ticketId: string, { stat }: { stat?: boolean }) =>
      withSession(program.opts(), async ({ client, print }) => {
        const diff = await client.tickets.diff.query({ ticketId })
        const cut = diff.truncated ? ['… the rest is left out; look at the branch'] : []
        print(diff, () => (stat === true ? diff.stat : [diff.patch, ...cut]))
      }),
    )
}
async function deleteTicket(
  { client, print, ask, interactive }: Session,
  ticketId: string,
  { branch, yes }: { branch?: boolean; yes?: boolean },
): Promise<void> {
  if (interactive && yes !== true && (await ask(`Delete ${ticketId} for good? (y/N) `)).toLowerCase() !== 'y') return
  const gone = await client.tickets.delete.mutate({ ticketId, branch })
  const kept = gone.branch === 'kept' ? ['  its branch is kept: it is not merged (--branch takes it along)'] : []
  print(gone, () => [`${ticketId} is deleted`, ...kept, ...gone.left.map((what) => `  left: ${what}`)])
}
interface MoveOptions {
  readonly note?: string
  readonly reason?: string
}
