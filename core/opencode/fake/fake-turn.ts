/** The fake's loop: asks the brain, does what it says, asks again after tools, until the newest user message is answered. */
import { messageOf } from '../../errors.ts'
import type { FakeAction, FakeBrain, FakeTurn } from './brain.ts'
import { doAction } from './fake-action.ts'
import type { FakeMessage, FakeRun, FakeSession, FakeState, Fields } from './fake-state.ts'
import { addPart, figuresOf, Interrupted, orInterrupted, setIdle, setStatus, type Step, type StepEnd } from './fake-step.ts'

export interface Running {
  readonly state: FakeState
  readonly mind: { readonly brain: FakeBrain; readonly requests: FakeTurn[] }
  readonly session: FakeSession
  /** A re-send of a message that a later one followed runs once more, though all is answered. */
  readonly force: boolean
}
export function runTurn(running: Running): void {
  const { state, session } = running
  const abort = new AbortController()
  let finished: (() => void) | undefined
  const run: FakeRun = { abort, retrying: false, done: new Promise((resolve) => (finished = resolve)) }
  session.turn = run
  void loop(running, run).finally(() => {
    if (session.turn === run) session.turn = null
    finished?.()
  })
  function crashed(): boolean {
    return abort.signal.reason === 'crash' || !state.sessions.has(session.id)
  }
  async function loop(at: Running, current: FakeRun): Promise<void> {
    setStatus(state, session, { type: 'busy' })
    for (let force = at.force; force || !isAnswered(session); force = false) {
      // Lets the caller have its 204 before the first step, and everybody else their turn.
      await Promise.resolve()
      const goesOn = await step(at, current)
      if (crashed()) return
      if (!goesOn) break
    }
    setIdle(state, session)
  }
}

/** Resolves when the turn has ended. Idle and unknown sessions are fine. */
export async function abortTurn(state: FakeState, sessionId: string): Promise<void> {
  const session = state.sessions.get(sessionId)
  if (session?.turn) {
    session.turn.abort.abort()
    await session.turn.done
  } else if (session) setIdle(state, session)
}

function isAnswered(session: FakeSession): boolean {
  const user = newestUser(session)
  const answer = session.messages.findLast((m) => m.info.role === 'assistant' && m.info['parentID'] === user?.info.id)
  return user === undefined || (answer !== undefined && isFinal(answer.info['finish']))
}
const isFinal = (finish: unknown): boolean => typeof finish === 'string' && finish !== 'tool-calls' && finish !== 'unknown'
const newestUser = (session: FakeSession): FakeMessage | undefined => session.messages.findLast((m) => m.info.role === 'user')

/** True when the loop goes on. */
async function step(at: Running, run: FakeRun): Promise<boolean> {
  const { state, session } = at
  const message = openAssistant(state, session)
  const here: Step = { state, session, run, message, figures: figuresOf({ input: 10, cost: 0 }) }
  try {
    const end = await think(at, here)
    if ('error' in end) return failStep(here, end.error)
    addPart(here, { type: 'step-finish', reason: end.finish, ...here.figures })
    Object.assign(message.info, { finish: end.finish, tokens: undefined, cost: undefined, ...here.figures })
    sendMessage(here)
    complete(here)
    return end.last !== true
  } catch (error) {
    if (run.abort.signal.reason === 'crash') return false
    if (!(error instanceof Interrupted)) return failStep(here, { name: 'UnknownError', data: { message: messageOf(error) } })
    if (!run.retrying) return failStep(here, { name: 'MessageAbortedError', data: { message: 'Aborted' } })
    complete(here)
    return false
  }
}

