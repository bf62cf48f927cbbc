/**
 * Runs spec files, each in a process of its own, a few at a time, and trusts nothing: a file passes only when it declared
 * tests, all of them passed, it ended by itself in time, and left no process and no temporary file behind.
 *
 *   run-specs.ts [--live | --slow] [--node-test] [--dir FOLDER] [--timeout MS] [path filter …]
 *
 * The closing line is `N passed, N failed`; it counts tests, and a file that is wrong as a whole counts as one failure.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

interface Report {
  readonly declared: number
  readonly passed: number
  readonly failed: readonly string[]
  readonly openHandles: readonly string[]
}
interface FileResult {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly problems: readonly string[]
  readonly output: string
  readonly durationMs: number
}
type Kind = 'fast' | 'live' | 'slow'
interface Plan {
  readonly dir: string
  readonly kind: Kind
  readonly nodeTest: boolean
  readonly timeoutMs: number
  readonly filters: readonly string[]
}

const FILE_LIMITS_MS: Readonly<Record<Kind, number>> = { fast: 180_000, live: 420_000, slow: 1_200_000 }
/** Files at a time. All wait more than they work, live ones for a model server each; slow ones are measured by the clock. */
const LANES: Readonly<Record<Kind, number>> = { fast: 3, live: 2, slow: 1 }
/** Databases and repositories of a spec wait for their disk at each commit; what no spec can tell apart is memory that counts as one. */
const MEMORY = '/dev/shm'
const MEMORY_BYTES = 1_000_000_000
const ROOT = path.resolve(import.meta.dirname, '..')

function readPlan(args: readonly string[]): Plan {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      live: { type: 'boolean', default: false },
      slow: { type: 'boolean', default: false },
      'node-test': { type: 'boolean', default: false },
      dir: { type: 'string', default: path.join(ROOT, 'spec') },
      timeout: { type: 'string' },
    },
  })
  const kind: Kind = values.slow ? 'slow' : values.live ? 'live' : 'fast'
  const timeoutMs = values.timeout === undefined ? FILE_LIMITS_MS[kind] : Number(values.timeout)
  return { dir: path.resolve(values.dir), kind, nodeTest: values['node-test'], timeoutMs, filters: positionals }
}

/** Only for fast ones: a container may have a small memory folder, or one where nothing may be executed. */
function scratch(kind: Kind): string {
  if (kind !== 'fast' || process.platform !== 'linux' || process.env['TMPDIR'] !== undefined) return tmpdir()
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[1] === MEMORY)
    const mayExecute = mount !== undefined && !(mount.split(' ')[3] ?? '').split(',').includes('noexec')
    return mayExecute && bavail * bsize >= MEMORY_BYTES ? MEMORY : tmpdir()
  } catch {
    // This system has none.
    return tmpdir()
  }
}

