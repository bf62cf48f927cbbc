/** `npm start`: the server for real use. Says where it listens, which OpenCode it uses and why, and what to do next. */
import { LoopTroopError, messageOf } from '#core'
import { startLoopTroop } from './compose.ts'
import type { LoopTroop } from './compose.ts'

async function main(): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line.replace(/[\r\n]+/g, ' ⏎ ')}\n`)
  const troop = await startLoopTroop({ env: process.env, folder: process.cwd(), log })
  stopOnSignals(troop)
  console.log(
    [
      `LoopTroop ${troop.kernel.version} listens on ${troop.url}/trpc`,
      troop.tokenFile ? `The token is in ${troop.tokenFile} (yours alone to read).` : 'The token is the one in LOOPTROOP_TOKEN.',
      troop.configFile ? `Configuration: ${troop.configFile}` : 'No looptroop.config.ts here: the built-in pipelines.',
    ].join('\n'),
  )
  try {
    console.log((await troop.opencode).reason)
  } catch (error) {
    await troop.stop()
    throw error
  }
  console.log((await nextLines(troop)).join('\n'))
}

async function nextLines({ kernel }: LoopTroop): Promise<readonly string[]> {
  const projects = await kernel.projects.list()
  const taken = kernel.recovery().tickets.map((t) => t.ticketId)
  return [
    ...(taken.length > 0 ? [`Taken up again: ${taken.join(', ')}`] : []),
    projects.length > 0 ? `Projects: ${projects.map((p) => `${p.key} (${p.path})`).join(', ')}` : 'No project yet.',
    '',
    'Next: connect with createLoopTroopClient({url, token}) from looptroop/client,',
    'attach a repository (projects.attach), create a ticket and start it; or look at it all first: npm run demo.',
  ]
}

/** The first signal stops in order; the second ends at once. */
function stopOnSignals(troop: LoopTroop): void {
  let stopping = false
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) process.exit(130)
    stopping = true
    console.log(`${signal}: stopping; again to end at once.`)
    const left = await troop.stop()
    if (left !== null) console.log(left)
  }
  process.on('SIGINT', (signal) => void stop(signal))
  process.on('SIGTERM', (signal) => void stop(signal))
}

try {
  await main()
} catch (error) {
  console.error(messageOf(error))
  if (error instanceof LoopTroopError) console.error(`→ ${error.hint}`)
  process.exitCode = 1
}
