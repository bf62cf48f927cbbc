/**
 * `npm run demo`: a ticket from draft to a verified commit, on real parts: the listening server, an embedded database, a
 * managed OpenCode, and a scripted model on loopback whose tool calls really run. The demo is an ordinary client.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { LoopTroopError, fail, messageOf, spentInWords } from '#core'
import type { TicketStatus, TicketView } from '#core'
import { createLoopTroopClient } from '#router'
import type { LoopTroopClient } from '#router'
import { startLoopTroop } from './compose.ts'
import type { ComposeOptions, LoopTroop } from './compose.ts'
import { decide, terminalAsk } from './demo/decide.ts'
import { createDisplay } from './demo/display.ts'
import type { Display } from './demo/display.ts'
import { addForge } from './demo/full-stage.ts'
import { shownScript } from './demo/full-script.ts'
import { demoScript } from './demo/model-script.ts'
import { USAGE, readOptions } from './demo/options.ts'
import type { DemoOptions } from './demo/options.ts'
import { SAMPLE_TICKET, makeSample } from './demo/sample.ts'
import { scriptedProvider, startScriptedModel } from './scripted-model.ts'
import type { ScriptedModel } from './scripted-model.ts'

interface Stage {
  readonly repo: string
  readonly title: string
  readonly description: string
  readonly model: string
  readonly compose: ComposeOptions
  readonly scripted: ScriptedModel | null
  readonly pipeline: string
  readonly members: readonly string[]
}

async function main(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv)
  if (options === 'help') return console.log(USAGE)
  const undo: (() => Promise<unknown> | void)[] = []
  const end = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  process.once('SIGINT', () => void end().finally(() => process.exit(130)))
  process.once('SIGTERM', () => void end().finally(() => process.exit(143)))
  try {
    const stage = await prepare(options, undo)
    const troop = await startLoopTroop(stage.compose)
    undo.push(() => stopAll(troop))
    const client = createLoopTroopClient({ url: troop.url, token: troop.token })
    undo.push(() => client.close())
    const display = createDisplay(process.stdout)
    await introduce(display, troop, stage)
    const ticket = await play({ client, display, stage, yes: options.yes })
    await summarise({ client, display, stage }, ticket)
  } finally {
    await end()
  }
}

/** The sample with its scripted model, or the person's own repository; both with a database and data folder of the demo's own. */
async function prepare(options: DemoOptions, undo: (() => Promise<unknown> | void)[]): Promise<Stage> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'looptroop-demo-')))
  undo.push(() =>
    options.keep ? console.log(`Kept: ${folder}`) : rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  )
  const compose = {
    env: process.env,
    dataDir: path.join(folder, 'data'),
    port: 0,
    host: '127.0.0.1',
    log: process.env['DEBUG'] ? console.error : () => {},
  }
  const { pipeline } = options
  if (options.own) return { ...options.own, pipeline, members: [], scripted: null, compose: { ...compose, folder: options.own.repo } }
  const repo = path.join(folder, 'slugs')
  await makeSample(repo)
  const full = pipeline === 'full'
  if (full) undo.push((await addForge(repo, folder)).undo)
  const scripted = await startScriptedModel({ script: full ? shownScript : demoScript })
  undo.push(() => scripted.close())
  const managed = { isolateHome: path.join(folder, 'home'), extraConfig: scriptedProvider(scripted.url) }
  return {
    repo,
    ...SAMPLE_TICKET,
    model: 'scripted/m1',
    members: full ? ['scripted/m2', 'scripted/m3'] : [],
    pipeline,
    scripted,
    compose: { ...compose, folder, opencode: { use: 'always_managed', managed } },
  }
}

/** The demo leaves no process behind, whatever still runs. */
async function stopAll(troop: LoopTroop): Promise<void> {
  await troop.stop()
  const opencode = await troop.opencode.catch(() => null)
  await opencode?.stop()
}

async function introduce(display: Display, troop: LoopTroop, stage: Stage): Promise<void> {
  display.line(`LoopTroop turns a ticket into a reviewed change. It listens on ${troop.url}.`)
  display.line((await troop.opencode).reason)
  display.line(`Repository: ${stage.repo}`)
  display.line(`Ticket: ${stage.title}`)
}

interface Playing {
  readonly client: LoopTroopClient
  readonly display: Display
  readonly stage: Stage
}

