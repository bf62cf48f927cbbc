/** What goes in and what comes out: fields, errors, shorthands. */
import { TRPCClientError } from '@trpc/client'
import * as assert from 'uvu/assert'
import { ERROR_CODES, fail, type Kernel, type TicketView } from '../../core/index.ts'
import { createLoopTroopClient, type AppRouter, type LoopTroopClient } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { fakeKernel } from './fake-kernel.ts'
import { ask, serve, TOKEN, type Served } from './wire.ts'

const TICKET: TicketView = {
  id: 'K-1',
  projectId: 'p',
  title: 't',
  description: '',
  priority: 2,
  pipeline: 'quick',
  status: 'draft',
  phase: null,
  attempt: null,
  branch: null,
  baseBranch: null,
  baseCommit: null,
  revision: 1,
  createdAt: 1,
  updatedAt: 1,
}

interface Called extends AsyncDisposable {
  readonly server: Served
  readonly client: LoopTroopClient
}
async function call(given: Parameters<typeof fakeKernel>[0], log: string[] = []): Promise<Called> {
  const server = await serve({ kernel: fakeKernel(given), onError: (line) => log.push(line) })
  const client = createLoopTroopClient({ url: server.url, token: TOKEN })
  return {
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      await client.close()
      await server.close()
    },
  }
}

type Refused = NonNullable<TRPCClientError<AppRouter>['data']>
async function refusal(promise: Promise<unknown>): Promise<Refused & { message: string }> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof TRPCClientError) || !error.data) throw new Error(`no refusal: ${String(error)}`)
  return { ...(error as TRPCClientError<AppRouter> & { data: Refused }).data, message: error.message }
}

describe('errors on the wire', (it) => {
  it('carry the code, what happened, what to do and the values; every kernel code has a place', async () => {
    let next = fail('INTERNAL')
    await using called = await call({ tickets: { get: () => Promise.reject(next) } })
    const seen = new Set<string>()
    for (const code of ERROR_CODES) {
      next = fail(code, { ticketId: 'K-1', field: 'x', secret: undefined })
      const data = await refusal(called.client.tickets.get.query({ ticketId: 'K-1' }))
      assert.equal([data.looptroopCode, data.hint, data.message, data.details['ticketId']], [code, next.hint, next.message, 'K-1'])
      assert.is(data.field, 'x')
      seen.add(`${next.kind} ${data.code} ${data.httpStatus}`)
    }
    for (const pair of [
      'bad_input BAD_REQUEST 400',
      'not_found NOT_FOUND 404',
      'conflict CONFLICT 409',
      'precondition PRECONDITION_FAILED 412',
      'unavailable SERVICE_UNAVAILABLE 503',
    ]) {
      assert.ok(seen.has(pair), pair)
    }
  })

  it('never carry a stack, and tell the log what was our own fault', async () => {
    const log: string[] = []
    await using called = await call(
      {
        tickets: { get: () => Promise.reject(new TypeError('x is not a function')) },
        projects: { list: async () => [{ id: 1 }] as never },
      },
      log,
    )
    const data = await refusal(called.client.tickets.get.query({ ticketId: 'K-1' }))
    assert.equal([data.looptroopCode, data.httpStatus], ['INTERNAL', 500])
    const answer = await ask(called.server, '/trpc/tickets.get?input=%7B%22ticketId%22%3A%22K-1%22%7D')
    assert.not.match(answer.text, /stack|\.ts|at /)
    assert.is((await refusal(called.client.projects.list.query())).httpStatus, 500)
    assert.match(log.join('\n'), 'tickets.get: x is not a function')
    assert.is(log.length, 3)
  })

  it('name the wrong field of an input', async () => {
    await using called = await call({})
    const wrong = async (promise: Promise<unknown>): Promise<string> => {
      const data = await refusal(promise)
      assert.equal([data.code, data.looptroopCode, data.httpStatus], ['BAD_REQUEST', 'INVALID_INPUT', 400])
      assert.match(data.message, `\`${data.field}\``)
      return data.field ?? ''
    }
    const { client } = called
    assert.is(await wrong(client.tickets.create.mutate({ projectId: 'p' } as never)), 'title')
    assert.is(await wrong(client.tickets.create.mutate({ projectId: 'p', title: '   ' })), 'title')
    assert.is(await wrong(client.tickets.create.mutate({ projectId: 'p', title: 't', models: { main: 'no-slash' } })), 'models.main')
    assert.is(await wrong(client.tickets.create.mutate({ projectId: 'p', title: 't', priority: 1.5 })), 'priority')
    assert.is(await wrong(client.tickets.list.query({ limit: 0 })), 'limit')
    assert.is(await wrong(client.tickets.list.query({ status: 'done' as never })), 'status')
    assert.is(await wrong(client.questions.reply.mutate({ ticketId: 'K-1', requestId: 'q', answers: [['a'], 'b' as never] })), 'answers.1')
    assert.is(
      await wrong(
        client.gates.submit.mutate({ ticketId: 'K-1', gateId: 'g', action: 'approve', actionId: 'a', expectedContentSha256: 'short' }),
      ),
      'expectedContentSha256',
    )
    assert.is(await wrong(client.tickets.get.query('K-1' as never)), 'input')
    assert.is(await wrong(client.projects.attach.mutate({ path: '/x', key: 'lower' })), 'key')
  })

  it("refuse a body that is no JSON as the caller's mistake", async () => {
    await using called = await call({})
    const answer = await ask(called.server, '/trpc/tickets.create', { method: 'POST', body: '{"title":' })
    assert.is(answer.status, 400)
  })
})

