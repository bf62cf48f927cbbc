/** Rows of `tickets` as tickets. */
import type { ResolvedSettings, Settings } from '../../settings.ts'
import { toTicket } from '../../ticket.ts'
import type {
  Blocked,
  ListedProgress,
  ListedTicket,
  PinnedPipeline,
  Progress,
  Ticket,
  TicketBase,
  TicketFields,
  TicketStatus,
  WaitingFor,
} from '../../ticket.ts'
import type { Row } from '../database.ts'
import type { Context } from './batch.ts'
import { int, intOrNull, json, text, textOrNull } from './columns.ts'

export const toTicketRecord = (context: Context, row: Row): Ticket => toTicket(fieldsOf(context, row, toProgress))
/** The row has the columns `LISTED`. */
export const toListedTicket = (context: Context, row: Row): ListedTicket => toTicket(fieldsOf(context, row, toListedProgress))

const fieldsOf = <P>(context: Context, row: Row, progressOf: (row: Row) => P): TicketFields<P> => ({
  base: baseOf(context, row),
  status: text(row, 'status') as TicketStatus,
  waitingFor: textOrNull(row, 'waiting_for') as WaitingFor | null,
  until: intOrNull(row, 'until'),
  blocked: json<Blocked | null>(row, 'blocked'),
  progress: row['started_at'] === null ? null : progressOf(row),
})

const baseOf = (context: Context, row: Row): TicketBase => ({
  id: text(row, 'id'),
  projectId: context.projectId,
  number: int(row, 'number'),
  title: text(row, 'title'),
  description: text(row, 'description'),
  priority: int(row, 'priority'),
  pipeline: text(row, 'pipeline'),
  models: json<Ticket['models']>(row, 'models'),
  ...(typeof row['own_settings'] === 'string' ? { own: json<Partial<Settings>>(row, 'own_settings') } : {}),
  paused: int(row, 'paused') === 1,
  heldBy: textOrNull(row, 'held_by') as Ticket['heldBy'],
  revision: int(row, 'revision'),
  createdAt: int(row, 'created_at'),
  updatedAt: int(row, 'updated_at'),
})

/** Of a ticket, all but what was pinned. */
export const LISTED = `id, number, title, description, priority, pipeline, models, paused, held_by, revision, created_at, updated_at,
  status, waiting_for, until, blocked, phase, attempt, visits, generation, branch, base_branch, base_commit, started_at`

const toListedProgress = (row: Row): ListedProgress => ({
  phase: text(row, 'phase'),
  attempt: int(row, 'attempt'),
  visits: int(row, 'visits'),
  generation: int(row, 'generation'),
  branch: text(row, 'branch'),
  baseBranch: text(row, 'base_branch'),
  baseCommit: text(row, 'base_commit'),
  startedAt: int(row, 'started_at'),
})
const toProgress = (row: Row): Progress => ({
  ...toListedProgress(row),
  pinned: parsedOnce(text(row, 'pinned')) as PinnedPipeline,
  settings: parsedOnce(text(row, 'settings')) as Settings,
  ...(typeof row['setting_sources'] === 'string' ? { sources: parsedOnce(row['setting_sources']) as ResolvedSettings['sources'] } : {}),
})

/** What starts pin on their tickets is mostly the same: a list of a thousand parses it once. Frozen, because all share it. */
const pins = new Map<string, unknown>()
const MOST_PINS = 100

function parsedOnce(written: string): unknown {
  const known = pins.get(written)
  if (known !== undefined) return known
  if (pins.size >= MOST_PINS) pins.clear()
  const value = frozen(JSON.parse(written) as unknown)
  pins.set(written, value)
  return value
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(frozen)
  return Object.freeze(value)
}
