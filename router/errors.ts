/** Kernel errors as tRPC errors, and what a client gets to see of any error. The only place that knows both. */
import { TRPCError } from '@trpc/server'
import * as v from 'valibot'
import { asLoopTroopError, LoopTroopError, type ErrorCode, type ErrorKind } from '#core'

type TrpcCode = TRPCError['code']

/** HTTP follows from the tRPC code: 400, 404, 409, 412, 401, 403, 413, 429, 503, 500. */
const CODES: Readonly<Record<ErrorKind, TrpcCode>> = {
  bad_input: 'BAD_REQUEST',
  not_found: 'NOT_FOUND',
  conflict: 'CONFLICT',
  precondition: 'PRECONDITION_FAILED',
  unauthorized: 'UNAUTHORIZED',
  forbidden: 'FORBIDDEN',
  too_large: 'PAYLOAD_TOO_LARGE',
  too_many: 'TOO_MANY_REQUESTS',
  unavailable: 'SERVICE_UNAVAILABLE',
  internal: 'INTERNAL_SERVER_ERROR',
}

/** tRPC's own errors (input, output, batch size) pass; everything else becomes a kernel error with its code. */
export function toTrpcError(error: unknown): TRPCError {
  if (error instanceof TRPCError && !(error.cause instanceof LoopTroopError) && !isWrapped(error)) return error
  const ours = asLoopTroopError(error instanceof TRPCError ? error.cause : error)
  return new TRPCError({ code: CODES[ours.kind], message: ours.message, cause: ours })
}

/**
 * In a subscription a client over SSE takes INTERNAL_SERVER_ERROR for a hiccup and comes back for ever with the same id,
 * while over WebSocket it ends: what will not pass by itself has to be a 4xx.
 */
export function toStreamError(error: unknown): TRPCError {
  const mapped = toTrpcError(error)
  if (mapped.code !== 'INTERNAL_SERVER_ERROR') return mapped
  return new TRPCError({ code: 'UNPROCESSABLE_CONTENT', message: mapped.message, cause: mapped.cause })
}

/** tRPC wraps what a procedure throws as INTERNAL_SERVER_ERROR with the thrown error as cause; a failed output check has issues. */
const isWrapped = (error: TRPCError): boolean =>
  error.code === 'INTERNAL_SERVER_ERROR' && error.cause !== undefined && issuesOf(error) === undefined

export interface ErrorView {
  /** The kernel's code, such as GATE_HASH_STALE; the tRPC code is in `code`. */
  readonly looptroopCode: string
  readonly hint: string
  readonly details: Readonly<Record<string, unknown>>
  /** The wrong input, as a dotted path. */
  readonly field?: string
  readonly validation?: readonly { readonly path: string; readonly message: string }[]
}

/** The input that is wrong, where the kernel's error is about more than inputs. */
const FIELDS: Partial<Readonly<Record<ErrorCode, string>>> = {
  PROJECT_NOT_GIT: 'path',
  PROJECT_NO_COMMIT: 'path',
  PROJECT_TRACKS_LOOPTROOP: 'path',
  PIPELINE_UNKNOWN: 'pipeline',
  GATE_ACTION_UNKNOWN: 'action',
  GATE_HASH_MISSING: 'expectedContentSha256',
  BEADS_INVALID: 'payload',
  NOT_JSON: 'payload',
}

/** Never a stack: neither of ours nor of a cause. */
export function viewOf(error: TRPCError): { readonly message: string; readonly view: ErrorView } {
  const { cause } = error
  if (cause instanceof LoopTroopError) {
    const field = cause.details['field'] ?? FIELDS[cause.code]
    const view = { looptroopCode: cause.code, hint: cause.hint, details: cause.details }
    return { message: cause.message, view: typeof field === 'string' ? { ...view, field } : view }
  }
  const issues = error.code === 'BAD_REQUEST' ? issuesOf(error) : undefined
  if (issues === undefined) return ofTransport(error)
  const validation = issues.map((issue) => ({ path: v.getDotPath(issue) ?? '', message: issue.message }))
  const [first = { path: 'input', message: 'is not valid' }] = validation
  const field = first.path === '' ? 'input' : first.path
  return {
    message: `\`${field}\`: ${first.message}`,
    view: {
      looptroopCode: 'INVALID_INPUT',
      hint: 'Correct the named field and send it again.',
      details: { field, problem: first.message },
      field,
      validation,
    },
  }
}

/** What tRPC itself refused before a procedure was reached, with what was wrong in place of a field of the input. */
function ofTransport({ code, message }: TRPCError): { readonly message: string; readonly view: ErrorView } {
  const field = PLACES[code]
  const view = { looptroopCode: code, hint: 'See the message.' }
  return { message, view: field === undefined ? { ...view, details: {} } : { ...view, details: { field, problem: message }, field } }
}
const PLACES: Partial<Readonly<Record<TrpcCode, string>>> = {
  PARSE_ERROR: 'message',
  BAD_REQUEST: 'request',
  NOT_FOUND: 'path',
  METHOD_NOT_SUPPORTED: 'method',
  UNSUPPORTED_MEDIA_TYPE: 'content-type',
  PAYLOAD_TOO_LARGE: 'body',
  UNPROCESSABLE_CONTENT: 'message',
  TIMEOUT: 'request',
}

function issuesOf(error: TRPCError): readonly v.BaseIssue<unknown>[] | undefined {
  const issues = (error.cause as { issues?: unknown } | undefined)?.issues
  return Array.isArray(issues) ? (issues as readonly v.BaseIssue<unknown>[]) : undefined
}