async function play({ client, display, stage, yes }: Playing & { yes: boolean }): Promise<TicketView> {
  const project = await client.projects.attach.mutate({ path: stage.repo })
  const ticket = await client.tickets.create.mutate({
    projectId: project.id,
    title: stage.title,
    description: stage.description,
    pipeline: stage.pipeline,
    models: { main: stage.model, members: [...stage.members] },
  })
  if (stage.scripted && stage.members.length > 0)
    await client.settings.update.mutate({ scope: 'project', id: project.id, patch: { 'qa.manual': true } })
  const { ask, close } = terminalAsk(yes)
  const watching = new AbortController()
  try {
    await client.tickets.start.mutate({ ticketId: ticket.id })
    for await (const batch of client.events.onTicket.subscribe({ ticketId: ticket.id }, { signal: watching.signal })) {
      display.show(batch.data)
      for (const event of batch.data.events) await decide({ client, ticketId: ticket.id, display, ask }, event)
      const ended = batch.data.events.some((e) => e.type === 'ticket.status' && isResting(e.data.status))
      if (ended) return await client.tickets.get.query({ ticketId: ticket.id })
    }
    throw fail('INTERNAL', { problem: 'the event stream ended before the ticket did' })
  } finally {
    watching.abort()
    close()
    display.end()
  }
}

/** Nothing goes on by itself: it is over, or needs more than an answer. */
const isResting = (status: TicketStatus): boolean => status === 'completed' || status === 'blocked' || status === 'canceled'

async function summarise({ client, display, stage }: Playing, ticket: TicketView): Promise<void> {
  if (ticket.status !== 'completed')
    throw fail('INTERNAL', {
      problem: `${ticket.id} is ${ticket.status}: ${ticket.blocked?.message ?? ''} ${ticket.blocked?.hint ?? ''}`.trim(),
    })
  const [diff, report, turns] = await Promise.all([
    client.tickets.diff.query({ ticketId: ticket.id }),
    client.tickets.artifact.query({ ticketId: ticket.id, kind: 'final_test_report' }),
    client.tickets.turns.query({ ticketId: ticket.id }),
  ])
  const { counts } = display
  const line = (text = ''): void => display.line(text)
  line()
  line(`✔ ${ticket.id} completed on branch ${ticket.branch}`)
  for (const text of diff.stat.trimEnd().split('\n')) line(`    ${text}`)
  line(`  server-run test: ${/^passed: true/m.test(report.content) ? 'passed' : 'see final_test_report'}`)
  if (!stage.scripted) line(`  turns ${turns.length}`)
  else {
    line(
      `  model requests ${stage.scripted.requests.length} for ${turns.length} turns, each posted ${Math.max(...turns.map((t) => t.posts))} time`,
    )
    line(
      `  the sample's own test: on ${ticket.baseBranch} ${await testOn(stage.repo, ticket.baseBranch ?? '')}, on the branch ${await testOn(stage.repo, ticket.branch ?? '')}`,
    )
  }
  line(`  events ${counts.events} · tool calls ${counts.tools} · ${spentInWords(counts.spent)}`)
  line(
    `  look further: git -C ${stage.repo} show ${ticket.branch}${stage.scripted ? '   (npm run demo -- --keep leaves it in place)' : ''}`,
  )
}

/** In a scratch checkout, so that the person's own is never touched. */
async function testOn(repo: string, branch: string): Promise<string> {
  const run = promisify(execFile)
  const scratch = await mkdtemp(path.join(tmpdir(), 'looptroop-check-'))
  try {
    await run('git', ['clone', '--quiet', '--branch', branch, repo, scratch])
    return await run(process.execPath, ['--test'], { cwd: scratch }).then(
      () => 'passes',
      () => 'fails',
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Ours carry what to do; so does what the server answered. */
function hintOf(error: unknown): string | undefined {
  if (error instanceof LoopTroopError) return error.code === 'INTERNAL' ? undefined : error.hint
  const data: unknown = (error as { data?: unknown } | null)?.data
  return (data as { hint?: string } | null | undefined)?.hint
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(`\n✘ ${messageOf(error)}`)
  const hint = hintOf(error)
  if (hint !== undefined) console.error(`→ ${hint}`)
  process.exitCode = 1
}
