#!/usr/bin/env node
/** `npx looptroop`: a server, and everything that can be done with one from a terminal. */
import { Command } from 'commander'
import { ownVersion } from './compose.ts'
import { costCommands } from './cli/costs.ts'
import { backupCommands } from './cli/backup.ts'
import { documentCommands } from './cli/documents.ts'
import { evidenceCommand } from './cli/evidence.ts'
import { pauseCommands } from './cli/pause.ts'
import { peopleCommands } from './cli/people.ts'
import { EXIT, EXIT_HELP } from './cli/session.ts'
import { ticketCommands } from './cli/tickets.ts'
import { watchCommand } from './cli/watch.ts'

const program = new Command('looptroop')
  .description('Turns a coding ticket into a reviewed change.')
  .version(await ownVersion())
  .option('--json', 'print JSON, and never ask')
  .option('--url <url>', 'of the server; default: LOOPTROOP_URL, else LOOPTROOP_HOST and LOOPTROOP_PORT, else http://127.0.0.1:4747')
  .addHelpText('after', EXIT_HELP)
  .enablePositionalOptions()
  .exitOverride()

/** Scripts of their own, with arguments of their own: `npm start`, `npm run demo`, `npm run doctor`. */
const SCRIPTS = {
  serve: { what: 'run the server in this folder', load: () => import('./serve.ts') },
  demo: { what: 'see a ticket through on a sample repository', load: () => import('./demo.ts') },
}
for (const [name, { what, load }] of Object.entries(SCRIPTS))
  program
    .command(name)
    .description(what)
    .helpOption(false)
    .allowUnknownOption()
    .argument('[arguments...]')
    .passThroughOptions()
    .action(async (given: readonly string[]) => {
      process.argv = [...process.argv.slice(0, 2), ...given]
      await load()
    })
program
  .command('doctor')
  .description('what is stored, why each ticket is where it is, what is left over')
  .option('--fix', 'mend what can be mended')
  .option('--dry-run', 'with --fix: only say it')
  .action(async (options: { fix?: boolean; dryRun?: boolean }) => {
    const { main } = await import('./doctor.ts')
    const flags = { '--fix': options.fix, '--dry-run': options.dryRun, '--json': program.opts<{ json?: boolean }>().json }
    await main(Object.entries(flags).flatMap(([flag, given]) => (given === true ? [flag] : [])))
  })
ticketCommands(program)
peopleCommands(program)
documentCommands(program)
evidenceCommand(program)
watchCommand(program)
pauseCommands(program)
costCommands(program)
backupCommands(program)

process.on('SIGINT', () => {
  // The server stops in order by itself.
  if (process.argv[2] !== 'serve' && process.listenerCount('SIGINT') === 1) process.exit(EXIT.interrupted)
})
try {
  await program.parseAsync()
} catch (error) {
  const { exitCode } = error as { exitCode?: number }
  if (exitCode === undefined) throw error
  process.exitCode = exitCode === 0 ? EXIT.done : EXIT.wrongUse
}
