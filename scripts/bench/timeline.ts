/** Where the time of an owned prompt goes: every call that the product makes meanwhile, by name. */
import type { OpencodeAdapter } from '#core'

/** Milliseconds by what was waited for. */
export type Spans = Readonly<Record<string, number>>
/** What was sent to OpenCode, to be sent again by hand. */
export interface Sent {
  readonly session: Parameters<OpencodeAdapter['createSession']>[0]
  readonly text: string
}
export interface Timeline {
  watch<T extends object>(kind: 'store' | 'opencode', target: T): T
  begin(): void
  end(totalMs: number): Spans
  /** By the last owned prompt. */
  sent(): Sent
}
interface Call {
  readonly name: string
  readonly args: readonly unknown[]
  readonly from: number
  readonly to: number
}

export function createTimeline(): Timeline {
  let calls: Call[] = []
  return {
    watch: (kind, target) =>
      new Proxy(target, {
        get: (of, name, receiver) => {
          const value: unknown = Reflect.get(of, name, receiver)
          if (typeof value !== 'function' || typeof name !== 'string') return value
          return (...args: unknown[]): unknown => {
            const from = performance.now()
            const result: unknown = Reflect.apply(value, of, args)
            if (result instanceof Promise)
              result.then(
                () => calls.push({ name: `${kind}.${name}`, args, from, to: performance.now() }),
                () => undefined,
              )
            return result
          }
        },
      }),
    begin: () => void (calls = []),
    end: (totalMs) => spansOf(calls, totalMs),
    sent: () => sentBy(calls),
  }
}

const TURN = 'OpenCode answers (POST to the final event)'

/** The stretch from the POST to the settlement is one span, whatever is written meanwhile; the rest call by call. */
function spansOf(calls: readonly Call[], totalMs: number): Spans {
  const posted = calls.find((call) => call.name === 'opencode.promptSession')?.from ?? 0
  const settled = calls.find((call) => call.name === 'store.settleTurn')?.from ?? posted
  const spans: Record<string, number> = { [TURN]: settled - posted }
  for (const { name, from, to } of calls) if (from < posted || from >= settled) spans[name] = (spans[name] ?? 0) + (to - from)
  const known = Object.values(spans).reduce((sum, ms) => sum + ms, 0)
  return { ...spans, 'everything else in LoopTroop': Math.max(0, totalMs - known) }
}

function sentBy(calls: readonly Call[]): Sent {
  const argsOf = (name: string): readonly unknown[] => calls.findLast((call) => call.name === `opencode.${name}`)?.args ?? []
  const [session] = argsOf('createSession') as Partial<Parameters<OpencodeAdapter['createSession']>>
  const [, , request] = argsOf('promptSession') as Partial<Parameters<OpencodeAdapter['promptSession']>>
  if (!session || !request) throw new Error('no owned prompt was seen yet')
  return { session, text: request.parts.map((part) => part.text).join('') }
}
