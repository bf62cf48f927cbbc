/**
 * OpenCode's records in our words. Everything that arrives is `unknown`: a field that is missing or of another type
 * becomes null or is left out, and a record without its id is refused (`undefined`), never guessed.
 */
import { redact } from '../redact.ts'
import type { Json } from '#plugins/contract'
import type {
  ModelCatalogue,
  ModelInfo,
  QuestionItem,
  RemoteError,
  RemoteMessage,
  RemotePart,
  RemotePermission,
  RemoteQuestion,
  RemoteSession,
  RemoteStatus,
  RemoteStatuses,
  Tokens,
  ToolState,
} from './adapter.ts'

export type Raw = Readonly<Record<string, unknown>>

export const recordOf = (value: unknown): Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {}
export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const textAt = (record: Raw, key: string): string | undefined => {
  const value = record[key]
  return typeof value === 'string' ? value : undefined
}
const numberAt = (record: Raw, key: string): number | undefined => {
  const value = record[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
/** The entries that could be read. */
export const readAll = <T>(value: unknown, read: (raw: unknown) => T | undefined): readonly T[] =>
  listOf(value).flatMap((raw) => read(raw) ?? [])

export function readSession(raw: unknown): RemoteSession | undefined {
  const record = recordOf(raw)
  const id = textAt(record, 'id')
  const directory = textAt(record, 'directory')
  if (id === undefined || directory === undefined) return undefined
  const parentId = textAt(record, 'parentID')
  const metadata = record['metadata']
  return {
    id,
    directory,
    title: textAt(record, 'title') ?? '',
    ...(parentId === undefined ? {} : { parentId }),
    ...(metadata === undefined || metadata === null ? {} : { metadata: recordOf(metadata) as Record<string, Json> }),
    createdAt: numberAt(recordOf(record['time']), 'created') ?? 0,
  }
}

/** From a list entry or a read: `{info, parts}`. */
export function readMessage(raw: unknown): RemoteMessage | undefined {
  const record = recordOf(raw)
  const info = readMessageInfo(record['info'])
  return info && { ...info, parts: readAll(record['parts'], readPart) }
}

export function readMessageInfo(raw: unknown): Omit<RemoteMessage, 'parts'> | undefined {
  const record = recordOf(raw)
  const id = textAt(record, 'id')
  const sessionId = textAt(record, 'sessionID')
  const role = textAt(record, 'role')
  if (id === undefined || sessionId === undefined || (role !== 'user' && role !== 'assistant')) return undefined
  const time = recordOf(record['time'])
  return {
    id,
    sessionId,
    role,
    ...whenSet('parentId', textAt(record, 'parentID')),
    createdAt: numberAt(time, 'created') ?? 0,
    ...whenSet('completedAt', numberAt(time, 'completed')),
    ...whenSet('finish', textAt(record, 'finish')),
    ...whenSet('error', record['error'] ? readError(record['error']) : undefined),
    // Of a user message `summary` is an object about its diff; only an assistant's `true` marks a compaction's summary.
    summary: role === 'assistant' && record['summary'] === true,
    tokens: role === 'assistant' ? readTokens(record['tokens']) : null,
    cost: role === 'assistant' ? (numberAt(record, 'cost') ?? null) : null,
  }
}

export function readPart(raw: unknown): RemotePart | undefined {
  const record = recordOf(raw)
  const id = textAt(record, 'id')
  const type = textAt(record, 'type')
  if (id === undefined || type === undefined) return undefined
  const ended = numberAt(recordOf(record['time']), 'end') !== undefined
  switch (type) {
    case 'text':
      return { id, type, text: textAt(record, 'text') ?? '', synthetic: record['synthetic'] === true, ended }
    case 'reasoning':
      return { id, type, text: textAt(record, 'text') ?? '', ended }
    case 'tool':
      return { id, type, ...readTool(record) }
    case 'step-start':
    case 'compaction':
      return { id, type }
    case 'step-finish':
      return {
        id,
        type,
        reason: textAt(record, 'reason') ?? 'unknown',
        tokens: readTokens(record['tokens']),
        cost: numberAt(record, 'cost') ?? null,
      }
    default:
      return { id, type: 'other', name: type }
  }
}

const TOOL_STATES: readonly string[] = ['pending', 'running', 'completed', 'error'] satisfies readonly ToolState[]

function readTool(record: Raw): Omit<RemotePart & { type: 'tool' }, 'id' | 'type'> {
  const state = recordOf(record['state'])
  const status = textAt(state, 'status') ?? ''
  return {
    callId: textAt(record, 'callID') ?? '',
    tool: textAt(record, 'tool') ?? '',
    state: (TOOL_STATES.includes(status) ? status : 'pending') as ToolState,
    title: textAt(state, 'title') ?? null,
    input: (state['input'] ?? null) as Json,
    // While it runs, bash tells its output so far as metadata.
    output: textAt(state, 'output') ?? textAt(state, 'error') ?? textAt(recordOf(state['metadata']), 'output') ?? null,
  }
}

/** Null when input or output is missing: unknown is not zero. */
export function readTokens(raw: unknown): Tokens | null {
  const record = recordOf(raw)
  const input = numberAt(record, 'input')
  const output = numberAt(record, 'output')
  if (input === undefined || output === undefined) return null
  const cache = recordOf(record['cache'])
  return {
    input,
    output,
    reasoning: numberAt(record, 'reasoning') ?? 0,
    cacheRead: numberAt(cache, 'read') ?? 0,
    cacheWrite: numberAt(cache, 'write') ?? 0,
  }
}

/** Headers and bodies are dropped: they can hold a provider's secrets. */
export function readError(raw: unknown): RemoteError {
  const record = recordOf(raw)
  const data = recordOf(record['data'])
  const retryable = data['isRetryable']
  return {
    name: textAt(record, 'name') ?? 'UnknownError',
    message: redact(textAt(data, 'message') ?? textAt(record, 'message') ?? ''),
    ...whenSet('statusCode', numberAt(data, 'statusCode')),
    ...(typeof retryable === 'boolean' ? { retryable } : {}),
  }
}

export function readStatus(raw: unknown): RemoteStatus | { readonly type: 'idle' } | undefined {
  const record = recordOf(raw)
  const type = textAt(record, 'type')
  if (type === 'idle' || type === 'busy') return { type }
  if (type !== 'retry') return undefined
  return { type, attempt: numberAt(record, 'attempt') ?? 0, message: textAt(record, 'message') ?? '', next: numberAt(record, 'next') ?? 0 }
}

/** An `idle` entry is the same as none. A status of a kind we do not know counts as busy: it is not idle. */
export function readStatuses(raw: unknown): RemoteStatuses {
  const statuses: Record<string, RemoteStatus> = {}
  for (const [id, value] of Object.entries(recordOf(raw))) {
    const status = readStatus(value) ?? { type: 'busy' }
    if (status.type !== 'idle') statuses[id] = status
  }
  return statuses
}

export function readQuestion(raw: unknown): RemoteQuestion | undefined {
  const record = recordOf(raw)
  const requestId = textAt(record, 'id')
  const sessionId = textAt(record, 'sessionID')
  if (requestId === undefined || sessionId === undefined) return undefined
  const tool = recordOf(record['tool'])
  return {
    requestId,
    sessionId,
    questions: listOf(record['questions']).map(readQuestionItem),
    messageId: textAt(tool, 'messageID') ?? null,
    callId: textAt(tool, 'callID') ?? null,
  }
}

function readQuestionItem(raw: unknown): QuestionItem {
  const record = recordOf(raw)
  return {
    header: textAt(record, 'header') ?? '',
    question: textAt(record, 'question') ?? '',
    options: listOf(record['options']).map((option) => ({
      label: textAt(recordOf(option), 'label') ?? '',
      description: textAt(recordOf(option), 'description') ?? '',
    })),
    multiple: record['multiple'] === true,
    custom: record['custom'] !== false,
  }
}

export function readPermission(raw: unknown): RemotePermission | undefined {
  const record = recordOf(raw)
  const requestId = textAt(record, 'id')
  const sessionId = textAt(record, 'sessionID')
  if (requestId === undefined || sessionId === undefined) return undefined
  const patterns = listOf(record['patterns']).filter((p) => typeof p === 'string')
  return { requestId, sessionId, permission: textAt(record, 'permission') ?? '', patterns, metadata: (record['metadata'] ?? null) as Json }
}

/** `/config/providers` (`providers`) or `/provider` (`all`, `connected`). Options hold API keys in clear: nothing of them is read. */
export function readCatalogue(raw: unknown): ModelCatalogue {
  const record = recordOf(raw)
  const providers = listOf(record['providers'] ?? record['all']).map(recordOf)
  const connected = record['connected'] === undefined ? providers.map((p) => textAt(p, 'id') ?? '') : listOf(record['connected'])
  const defaults = Object.entries(recordOf(record['default'])).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return {
    models: providers.flatMap(readModels),
    connectedProviders: connected.filter((id): id is string => typeof id === 'string' && id !== ''),
    defaultModels: Object.fromEntries(defaults),
  }
}

function readModels(provider: Raw): readonly ModelInfo[] {
  return Object.entries(recordOf(provider['models'])).map(([key, value]) => {
    const model = recordOf(value)
    return {
      provider: textAt(provider, 'id') ?? '',
      model: textAt(model, 'id') ?? key,
      name: textAt(model, 'name') ?? key,
      contextTokens: numberAt(recordOf(model['limit']), 'context') ?? null,
      variants: Object.keys(recordOf(model['variants'])),
    }
  })
}

/** Left out when undefined: `exactOptionalPropertyTypes` tells "absent" from "undefined". */
const whenSet = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]: V })