describe('a wrong token', (it) => {
  it('is named to the client on every transport', async () => {
    await using called = await call({})
    for (const transport of ['ws', 'sse'] as const) {
      await using stranger = createLoopTroopClient({ url: called.server.url, token: 'not-the-right-token', transport })
      assert.is((await refusal(stranger.health.check.query())).looptroopCode, 'TOKEN_WRONG')
      assert.is((await refusal(stranger.tickets.start.mutate({ ticketId: 'K-1' }))).httpStatus, 401)
      const ended = await new Promise<unknown>((resolve) =>
        stranger.events.onTicket.subscribe({ ticketId: 'K-1' }, { onError: resolve, onData: resolve }),
      )
      assert.match(String(ended), /401|token/)
    }
  })
})

describe('replies', (it) => {
  it('hold what is promised and nothing more', async () => {
    await using called = await call({ tickets: { get: async () => ({ ...TICKET, internal: 'secret' }) } })
    assert.equal(await called.client.tickets.get.query({ ticketId: 'K-1' }), TICKET)
  })

  it('take models as one word or in parts', async () => {
    const taken: unknown[] = []
    const create: Kernel['tickets']['create'] = async (input) => {
      taken.push(input.models)
      return TICKET
    }
    await using called = await call({ tickets: { create } })
    const models = { main: 'open/router/x', members: [{ provider: 'a', model: 'b' }] }
    await called.client.tickets.create.mutate({ projectId: 'p', title: 't', models })
    assert.equal(taken, [{ main: { provider: 'open', model: 'router/x' }, members: [{ provider: 'a', model: 'b' }] }])
  })
})

describe('shorthands of gates', (it) => {
  it('find the gate, name the action and go through the one door', async () => {
    const submitted: unknown[] = []
    const gate = { id: 'g1', kind: 'gate' as const, ticketId: 'K-1', projectId: 'p', since: 1, actions: [], payload: null }
    let items = [gate]
    await using called = await call({
      tickets: {
        get: async () => TICKET,
        submitGate: async ({ actionId, ...input }) => {
          submitted.push(input)
          assert.ok(actionId.length > 0)
          return TICKET
        },
      },
      inbox: { list: async () => ({ items, errors: [] }) },
    })
    const { tickets } = called.client
    const sha = 'a'.repeat(64)
    await tickets.approve.mutate({ ticketId: 'K-1', expectedContentSha256: sha })
    await tickets.requestChanges.mutate({ ticketId: 'K-1', gateId: 'g7', payload: { note: 'n' } })
    assert.equal(submitted, [
      { ticketId: 'K-1', expectedContentSha256: sha, action: 'approve', gateId: 'g1' },
      { ticketId: 'K-1', gateId: 'g7', payload: { note: 'n' }, action: 'request_changes' },
    ])
    items = []
    assert.is((await refusal(tickets.approve.mutate({ ticketId: 'K-1' }))).looptroopCode, 'GATE_CLOSED')
    items = [gate, { ...gate, id: 'g2' }]
    assert.is((await refusal(tickets.approve.mutate({ ticketId: 'K-1' }))).field, 'gateId')
  })
})
