/** Files for a manual test: shown, attached. */
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import type { AttachedFile } from '#router'
import { UsageError, withSession, type Session } from './session.ts'

const LARGEST = 25 * 1024 * 1024

export function evidenceCommand(program: Command): void {
  program
    .command('evidence <ticket> [files...]')
    .description('attach files to a manual test that waits for its results, or list them; a result names them by their hash')
    .action((ticketId: string, files: readonly string[]) =>
      withSession(program.opts(), async (session) => {
        const attached = await Promise.all(files.map((file) => attach(session, ticketId, file)))
        const shown = files.length > 0 ? attached : await session.client.evidence.list.query({ ticketId })
        session.print(shown, () => (shown.length > 0 ? shown.map(line) : 'Nothing is attached.'))
      }),
    )
}

const line = ({ sha256, name, bytes, type }: AttachedFile): string => `${sha256}  ${name}  ${type}, ${bytes} bytes`

export async function attach({ client }: Pick<Session, 'client'>, ticketId: string, file: string): Promise<AttachedFile> {
  const found = await stat(file).catch(() => null)
  if (found?.isFile() !== true) throw new UsageError(`${file} is no file.`)
  if (found.size > LARGEST) throw new UsageError(`${file} has ${found.size} bytes; up to ${LARGEST} are taken.`)
  return client.attachFile(ticketId, { name: path.basename(file), content: await readFile(file) })
}