function openAssistant(state: FakeState, session: FakeSession): FakeMessage {
  const parentID = newestUser(session)?.info.id
  const tokens = { input: 0, output: 0, reasoning: 0, cache: { read: 0, write: 0 } }
  const info = {
    id: state.newId('msg'),
    sessionID: session.id,
    role: 'assistant' as const,
    parentID,
    time: { created: state.clock.now() },
    cost: 0,
    tokens,
  }
  const message: FakeMessage = { info, parts: [] }
  session.messages.push(message)
  state.emit(session.directory, 'message.updated', { sessionID: session.id, info })
  return message
}

async function think(at: Running, here: Step): Promise<Exclude<StepEnd, null>> {
  const turn = turnOf(at, here)
  at.mind.requests.push(turn)
  setStatus(here.state, here.session, { type: 'busy' })
  let toolsCalled = false
  for await (const action of interruptible(at.mind.brain(turn), here.run.abort.signal)) {
    if (here.message.parts.length === 0 && action.type !== 'retry' && action.type !== 'error' && action.type !== 'hang')
      addPart(here, { type: 'step-start' })
    const end = await doAction(here, action)
    if (end !== null) return end
    toolsCalled ||= CALLS_TOOL.has(action.type)
  }
  return { finish: toolsCalled ? 'tool-calls' : 'stop' }
}
const CALLS_TOOL = new Set<FakeAction['type']>(['tool', 'question', 'permission', 'subagent', 'todos'])

async function* interruptible(actions: ReturnType<FakeBrain>, signal: AbortSignal): AsyncGenerator<FakeAction> {
  const list = await orInterrupted(Promise.resolve(actions), signal)
  const iterator = Symbol.asyncIterator in list ? list[Symbol.asyncIterator]() : list[Symbol.iterator]()
  for (;;) {
    const next = await orInterrupted(Promise.resolve(iterator.next()), signal)
    if (next.done) return
    yield next.value
  }
}

const ALL_TOOLS = ['bash', 'edit', 'glob', 'grep', 'question', 'read', 'skill', 'task', 'todowrite', 'webfetch', 'write']
/** The last matching rule wins; `edit` covers write, and rules for `write` do nothing. */
function offeredTools(session: FakeSession): readonly string[] {
  return ALL_TOOLS.filter((tool) => {
    const permission = tool === 'write' ? 'edit' : tool
    const last = session.rules.findLast((rule) => rule.permission === permission || rule.permission === '*')
    return !(last?.action === 'deny' && last.pattern === '*')
  })
}

function turnOf({ mind, session }: Running, { message }: Step): FakeTurn {
  const user = newestUser(session)
  const model = user?.info['model'] as FakeTurn['model']
  const answers = session.messages.filter((m) => m.info['parentID'] === user?.info.id && m !== message)
  const tools = answers.flatMap((m) => m.parts).filter((p) => p['type'] === 'tool')
  return {
    index: mind.requests.length,
    sessionId: session.id,
    directory: session.directory,
    messageId: user?.info.id ?? '',
    model,
    text: (user?.parts ?? []).map((p) => (typeof p['text'] === 'string' ? p['text'] : '')).join('\n'),
    tools: offeredTools(session),
    rules: session.rules,
    toolResults: tools.map((p) => ({ tool: String(p['tool']), output: outputOf(p['state'] as Fields) })),
    messages: session.messages.filter((m) => m !== message),
  }
}
const outputOf = (toolState: Fields): string => [toolState['output'], toolState['error']].find((text) => typeof text === 'string') ?? ''

// ------------------------------------------------------------------------------------------ records and events

const sendMessage = (here: Step): void =>
  here.state.emit(here.session.directory, 'message.updated', { sessionID: here.session.id, info: here.message.info })

function complete(here: Step): void {
  here.message.info['time'] = { ...(here.message.info['time'] as Fields), completed: here.state.clock.now() }
  sendMessage(here)
}

/** Idle comes twice, the first time before the final message. */
function failStep(here: Step, error: Fields): false {
  here.state.emit(here.session.directory, 'session.error', { sessionID: here.session.id, error })
  setIdle(here.state, here.session)
  here.message.info['error'] = error
  complete(here)
  return false
}