async function main(plan: Plan): Promise<number> {
  endWithUs()
  const files = selectFiles(plan)
  if (files.length === 0) console.log(`No ${plan.kind} spec file in ${plan.dir} matches ${plan.filters.join(' ') || 'anything'}.`)
  const results = await runAll(files, plan)
  const passed = results.reduce((sum, result) => sum + result.passed, 0)
  const failed = files.length === 0 ? 1 : results.reduce((sum, result) => sum + result.failed, 0)
  for (const { file, problems } of results.filter((result) => result.failed > 0))
    console.log(`\nfailed: ${file}\n  ${problems.join('\n  ')}`)
  console.log(`\n${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** Files' processes have groups of their own: whatever ends this one (Ctrl-C, a closed pipe) has to end them too. */
const running = new Map<number, string>()

function endWithUs(): void {
  process.on('exit', () => {
    for (const [pid, folder] of running) {
      endGroup(pid)
      rmSync(folder, { recursive: true, force: true })
    }
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
  process.stdout.on('error', () => process.exit(1))
}

/** Live specs and slow ones are chosen by name, so that leaving them out is visible in the name. */
function selectFiles({ dir, kind, filters }: Plan): readonly string[] {
  const all = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.spec.ts') && !file.startsWith('examples/'),
  )
  const chosen = all.filter((file) => kindOf(file) === kind).map((file) => path.join(dir, file))
  return chosen.filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter))).toSorted()
}

const kindOf = (file: string): Kind => (/\.slow(\.live)?\.spec\.ts$/.test(file) ? 'slow' : file.endsWith('.live.spec.ts') ? 'live' : 'fast')

async function runAll(files: readonly string[], plan: Plan): Promise<readonly FileResult[]> {
  const waiting = [...files]
  const results: FileResult[] = []
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file, plan)
      results.push(result)
      printResult(result)
    }
  }
  await Promise.all(Array.from({ length: LANES[plan.kind] }, lane))
  return results
}

function printResult({ file, passed, failed, durationMs, output }: FileResult): void {
  const verdict = failed === 0 ? 'ok    ' : 'FAILED'
  console.log(
    `${verdict} ${path.relative(process.cwd(), file)}  ${passed} passed${failed === 0 ? '' : `, ${failed} failed`}  ${Math.round(durationMs)} ms`,
  )
  if (failed > 0) console.log(output.trimEnd().replaceAll(/^/gm, '       '))
}

async function runFile(file: string, plan: Plan): Promise<FileResult> {
  const started = performance.now()
  const folder = mkdtempSync(path.join(scratch(plan.kind), 'spec-'))
  const home = path.join(folder, 'tmp')
  const { code, output, timedOut, pid } = await runProcess(file, { plan, folder, home })
  const report = readReport(path.join(folder, 'report.json'))
  const problems = [
    ...wordsAgainst(file),
    ...(timedOut ? [`took longer than ${plan.timeoutMs} ms and was ended`] : []),
    ...judge(report, code),
    ...(await endLeftovers(home, pid)),
    ...leftFiles(home),
  ]
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  const passed = report?.passed ?? 0
  const failed = Math.max((report?.declared ?? 0) - passed, problems.length > 0 ? 1 : 0)
  return { file, passed, failed, problems, output, durationMs: performance.now() - started }
}

interface Run {
  readonly plan: Plan
  readonly folder: string
  readonly home: string
}

function runProcess(
  file: string,
  { plan, folder, home }: Run,
): Promise<{ code: number | null; output: string; timedOut: boolean; pid: number }> {
  // TMPDIR changes only after tsx has chosen its cache folder, which is shared by all files and would look left behind.
  const ownTemp = `import{mkdirSync}from'node:fs';mkdirSync(${JSON.stringify(home)});process.env.TMPDIR=${JSON.stringify(home)}`
  const imports = [
    'tsx',
    `data:text/javascript,${encodeURIComponent(ownTemp)}`,
    ...(plan.nodeTest ? [path.join(ROOT, 'spec/helpers/uvu-on-node-test.mjs')] : []),
  ]
  return new Promise((resolve) => {
    const env = { ...process.env, LOOPTROOP_SPEC_REPORT: path.join(folder, 'report.json'), NODE_TEST_CONTEXT: undefined, FORCE_COLOR: '0' }
    const child = spawn(process.execPath, [...imports.flatMap((name) => ['--import', name]), file], {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const pid = child.pid ?? 0
    running.set(pid, folder)
    let output = ''
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      endGroup(pid)
    }, plan.timeoutMs)
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (output += text))
    child.on('error', (error) => void (output += String(error)))
    // Not `close`: a grandchild that holds the pipe would keep us waiting; it is found and named below.
    child.on('exit', (code) => {
      clearTimeout(timer)
      running.delete(pid)
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        resolve({ code, output, timedOut, pid })
      })
    })
  })
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    // Killed, or it never reached spec/helpers/suite.ts: judged by the absence.
    return undefined
  }
}

function judge(report: Report | undefined, code: number | null): readonly string[] {
  if (report === undefined) return [`ended with ${code ?? 'a signal'} and without a report; does it import spec/helpers/suite.ts?`]
  const problems = report.failed.map((title) => `failed: ${title}`)
  const lost = report.declared - report.passed - report.failed.length
  if (report.declared === 0) problems.push('declares no test')
  if (lost > 0) problems.push(`${lost} of ${report.declared} tests did not run to their end`)
  if (report.openHandles.length > 0) problems.push(`stayed alive after its last test: ${report.openHandles.join(', ')}`)
  if (problems.length === 0 && code !== 0) problems.push(`ended with exit code ${code ?? 'none (signal)'}`)
  return problems
}

/** What uvu itself would let pass. */
function wordsAgainst(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  const problems: string[] = []
  if (/from\s+['"]uvu['"]|import\(\s*['"]uvu['"]/.test(text))
    problems.push('imports uvu itself; tests are declared through spec/helpers/suite.ts')
  if (/\b(it|test|describe|suite)\.(only|skip)\b/.test(text)) problems.push('holds .only or .skip')
  return problems
}

/** Processes of this file's group, with its temporary folder as TMPDIR, or with their working directory there. */
function leftovers(home: string, pgid: number): readonly { pid: number; command: string }[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        if (state === 'Z') return []
        const belongs =
          Number(group) === pgid ||
          readFileSync(`/proc/${name}/environ`, 'utf8').includes(home) ||
          readlinkSync(`/proc/${name}/cwd`).startsWith(home)
        return belongs ? [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }] : []
      } catch {
        // Ended meanwhile, or another user's.
        return []
      }
    })
}

async function endLeftovers(home: string, pgid: number): Promise<readonly string[]> {
  const until = performance.now() + 1_500
  let left = leftovers(home, pgid)
  while (left.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    left = leftovers(home, pgid)
  }
  for (const { pid } of left) endProcess(pid)
  return left.map(({ pid, command }) => `left process ${pid} behind: ${command.slice(0, 200)}`)
}

function endGroup(pid: number): void {
  if (pid > 0) endProcess(-pid)
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone, which is what was wanted.
  }
}

/** What other programs keep in the temporary folder is theirs: tsx, Node, OpenCode, and Bun's unpacked native libraries. */
const FOREIGN_CACHES = /^(tsx-\d+|node-compile-cache|opencode|\.[0-9a-f]+-[0-9a-f]+\.(so|node))$/

function leftFiles(home: string): readonly string[] {
  try {
    const left = readdirSync(home).filter((name) => !FOREIGN_CACHES.test(name))
    return left.length === 0 ? [] : [`left in its temporary folder: ${left.join(', ')}`]
  } catch {
    // The file's process did not get as far as making it.
    return []
  }
}

process.exitCode = await main(readPlan(process.argv.slice(2)))
