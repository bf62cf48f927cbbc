/**
 * Plain HTTP for curl and for languages without a tRPC client: the same kernel calls behind the same door. Answers are
 * JSON; an error is `{error: {code, message, hint, details}}` with its HTTP status.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TRPCError } from '@trpc/server'
import * as v from 'valibot'
import { fail, type Kernel } from '#core'
import type { Door } from '../door.ts'
import { toTrpcError } from '../errors.ts'
import { urlOf } from '../event-stream.ts'
import { answerPlainly } from '../refusal.ts'
import { Id, ShortText, some } from '../shapes.ts'
import { readBody } from './body.ts'
import { giveEvidence, takeEvidence } from './evidence.ts'
import { plainStream } from './stream.ts'

export interface Asked {
  readonly kernel: Kernel
  readonly door: Door
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** Groups of the route's pattern. */
  readonly path: Readonly<Record<string, string>>
}
/** What it resolves with is the answer; undefined when it has answered itself. */
type Handler = (asked: Asked) => Promise<unknown>
interface Route {
  readonly method: 'GET' | 'POST'
  readonly pattern: RegExp
  readonly handle: Handler
}

const Scope = v.optional(v.picklist(['configured', 'all']))
const Answers = v.object({ answers: v.array(v.array(ShortText)) })
const Reason = v.optional(v.object({ reason: some(ShortText) }), {})
const EVIDENCE = String.raw`/api/tickets/(?<ticketId>[^/]+)/evidence`
const QUESTIONS = String.raw`/api/tickets/(?<ticketId>[^/]+)/opencode/questions`

/** All of them; specs go through them too. */
export const ROUTES: readonly Route[] = [
  { method: 'GET', pattern: /^\/api\/health$/, handle: ({ kernel }) => kernel.health() },
  {
    method: 'GET',
    pattern: /^\/api\/models$/,
    handle: ({ kernel, query }) => kernel.models.list({ scope: checked(Scope, query.get('scope') ?? undefined, 'scope') }),
  },
  {
    method: 'GET',
    pattern: /^\/api\/stream$/,
    handle: (asked) => plainStream(asked, checked(Id, asked.query.get('ticketId'), 'ticketId')),
  },
  {
    method: 'GET',
    pattern: new RegExp(`^${QUESTIONS}$`),
    handle: async ({ kernel, path }) => {
      const { ticketId = '' } = path
      await kernel.tickets.get(ticketId)
      return kernel.questions.list({ ticketId })
    },
  },
  {
    method: 'POST',
    pattern: new RegExp(`^${QUESTIONS}/(?<requestId>[^/]+)/reply$`),
    handle: async ({ kernel, door, request, path }) =>
      kernel.questions.reply({ ...target(path), ...checked(Answers, await readBody(request, door.limits), 'body') }),
  },
  {
    method: 'POST',
    pattern: new RegExp(`^${QUESTIONS}/(?<requestId>[^/]+)/reject$`),
    handle: async ({ kernel, door, request, path }) =>
      kernel.questions.reject({ ...target(path), ...checked(Reason, await readBody(request, door.limits), 'body') }),
  },
  { method: 'POST', pattern: new RegExp(`^${EVIDENCE}$`), handle: takeEvidence },
  { method: 'GET', pattern: new RegExp(`^${EVIDENCE}/(?<sha256>[^/]+)$`), handle: giveEvidence },
]

export const isPlainPath = (url: string | undefined): boolean => /^\/api(?:[/?]|$)/.test(url ?? '')

export async function answerPlain({ door, request, response }: Pick<Asked, 'door' | 'request' | 'response'>): Promise<void> {
  const { pathname, searchParams } = urlOf(request)
  try {
    const { route, path } = routeOf(request.method, pathname)
    const value = await route.handle({ kernel: door.kernel, door, request, response, query: searchParams, path })
    if (value !== undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  } catch (problem) {
    const error = toTrpcError(problem)
    door.onError({ path: pathname, error })
    if (response.headersSent) response.destroy()
    else answerPlainly(response, error)
  }
}

function routeOf(method: string | undefined, pathname: string): { route: Route; path: Readonly<Record<string, string>> } {
  const here = ROUTES.filter(({ pattern }) => pattern.test(pathname))
  const route = here.find((one) => one.method === method)
  if (route) return { route, path: decoded(route.pattern.exec(pathname)?.groups ?? {}) }
  if (here.length > 0) throw new TRPCError({ code: 'METHOD_NOT_SUPPORTED', message: `${method ?? ''} is not answered here.` })
  throw new TRPCError({ code: 'NOT_FOUND', message: 'There is no such route.' })
}

function decoded(groups: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(groups).map(([name, text]) => {
    try {
      return [name, decodeURIComponent(text)] as const
    } catch (cause) {
      throw fail('INVALID_INPUT', { field: name, problem: 'is not encoded as a part of a URL' }, cause)
    }
  })
  return Object.fromEntries(entries)
}

const target = (path: Readonly<Record<string, string>>): { ticketId: string; requestId: string } => ({
  ticketId: checked(Id, path['ticketId'], 'ticketId'),
  requestId: checked(Id, path['requestId'], 'requestId'),
})

function checked<S extends v.GenericSchema>(schema: S, value: unknown, field: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  throw fail('INVALID_INPUT', { field: v.getDotPath(issue) ?? field, problem: issue.message })
}
