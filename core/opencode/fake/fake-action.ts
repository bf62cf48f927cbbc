/** One thing the fake's model does, with the parts, events and pending requests that the real server makes of it. */
import { messageOf } from '../../errors.ts'
import type { FakeAction } from './brain.ts'
import { createSession, type Answer, type Fields } from './fake-state.ts'
import { addPart, figuresOf, Interrupted, orInterrupted, sendPart, setStatus, type Step, type StepEnd } from './fake-step.ts'

export async function doAction(here: Step, action: FakeAction): Promise<StepEnd> {
  switch (action.type) {
    case 'text':
      return say(here, { type: 'text', chunks: action.chunks ?? [action.text], hold: action.hold })
    case 'reasoning':
      return say(here, { type: 'reasoning', chunks: [action.text] })
    case 'tool':
      return runTool(here, action)
    case 'question':
      return askQuestion(here, action)
    case 'permission':
      return askPermission(here, action)
    case 'subagent':
      return runSubagent(here, action)
    case 'figures':
      here.figures = figuresOf(action)
      return null
    case 'todos':
      here.state.emit(here.session.directory, 'todo.updated', { sessionID: here.session.id, todos: action.todos })
      return runTool(here, { type: 'tool', tool: 'todowrite', input: { todos: action.todos } })
    case 'retry':
      return waitForRetry(here, action)
    case 'error':
      return { error: errorOf(action) }
    case 'hang':
      return orInterrupted(new Promise<null>(() => undefined), here.run.abort.signal)
    case 'wait':
      await orInterrupted(action.until, here.run.abort.signal)
      return null
    case 'finish':
      return { finish: action.reason }
  }
}

const errorOf = ({ name, message, statusCode }: Extract<FakeAction, { type: 'error' }>): Fields => ({
  name,
  data: { message, ...(statusCode === undefined ? {} : { statusCode, isRetryable: false }) },
})

/** Streamed text is stored only when its part ends; until then a read shows an empty text. An abort keeps what came. */
async function say(here: Step, { type, chunks, hold }: Speech): Promise<null> {
  const { state, session } = here
  const { signal } = here.run.abort
  const start = state.clock.now()
  const part = addPart(here, { type, text: '', time: { start } })
  const ids = { sessionID: session.id, messageID: here.message.info.id, partID: part['id'] }
  let said = ''
  try {
    for (const delta of chunks) {
      await orInterrupted(Promise.resolve(), signal)
      said += delta
      state.emit(session.directory, 'message.part.delta', { ...ids, field: 'text', delta })
    }
    await orInterrupted(Promise.resolve(hold), signal)
  } finally {
    if (signal.reason !== 'crash') {
      Object.assign(part, { text: said, time: { start, end: state.clock.now() } })
      sendPart(here, part)
    }
  }
  return null
}
interface Speech {
  readonly type: 'text' | 'reasoning'
  readonly chunks: readonly string[]
  readonly hold?: PromiseLike<unknown> | undefined
}

interface Tool {
  readonly part: Fields
  end(state: Fields): void
}

function openTool(here: Step, tool: string, input: unknown): Tool {
  const callID = here.state.newId('call')
  const part = addPart(here, { type: 'tool', tool, callID, state: { status: 'pending', input: {}, raw: '' } })
  const start = here.state.clock.now()
  const set = (state: Fields): void => {
    part['state'] = {
      input: input ?? {},
      ...state,
      time: { start, ...(state['status'] === 'running' ? {} : { end: here.state.clock.now() }) },
    }
    sendPart(here, part)
  }
  set({ status: 'running' })
  return { part, end: set }
}

async function runTool(here: Step, action: Extract<FakeAction, { type: 'tool' }>): Promise<StepEnd> {
  const tool = openTool(here, action.tool, action.input)
  return finishTool(here, { tool, title: action.tool, run: action.run })
}

interface Ending {
  readonly tool: Tool
  readonly title: string
  readonly run: ((directory: string) => string | Promise<string>) | undefined
}
async function finishTool(here: Step, { tool, title, run }: Ending): Promise<StepEnd> {
  try {
    const output = run ? await orInterrupted(Promise.resolve(run(here.session.directory)), here.run.abort.signal) : ''
    tool.end({ status: 'completed', output, title, metadata: {} })
  } catch (error) {
    if (error instanceof Interrupted) {
      if (here.run.abort.signal.reason !== 'crash')
        tool.end({ status: 'error', error: 'Tool execution aborted', metadata: { interrupted: true } })
      throw error
    }
    tool.end({ status: 'error', error: messageOf(error) })
  }
  return null
}

