/** Brings one nudge to its target: an HTTP POST, or a command without a shell that gets it on its standard input. */
import { fail, messageOf } from '../errors.ts'
import { redact } from '../redact.ts'
import type { NotifyTarget } from '../settings.ts'
import { cleanEnvironment, OutputBuffer, runProcess } from '../workspace/index.ts'

export interface Nudge {
  /** The same for every try of an entry: who has seen it has nothing to do. */
  readonly key: string
  /** JSON, without secrets. */
  readonly body: string
}
/** Rejects unless the target took it. */
export type Deliver = (target: NotifyTarget, nudge: Nudge, signal: AbortSignal) => Promise<void>

export const DELIVERY_BOUND_MS = 10_000
const OUTPUT_BYTES = 2_000

export const deliver: Deliver = (target, nudge, signal) =>
  'url' in target ? post(target.url, nudge, signal) : run(target.command, nudge, signal)

/** Other than 2xx is a failure; a redirect is one too: a nudge goes where it was told to go. */
async function post(url: string, { key, body }: Nudge, signal: AbortSignal): Promise<void> {
  const host = new URL(url).host
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(DELIVERY_BOUND_MS)])
  const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: bounded }).catch((error: unknown) => {
    throw fail('NOTIFY_FAILED', { target: host, problem: messageOf((error as Error).cause ?? error) }, error)
  })
  await response.body?.cancel()
  if (!response.ok) throw fail('NOTIFY_FAILED', { target: host, problem: `it answered ${response.status}` })
}

async function run([file = '', ...args]: readonly string[], { key, body }: Nudge, signal: AbortSignal): Promise<void> {
  const output = new OutputBuffer(OUTPUT_BYTES)
  const end = await runProcess({
    ...{ file, args, cwd: process.cwd(), env: cleanEnvironment({ LOOPTROOP_NUDGE: key }), timeoutMs: DELIVERY_BOUND_MS, signal },
    input: body,
    onOutput: (_, chunk) => output.add(chunk),
  }).catch((error: unknown) => {
    throw fail('NOTIFY_FAILED', { target: file, problem: messageOf(error) }, error)
  })
  const how = end.timedOut
    ? `it took longer than ${DELIVERY_BOUND_MS} ms`
    : `it ended with ${end.exitCode}: ${redact(output.text()).trim()}`
  if (end.timedOut || end.exitCode !== 0) throw fail('NOTIFY_FAILED', { target: file, problem: how })
}
