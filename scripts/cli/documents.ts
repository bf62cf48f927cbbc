/** Commands for a ticket's documents: show one, edit one. What an edit would make void is shown before. */
import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { EditPreview } from '#core'
import { UsageError, withSession, type Session } from './session.ts'

interface EditOptions {
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export function documentCommands(program: Command): void {
  program
    .command('artifact <ticket> <kind>')
    .description('the newest revision of a document of a ticket')
    .action((ticketId: string, kind: string) =>
      withSession(program.opts(), async ({ client, print }) => {
        const found = await client.tickets.artifact.query({ ticketId, kind })
        print(found, () => found.content)
      }),
    )
  program
    .command('edit <ticket> <kind> <file>')
    .description('put your own revision in the place of an approved document, or of one that a gate asks about')
    .option('--dry-run', 'only say what it would make void')
    .option('--yes', 'do not show and ask first')
    .action((ticketId: string, kind: string, file: string, options: EditOptions) =>
      withSession(program.opts(), (session) => edit(session, { ticketId, kind, file, options })),
    )
}

async function edit(
  session: Session,
  { ticketId, kind, file, options }: { ticketId: string; kind: string; file: string; options: EditOptions },
): Promise<void> {
  const { client, print, interactive } = session
  const content = await readFile(file, 'utf8').catch(() => {
    throw new UsageError(`${file} cannot be read.`)
  })
  const preview = await client.tickets.previewEdit.query({ ticketId, kind, content })
  if (options.dryRun === true || !preview.changes) return print(preview, () => said(ticketId, preview))
  if (interactive && options.yes !== true) {
    process.stdout.write(`${said(ticketId, preview).join('\n')}\n`)
    if (!/^y(es)?$/i.test(await session.ask('Edit? [y/N] '))) throw new UsageError('Nothing was edited.')
  }
  const { contentSha256: expectedContentSha256 } = preview
  const ticket = await client.tickets.editArtifact.mutate({ ticketId, kind, content, expectedContentSha256 })
  print(ticket, () => [`${ticketId}: ${kind} is edited`, ...(preview.back ? [`it goes on with ${preview.back.label}`] : [])])
}

function said(ticketId: string, { kind, changes, back, voids, stops }: EditPreview): readonly string[] {
  if (!changes) return [`${kind} says the same already: nothing would happen.`]
  return [
    back ? `${ticketId} would go back to ${back.phase} (${back.label}).` : `${ticketId} would go on where it is.`,
    ...(stops > 0 ? [`${stops} turns under way would be stopped.`] : []),
    ...voids.map((a) => `void: ${a.kind} ${a.revision} of ${a.phase}${a.approved === true ? ', which is approved' : ''}`),
  ]
}