/** After an abort the request stays listed, a ghost; after a crash it is gone with the process. */
async function pend(here: Step, at: { kind: 'questions' | 'permissions'; tool: Tool; record: Fields }): Promise<Answer> {
  const { state, session } = here
  const question = at.kind === 'questions'
  const id = state.newId(question ? 'que' : 'per')
  const record: Fields = {
    id,
    sessionID: session.id,
    ...at.record,
    tool: { messageID: here.message.info.id, callID: at.tool.part['callID'] },
  }
  const answered = new Promise<Answer>((resolve) => state[at.kind].set(id, { id, directory: session.directory, record, settle: resolve }))
  state.emit(session.directory, question ? 'question.asked' : 'permission.asked', record)
  try {
    return await orInterrupted(answered, here.run.abort.signal)
  } catch (error) {
    const ghost = state[at.kind].get(id)
    if (ghost) ghost.settle = null
    if (here.run.abort.signal.reason !== 'crash')
      at.tool.end({ status: 'error', error: 'Tool execution aborted', metadata: { interrupted: true } })
    throw error
  }
}

/** A rejection ends the turn: finish `tool-calls`, no error, and nothing more ever comes. */
async function askQuestion(here: Step, action: Extract<FakeAction, { type: 'question' }>): Promise<StepEnd> {
  const tool = openTool(here, 'question', { questions: action.questions })
  const answer = await pend(here, { kind: 'questions', tool, record: { questions: action.questions } })
  if (answer.kind !== 'answers') {
    tool.end({ status: 'error', error: 'The user dismissed this question' })
    return { finish: 'tool-calls', last: true }
  }
  const words = action.questions.map((q, i) => `"${q.question}"="${answer.answers[i]?.join(', ') || 'Unanswered'}"`).join(', ')
  tool.end({
    status: 'completed',
    output: `User has answered your questions: ${words}. You can now continue with the user's answers in mind.`,
    title: 'Asked',
    metadata: {},
  })
  return null
}

async function askPermission(here: Step, action: Extract<FakeAction, { type: 'permission' }>): Promise<StepEnd> {
  const tool = openTool(here, action.permission, {})
  const record = { permission: action.permission, patterns: action.patterns, metadata: {}, always: action.patterns }
  const answer = await pend(here, { kind: 'permissions', tool, record })
  if (answer.kind !== 'reply' || answer.reply !== 'reject') return finishTool(here, { tool, title: action.permission, run: action.run })
  tool.end({ status: 'error', error: answer.message ?? 'The user rejected permission to use this specific tool call.' })
  return answer.message === undefined ? { finish: 'tool-calls', last: true } : null
}

/** The child's session has the parent's id and is busy together with it. */
async function runSubagent(here: Step, action: Extract<FakeAction, { type: 'subagent' }>): Promise<StepEnd> {
  const { state, session } = here
  const tool = openTool(here, 'task', { description: action.description })
  const child = createSession(state, session.directory, { title: action.description, parentID: session.id, permission: session.rules })
  setStatus(state, child, { type: 'busy' })
  const info = {
    id: state.newId('msg'),
    sessionID: child.id,
    role: 'assistant' as const,
    time: { created: state.clock.now() },
    finish: 'stop',
    ...figuresOf(action.figures ?? { input: null, cost: null }),
  }
  const message = { info, parts: [] }
  child.messages.push(message)
  state.emit(child.directory, 'message.updated', { sessionID: child.id, info })
  await say({ ...here, session: child, message }, { type: 'text', chunks: [action.text] })
  state.statuses.delete(child.id)
  state.emit(child.directory, 'session.status', { sessionID: child.id, status: { type: 'idle' } })
  tool.end({ status: 'completed', output: action.text, title: action.description, metadata: { sessionId: child.id } })
  return null
}

async function waitForRetry(here: Step, action: Extract<FakeAction, { type: 'retry' }>): Promise<null> {
  const { state, session, run } = here
  run.retrying = true
  setStatus(state, session, { type: 'retry', attempt: 1, message: action.message, next: state.clock.now() + action.waitMs })
  await orInterrupted(state.clock.sleep(action.waitMs, run.abort.signal), run.abort.signal)
  run.retrying = false
  setStatus(state, session, { type: 'busy' })
  return null
}
