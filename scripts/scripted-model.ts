/**
 * A model on loopback that speaks the OpenAI chat-completions protocol and says what a script tells it to. It stands in
 * for a provider where the rest is real: OpenCode really calls it, and really runs the tools it asks for.
 * Used by the demo and by specs; the kernel does not know it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** One call of the model, as the script sees it and as it is kept for counting. */
export interface ScriptedRequest {
  /** 0 for the first request of this server. */
  readonly index: number
  readonly model: string
  /** As OpenCode sent them. */
  readonly messages: readonly ChatMessage[]
  /** Names of the tools that were offered. */
  readonly tools: readonly string[]
  /** OpenCode's session, from its `x-session-id` header. */
  readonly sessionId: string
  /** Set for a sub-agent's session. */
  readonly parentSessionId?: string
  readonly lastUserText: string
  /** Results of the tools called since the last user message, oldest first: how far this turn has come. */
  readonly toolResults: readonly ToolResult[]
}
export interface ChatMessage {
  readonly role: string
  readonly content?: unknown
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string; readonly arguments: string } }[]
  readonly tool_call_id?: string
}
export interface ToolResult {
  readonly name: string
  readonly callId: string
  readonly content: string
}

/** What the model says to one request. */
export type Reply = Answer | Refusal | { readonly hang: true }
export interface Answer {
  readonly text?: string
  /** Text in pieces, streamed `everyMs` apart: how a turn of several minutes is made. */
  readonly chunks?: readonly string[]
  readonly everyMs?: number
  readonly reasoning?: string
  /** Before the first byte of the body. */
  readonly delayMs?: number
  readonly toolCalls?: readonly { readonly name: string; readonly args: unknown }[]
  /** Default `tool_calls` with tool calls, else `stop`. */
  readonly finish?: string
  readonly usage?: { readonly input: number; readonly output: number }
  /** `connection`: the socket is destroyed after the text. `stream`: it ends without a finish chunk. */
  readonly cut?: 'connection' | 'stream'
}
/** An HTTP error: 401, or 429 with `{'retry-after-ms': '500'}`. */
export interface Refusal {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
export type Script = (request: ScriptedRequest) => Reply | Promise<Reply>

export interface ScriptedModel extends AsyncDisposable {
  /** Base URL for a provider: `http://127.0.0.1:PORT/v1`. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: readonly ScriptedRequest[]
  /** From the next request on. */
  use(script: Script): void
  close(): Promise<void>
}

export async function startScriptedModel(options: { script: Script; port?: number }): Promise<ScriptedModel> {
  const requests: ScriptedRequest[] = []
  const closing = new AbortController()
  let script = options.script
  const server = createServer((request, response) => {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const signal = AbortSignal.any([gone.signal, closing.signal])
    answer(request, response, signal).catch((error: unknown) => {
      if (!signal.aborted) refuse(response, { status: 500, body: { error: { message: String(error) } } })
    })
  })
  const answer = async (request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> => {
    if (request.method !== 'POST' || !request.url?.endsWith('/chat/completions')) return refuse(response, { status: 404 })
    const seen = readRequest(JSON.parse(await bodyOf(request)) as Body, request, requests.length)
    requests.push(seen)
    const reply = await script(seen)
    if ('hang' in reply) return
    if ('status' in reply) return refuse(response, reply)
    await stream(response, { reply, model: seen.model, id: `chatcmpl-${seen.index}`, signal })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const close = async (): Promise<void> => {
    closing.abort()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    use: (next) => void (script = next),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The part of an OpenCode configuration that makes the scripted model its default: model `scripted/m1`. */
export function scriptedProvider(url: string): Record<string, unknown> {
  const model = { name: 'Scripted', tool_call: true, limit: { context: 200_000, output: 32_000 } }
  const options = { baseURL: url, apiKey: 'scripted-key' }
  return {
    provider: { scripted: { npm: '@ai-sdk/openai-compatible', name: 'Scripted', options, models: { m1: model, m2: model, m3: model } } },
    model: 'scripted/m1',
    small_model: 'scripted/m1',
    enabled_providers: ['scripted'],
  }
}

// -------------------------------------------------------------------------------------------------- reading

interface Body {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly tools?: readonly { readonly function: { readonly name: string } }[]
}

function readRequest(body: Body, request: IncomingMessage, index: number): ScriptedRequest {
  const lastUser = body.messages.findLastIndex((m) => m.role === 'user')
  const parent = header(request, 'x-parent-session-id')
  return {
    index,
    model: body.model,
    messages: body.messages,
    tools: (body.tools ?? []).map((t) => t.function.name),
    sessionId: header(request, 'x-session-id'),
    ...(parent === '' ? {} : { parentSessionId: parent }),
    lastUserText: textOf(body.messages[lastUser]?.content),
    toolResults: body.messages
      .slice(lastUser + 1)
      .filter((m) => m.role === 'tool')
      .map((m) => ({ name: toolName(body.messages, m.tool_call_id), callId: m.tool_call_id ?? '', content: textOf(m.content) })),
  }
}

const header = (request: IncomingMessage, name: string): string => String(request.headers[name] ?? '')

const toolName = (messages: readonly ChatMessage[], callId: string | undefined): string =>
  messages.flatMap((m) => m.tool_calls ?? []).find((call) => call.id === callId)?.function.name ?? ''

/** Content is a string or a list of parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: string }) => part.text ?? '').join('')
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

// -------------------------------------------------------------------------------------------------- answering

function refuse(response: ServerResponse, refusal: Refusal): void {
  const body = refusal.body ?? { error: { message: `scripted ${refusal.status}` } }
  response.writeHead(refusal.status, { 'content-type': 'application/json', ...refusal.headers }).end(JSON.stringify(body))
}

interface Stream {
  readonly reply: Answer
  readonly model: string
  readonly id: string
  readonly signal: AbortSignal
}

/** The order in which real providers stream: role, reasoning, text, tool calls, finish, usage, `[DONE]`. */
async function stream(response: ServerResponse, { reply, model, id, signal }: Stream): Promise<void> {
  if (reply.delayMs) await sleep(reply.delayMs, undefined, { signal })
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = (choices: readonly unknown[], more: object = {}): void => {
    response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model, choices, ...more })}\n\n`)
  }
  const delta = (value: object): void => send([{ index: 0, delta: value, finish_reason: null }])
  delta({ role: 'assistant', content: '' })
  if (reply.reasoning) delta({ reasoning_content: reply.reasoning })
  await speak(reply, { delta, signal })
  for (const [i, call] of (reply.toolCalls ?? []).entries()) {
    delta({
      tool_calls: [
        { index: i, id: `call_${id}_${i}`, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.args) } },
      ],
    })
  }
  if (reply.cut === 'connection') return void setImmediate(() => response.destroy())
  if (reply.cut === 'stream') return void response.end()
  send([{ index: 0, delta: {}, finish_reason: reply.finish ?? (reply.toolCalls?.length ? 'tool_calls' : 'stop') }])
  const usage = reply.usage ?? { input: 10, output: 5 }
  send([], { usage: { prompt_tokens: usage.input, completion_tokens: usage.output, total_tokens: usage.input + usage.output } })
  response.end('data: [DONE]\n\n')
}

async function speak(reply: Answer, to: { readonly delta: (value: object) => void; readonly signal: AbortSignal }): Promise<void> {
  for (const [i, text] of (reply.chunks ?? (reply.text ? [reply.text] : [])).entries()) {
    if (i > 0 && reply.everyMs) await sleep(reply.everyMs, undefined, { signal: to.signal })
    to.delta({ content: text })
  }
}
