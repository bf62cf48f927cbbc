/** Rows as the records of the kernel. Columns have the types the schema gives them; JSON columns hold what we wrote. */
import type { ItemState, Json, ModelRef, Note } from '#plugins/contract'
import type { DurableEvent } from '../../events/events.ts'
import type { Settings } from '../../settings.ts'
import type { Row } from '../database.ts'
import type {
  ArtifactRecord,
  AttemptRecord,
  CommandKind,
  CommandRecord,
  ErrorRecord,
  InboxKind,
  InboxRecord,
  InboxState,
  ItemRecord,
  LeaseRecord,
  PhaseNote,
  ProjectRecord,
  PromptRecord,
  Receipt,
  SessionRecord,
  SessionState,
  Settlement,
  Slot,
  StepRecord,
  TurnRecord,
} from '../records.ts'
import type { Context } from './batch.ts'
import { int, intOrNull, json, text, textOrNull } from './columns.ts'

export const encode = (value: unknown): string => JSON.stringify(value ?? null)
export const encodeOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value))

const phaseAt = (row: Row): { phase: string; attempt: number } => ({ phase: text(row, 'phase'), attempt: int(row, 'attempt') })

const toSlot = (row: Row): Slot => ({
  ticketId: text(row, 'ticket_id'),
  phase: text(row, 'phase'),
  phaseAttempt: int(row, 'attempt'),
  memberId: textOrNull(row, 'member_id'),
  beadId: textOrNull(row, 'bead_id'),
  iteration: intOrNull(row, 'iteration'),
  step: textOrNull(row, 'step'),
})

export const toAttempt = (row: Row): AttemptRecord => ({
  ...phaseAt(row),
  reason: text(row, 'reason') as AttemptRecord['reason'],
  state: text(row, 'state') as AttemptRecord['state'],
  outcome: textOrNull(row, 'outcome'),
  failure: json<AttemptRecord['failure']>(row, 'failure'),
  counted: int(row, 'counted') === 1,
  startedAt: int(row, 'started_at'),
  endedAt: intOrNull(row, 'ended_at'),
})

export const toErrorRecord = (row: Row): ErrorRecord => ({
  id: text(row, 'id'),
  ...phaseAt(row),
  code: text(row, 'code'),
  kind: text(row, 'kind'),
  message: text(row, 'message'),
  hint: text(row, 'hint'),
  actions: json<ErrorRecord['actions']>(row, 'actions'),
  evidence: json<Json>(row, 'evidence'),
  at: int(row, 'at'),
  resolvedAt: intOrNull(row, 'resolved_at'),
  resolution: textOrNull(row, 'resolution'),
})

export const toLease = (row: Row): LeaseRecord => ({
  ticketId: text(row, 'ticket_id'),
  owner: text(row, 'owner'),
  generation: int(row, 'generation'),
  host: text(row, 'host'),
  pid: int(row, 'pid'),
  startToken: text(row, 'start_token'),
  expiresAt: int(row, 'expires_at'),
})

export const toStep = (row: Row): StepRecord => ({
  name: text(row, 'name'),
  verb: text(row, 'verb'),
  inputHash: text(row, 'input_hash'),
  state: text(row, 'state') as StepRecord['state'],
  value: json<Json>(row, 'value'),
  startedAt: int(row, 'started_at'),
})

export const toPrompt = (row: Row): PromptRecord => ({
  ...phaseAt(row),
  name: text(row, 'name'),
  slot: toSlot(row),
  inputHash: text(row, 'input_hash'),
  state: text(row, 'state') as PromptRecord['state'],
  result: json<Json>(row, 'result'),
  startedAt: int(row, 'started_at'),
  usedMs: int(row, 'used_ms'),
  continues: int(row, 'continues'),
  sources: json<string[]>(row, 'sources'),
})

export const toItem = (row: Row): ItemRecord => ({
  id: text(row, 'id'),
  title: text(row, 'title'),
  state: text(row, 'state') as ItemState,
  priority: int(row, 'priority'),
  blockedBy: json<string[]>(row, 'blocked_by'),
  iteration: int(row, 'iteration'),
  ...(row['start_commit'] === null ? {} : { startCommit: text(row, 'start_commit') }),
  ...(row['commit_id'] === null ? {} : { commit: text(row, 'commit_id') }),
  notes: json<Note[]>(row, 'notes'),
  data: json<Json>(row, 'data'),
  updatedAt: int(row, 'updated_at'),
})

export const toPhaseNote = (row: Row): PhaseNote => ({
  phase: text(row, 'phase'),
  kind: text(row, 'kind') as Note['kind'],
  at: int(row, 'at'),
  iteration: int(row, 'iteration'),
  text: text(row, 'text'),
})

