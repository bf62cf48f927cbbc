/** `npm start`: the server for real use. Says where it listens, which OpenCode it uses and why, and what to do next. */
import { LoopTroopError, messageOf } from '#core'
import { startLoopTroop } from './compose.ts'

async function main(): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line.replace(/[\r\n]+/g, ' ⏎ ')}\n`)
  const troop = await startLoopTroop({ env: process.env, folder: process.cwd(), log })
  const { kernel } = troop
  const [projects, recovered] = [await kernel.projects.list(), kernel.recovery()]
  const lines = [
    `LoopTroop ${kernel.version} listens on ${troop.url}/trpc`,
    troop.opencode.reason,
    troop.tokenFile ? `The token is in ${troop.tokenFile} (yours alone to read).` : 'The token is the one in LOOPTROOP_TOKEN.',
    troop.configFile ? `Configuration: ${troop.configFile}` : 'No looptroop.config.ts here: the built-in pipelines.',
    ...(recovered.tickets.length > 0 ? [`Taken up again: ${recovered.tickets.map((t) => t.ticketId).join(', ')}`] : []),
    projects.length > 0 ? `Projects: ${projects.map((p) => `${p.key} (${p.path})`).join(', ')}` : 'No project yet.',
    '',
    'Next: connect with createLoopTroopClient({url, token}) from looptroop/client,',
    'attach a repository (projects.attach), create a ticket and start it; or look at it all first: npm run demo.',
  ]
  console.log(lines.join('\n'))

  let stopping = false
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) process.exit(130) // asked twice: at once
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
