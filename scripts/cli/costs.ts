/** `looptroop costs` and `looptroop limit`: what was spent, and what may be. */
import type { Command } from 'commander'
import { spentInWords } from '#core'
import type { Caps, ProjectCosts, TicketCosts } from '#core'
import { UsageError, withSession, type Session } from './session.ts'
import { projectOf } from './tickets.ts'

interface Of {
  readonly ticketId: string | undefined
  readonly project?: string
}
interface Given {
  readonly tokens?: string
  readonly cost?: string
}

export function costCommands(program: Command): void {
  program
    .command('costs [ticket]')
    .description('tokens and money: of a ticket by phase, item, member and model; of a project by ticket')
    .option('--project <key>', 'its key or id; not needed when there is one only')
    .action((ticketId: string | undefined, options: { project?: string }) =>
      withSession(program.opts(), (session) => showCosts(session, { ticketId, ...options })),
    )
  program
    .command('limit [ticket]')
    .description('what a ticket or a project may spend; when it is reached no further turn is sent until it is raised and continued')
    .option('--project <key>', 'all tickets of a project together')
    .option('--tokens <number>', 'or `none`')
    .option('--cost <number>', 'in US dollars, or `none`')
    .action((ticketId: string | undefined, options: { project?: string } & Given) =>
      withSession(program.opts(), (session) => setLimit(session, { ticketId, ...options })),
    )
}

async function showCosts({ client, print }: Session, { ticketId, project }: Of): Promise<void> {
  if (ticketId !== undefined) {
    const costs = (await client.tickets.costs.query({ ticketId })) as TicketCosts
    return print(costs, () => ofTicket(costs))
  }
  const costs = (await client.projects.costs.query({ projectId: await projectOf({ client }, project) })) as ProjectCosts
  print(costs, () => [
    `project     ${spentInWords(costs.project)}${limitsOf(costs.limits)}`,
    ...costs.byTicket.map((spent) => `${spent.ticketId.padEnd(11)} ${spentInWords(spent)}`),
  ])
}

function ofTicket({ ticketId, ticket, limits, byPhase, byItem, byMember, byModel }: TicketCosts): readonly string[] {
  const rows = (title: string, groups: readonly (readonly [string | null, string])[]): readonly string[] =>
    groups.some(([name]) => name !== null) ? [title, ...groups.map(([name, words]) => `  ${(name ?? '–').padEnd(30)} ${words}`)] : []
  return [
    `${ticketId}  ${spentInWords(ticket)}${limitsOf(limits)}`,
    ...rows(
      'by phase',
      byPhase.map((one) => [one.phase, spentInWords(one)]),
    ),
    ...rows(
      'by item',
      byItem.map((one) => [one.item, spentInWords(one)]),
    ),
    ...rows(
      'by member',
      byMember.map((one) => [one.member, spentInWords(one)]),
    ),
    ...rows(
      'by model',
      byModel.map((one) => [one.model, spentInWords(one)]),
    ),
  ]
}

function limitsOf({ tokens, cost }: Caps): string {
  const set = [...(cost === null ? [] : [`$${cost}`]), ...(tokens === null ? [] : [`${tokens.toLocaleString('en-US')} tokens`])]
  return set.length === 0 ? '' : `  (limit: ${set.join(', ')})`
}

async function setLimit({ client, print }: Session, { ticketId, project, tokens, cost }: Of & Given): Promise<void> {
  if ((ticketId === undefined) === (project === undefined)) throw new UsageError('Whose? looptroop limit TICKET --cost 5, or --project KEY')
  if (tokens === undefined && cost === undefined) throw new UsageError('Which limit? --tokens NUMBER, --cost NUMBER; `none` takes it away')
  const scope = ticketId === undefined ? 'project' : 'ticket'
  const patch = {
    ...(tokens === undefined ? {} : { [`limits.${scope}Tokens`]: amount('tokens', tokens) }),
    ...(cost === undefined ? {} : { [`limits.${scope}Cost`]: amount('cost', cost) }),
  }
  const id = ticketId ?? (await projectOf({ client }, project))
  await client.settings.update.mutate({ scope, id, patch })
  const next = ticketId === undefined ? 'looptroop continue TICKET' : `looptroop continue ${ticketId}`
  print(
    { scope, id, ...patch },
    () =>
      `${ticketId ?? project ?? id}: ${Object.entries(patch)
        .map(([name, value]) => `${name} = ${value ?? 'none'}`)
        .join(', ')}\n→ ${next}, when it is blocked`,
  )
}

function amount(name: string, text: string): number | null {
  if (text === 'none') return null
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--${name} must be a number or \`none\``)
  return value
}
