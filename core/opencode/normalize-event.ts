/** One frame of `/global/event` as one of our events; kinds that nobody here uses are null. */
import type { OpencodeEvent, OpencodeEventBody } from './adapter.ts'
import {
  listOf,
  readError,
  readMessageInfo,
  readPart,
  readPermission,
  readQuestion,
  readSession,
  readStatus,
  recordOf,
  textAt,
  type Raw,
} from './normalize.ts'

/**
 * The frame's directory without parsing the frame: big frames of other people's directories are skipped unread.
 * Undefined when it has none (`server.connected`, heartbeats).
 */
export function directoryOf(frame: string): string | undefined {
  const found = /^\{"directory":("(?:[^"\\]|\\.)*")/.exec(frame)
  return found?.[1] === undefined ? undefined : (JSON.parse(found[1]) as string)
}

/** After each durable event the same event comes again in a `sync` envelope. */
export const isSyncFrame = (frame: string): boolean =>
  frame.includes('"payload":{"type":"sync"') &&
  /^\{(?:"directory":"(?:[^"\\]|\\.)*",)?(?:"project":"(?:[^"\\]|\\.)*",)?(?:"workspace":"(?:[^"\\]|\\.)*",)?"payload":\{"type":"sync"/.test(
    frame,
  )

/** `malformed` names what could not be read of an event that we would have used. */
export type FrameReading = { readonly event: OpencodeEvent } | { readonly malformed: string } | null

export function readFrame(frame: string): FrameReading {
  const record = recordOf(JSON.parse(frame))
  const payload = recordOf(record['payload'])
  const type = textAt(payload, 'type') ?? ''
  const read = READERS[type]
  if (read === undefined) return null
  const body = read(recordOf(payload['properties']))
  if (body === null) return null
  return body === undefined ? { malformed: type } : { event: { directory: textAt(record, 'directory') ?? null, ...body } }
}

/** Undefined: malformed. Null: well-formed, of no use. */
type Read = (properties: Raw) => OpencodeEventBody | undefined | null

const READERS: Readonly<Record<string, Read>> = {
  'server.connected': () => ({ type: 'stream.connected' }),
  'server.heartbeat': () => ({ type: 'stream.heartbeat' }),
  'server.instance.disposed': () => ({ type: 'instance.disposed' }),
  'session.created': (p) => given(readSession(p['info']), (session) => ({ type: 'session.created', session })),
  'session.deleted': (p) => ofSession(p, (sessionId) => ({ type: 'session.deleted', sessionId })),
  'message.updated': (p) =>
    given(readMessageInfo(p['info']), (message) => ({ type: 'message.updated', sessionId: message.sessionId, message })),
  'message.part.updated': readPartUpdated,
  'message.part.delta': readDelta,
  'session.status': (p) =>
    ofSession(p, (sessionId) => given(readStatus(p['status']), (status) => ({ type: 'session.status', sessionId, status }))),
  // Without a session it is about none of ours.
  'session.error': (p) =>
    p['sessionID'] === undefined ? null : ofSession(p, (sessionId) => ({ type: 'session.error', sessionId, error: readError(p['error']) })),
  'session.compacted': (p) => ofSession(p, (sessionId) => ({ type: 'session.compacted', sessionId })),
  'question.asked': (p) => given(readQuestion(p), (question) => ({ type: 'question.asked', sessionId: question.sessionId, question })),
  'question.replied': (p) =>
    ofRequest(p, (ids) => ({ type: 'question.replied', ...ids, answers: listOf(p['answers']).map((one) => listOf(one).map(String)) })),
  'question.rejected': (p) => ofRequest(p, (ids) => ({ type: 'question.rejected', ...ids })),
  'permission.asked': (p) =>
    given(readPermission(p), (permission) => ({ type: 'permission.asked', sessionId: permission.sessionId, permission })),
  'permission.replied': (p) => ofRequest(p, (ids) => ({ type: 'permission.replied', ...ids, reply: textAt(p, 'reply') ?? '' })),
  'todo.updated': (p) => ofSession(p, (sessionId) => ({ type: 'todo.updated', sessionId, todos: listOf(p['todos']).map(readTodo) })),
  'file.edited': (p) => given(textAt(p, 'file'), (file) => ({ type: 'file.edited', file })),
}

function readPartUpdated(p: Raw): OpencodeEventBody | undefined {
  const raw = recordOf(p['part'])
  const part = readPart(raw)
  const sessionId = textAt(raw, 'sessionID') ?? textAt(p, 'sessionID')
  const messageId = textAt(raw, 'messageID')
  if (part === undefined || sessionId === undefined || messageId === undefined) return undefined
  return { type: 'part.updated', sessionId, messageId, part }
}

function readDelta(p: Raw): OpencodeEventBody | undefined | null {
  if (p['field'] !== 'text') return null
  const [sessionId, messageId, partId, text] = [textAt(p, 'sessionID'), textAt(p, 'messageID'), textAt(p, 'partID'), textAt(p, 'delta')]
  if (sessionId === undefined || messageId === undefined || partId === undefined || text === undefined) return undefined
  return { type: 'part.delta', sessionId, messageId, partId, text }
}

const readTodo = (raw: unknown): { content: string; status: string; priority: string } => {
  const record = recordOf(raw)
  return { content: textAt(record, 'content') ?? '', status: textAt(record, 'status') ?? '', priority: textAt(record, 'priority') ?? '' }
}

const given = <T>(value: T | undefined, make: (value: T) => OpencodeEventBody): OpencodeEventBody | undefined =>
  value === undefined ? undefined : make(value)

const ofSession = (p: Raw, make: (sessionId: string) => OpencodeEventBody | undefined): OpencodeEventBody | undefined => {
  const sessionId = textAt(p, 'sessionID') ?? textAt(recordOf(p['info']), 'id')
  return sessionId === undefined ? undefined : make(sessionId)
}

const ofRequest = (p: Raw, make: (ids: { sessionId: string; requestId: string }) => OpencodeEventBody): OpencodeEventBody | undefined => {
  const requestId = textAt(p, 'requestID')
  return ofSession(p, (sessionId) => (requestId === undefined ? undefined : make({ sessionId, requestId })))
}
