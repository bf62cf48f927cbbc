/**
 * The only way a spec file declares tests. uvu forgets a suite whose `run()` was not called, swallows what a hook throws,
 * passes `throw null` and waits for ever; `describe` closes all of these: it always runs, offers no hooks (set-up is
 * `await using world = await startWorld()` inside the test), bounds every test in time and turns any throw into an Error.
 *
 * For scripts/run-specs.ts it writes what was declared and what passed to the file named by LOOPTROOP_SPEC_REPORT, so that
 * a file which ends early or declares nothing cannot look green. It also runs under node:test (npm run test:node).
 */
import { writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { suite } from 'uvu'

export interface ItOptions {
  /** Default 20 s, in `*.live.spec.ts` 120 s. */
  readonly timeoutMs?: number
}
export type It = (title: string, test: () => void | Promise<void>, options?: ItOptions) => void

const isLive = (process.argv[1] ?? '').endsWith('.live.spec.ts')
const DEFAULT_TIMEOUT_MS = isLive ? 120_000 : 20_000
/** How long a file may stay alive after its last test. */
const GRACE_MS = 2_000
const report = { declared: 0, passed: 0, failed: [] as string[], openHandles: [] as string[] }
const reportPath = process.env['LOOPTROOP_SPEC_REPORT']
const allFinished = (): boolean => report.passed + report.failed.length === report.declared

export function describe(name: string, declare: (it: It) => void): void {
  const tests = suite(name)
  let declared = 0
  let open = true
  const it: It = (title, test, options) => {
    if (!open) throw new Error(`"${title}" is declared after describe("${name}") has returned; declare tests synchronously`)
    declared++
    report.declared++
    tests(title, () => runTest(`${name}: ${title}`, test, options?.timeoutMs ?? DEFAULT_TIMEOUT_MS))
  }
  const returned: unknown = declare(it)
  open = false
  if (returned instanceof Promise) throw new Error(`describe("${name}") got an async function; declare tests synchronously`)
  if (declared === 0) throw new Error(`describe("${name}") declares no test`)
  tests.run()
}

async function runTest(title: string, test: () => void | Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([Promise.resolve().then(test), late])
    report.passed++
  } catch (error) {
    report.failed.push(title)
    throw asError(error)
  } finally {
    clearTimeout(timer)
    if (reportPath !== undefined && allFinished()) setTimeout(endWithOpenHandles, GRACE_MS).unref()
  }
}

/** uvu prints `name`, `message` and `stack` of what was thrown, and takes an empty message for a pass. */
function asError(thrown: unknown): Error {
  if (thrown instanceof Error && thrown.message !== '') return describeCause(printable(thrown))
  return new Error(`threw ${inspect(thrown)}`, { cause: thrown })
}

/** uvu takes `details` for its own, a text: an error of the kernel, whose details are values, would end its report. */
function printable(error: Error): Error {
  if (typeof (error as { details?: unknown }).details !== 'object') return error
  const shown = new Error(error.message, { cause: error })
  if (error.stack !== undefined) shown.stack = error.stack
  return shown
}

/** uvu shows no cause and no SuppressedError; a failing spec should. */
function describeCause(error: Error): Error {
  const more = [error.cause, (error as { error?: unknown }).error, (error as { suppressed?: unknown }).suppressed].filter(
    (x) => x !== undefined,
  )
  if (more.length > 0 && typeof error.stack === 'string') error.stack += more.map((x) => `\n    at -- caused by: ${inspect(x)}`).join('')
  return error
}

/** The timer holds nothing alive, so when it fires something else does. */
function endWithOpenHandles(): void {
  if (!allFinished()) return
  report.openHandles = process.getActiveResourcesInfo()
  process.exit(1)
}

if (reportPath !== undefined) {
  // Children of a spec must not overwrite its report.
  delete process.env['LOOPTROOP_SPEC_REPORT']
  process.on('exit', () => writeFileSync(reportPath, JSON.stringify(report)))
}