export const toArtifactHead = (row: Row): Omit<ArtifactRecord, 'content'> => ({
  id: text(row, 'id'),
  kind: text(row, 'kind'),
  revision: int(row, 'revision'),
  ...phaseAt(row),
  sha256: text(row, 'sha256'),
  derivedFrom: json<string[]>(row, 'derived_from'),
  createdAt: int(row, 'created_at'),
  approvedBy: textOrNull(row, 'approved_by'),
  approvedIn: textOrNull(row, 'approved_in'),
  voidAt: intOrNull(row, 'void_at'),
})
export const toArtifact = (row: Row): ArtifactRecord => ({ ...toArtifactHead(row), content: text(row, 'content') })

export const toSession = (context: Context, row: Row): SessionRecord => ({
  nonce: text(row, 'nonce'),
  slot: toSlot(row),
  state: text(row, 'state') as SessionState,
  sessionId: textOrNull(row, 'session_id'),
  opencodeId: text(row, 'opencode_id'),
  directory: context.directories.resolve(text(row, 'directory')),
  model: json<ModelRef>(row, 'model'),
  generation: int(row, 'generation'),
  createdAt: int(row, 'created_at'),
  endedAt: intOrNull(row, 'ended_at'),
  reason: textOrNull(row, 'reason'),
})

export const toTurn = (context: Context, row: Row): TurnRecord => ({
  turnId: text(row, 'turn_id'),
  ticketId: text(row, 'ticket_id'),
  ...phaseAt(row),
  prompt: text(row, 'prompt'),
  ordinal: int(row, 'ordinal'),
  reason: text(row, 'reason') as TurnRecord['reason'],
  sessionNonce: text(row, 'session_nonce'),
  sessionId: text(row, 'session_id'),
  opencodeId: text(row, 'opencode_id'),
  directory: context.directories.resolve(text(row, 'directory')),
  request: json<TurnRecord['request']>(row, 'request'),
  receipt: text(row, 'receipt') as Receipt,
  posts: int(row, 'posts'),
  restarts: int(row, 'restarts'),
  lastPostAt: intOrNull(row, 'last_post_at'),
  stopping: textOrNull(row, 'stopping') as TurnRecord['stopping'],
  settlement: json<Settlement | null>(row, 'settlement'),
  intendedAt: int(row, 'intended_at'),
  admittedAt: intOrNull(row, 'admitted_at'),
  settledAt: intOrNull(row, 'settled_at'),
  problem: textOrNull(row, 'problem'),
})

export const toInbox = (context: Context, row: Row): InboxRecord => ({
  id: text(row, 'id'),
  kind: text(row, 'kind') as InboxKind,
  ticketId: text(row, 'ticket_id'),
  phase: textOrNull(row, 'phase'),
  attempt: intOrNull(row, 'attempt'),
  sessionId: textOrNull(row, 'session_id'),
  directory: row['directory'] === null ? null : context.directories.resolve(text(row, 'directory')),
  payload: json<Json>(row, 'payload'),
  state: text(row, 'state') as InboxState,
  detached: int(row, 'detached') === 1,
  answer: json<Json>(row, 'answer'),
  reason: textOrNull(row, 'reason'),
  actions: json<string[]>(row, 'actions'),
  since: int(row, 'since'),
  deadline: intOrNull(row, 'deadline'),
  closedAt: intOrNull(row, 'closed_at'),
})

export const toCommand = (row: Row): CommandRecord => ({
  actionId: text(row, 'action_id'),
  ticketId: text(row, 'ticket_id'),
  kind: text(row, 'kind') as CommandKind,
  target: textOrNull(row, 'target'),
  payload: json<Json>(row, 'payload'),
  state: text(row, 'state') as CommandRecord['state'],
  at: int(row, 'at'),
})

export const toEvent = (context: Context, row: Row): DurableEvent =>
  ({
    seq: int(row, 'seq'),
    id: `${context.epoch}.${row['seq']}`,
    type: text(row, 'type'),
    at: int(row, 'at'),
    data: json<Json>(row, 'data'),
  }) as DurableEvent

export const toProject = (row: Row): ProjectRecord => ({
  id: text(row, 'id'),
  key: text(row, 'key'),
  name: text(row, 'name'),
  path: text(row, 'path'),
  defaultBranch: text(row, 'default_branch'),
  databaseUrl: text(row, 'database_url'),
  attachedAt: int(row, 'attached_at'),
})

export const toSettings = (rows: readonly Row[]): Partial<Settings> =>
  Object.fromEntries(rows.map((row) => [text(row, 'name'), json<Json>(row, 'value')])) as Partial<Settings>
