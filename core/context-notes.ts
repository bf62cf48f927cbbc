/** Notes as the model reads them. */
import type { Note } from '#plugins/contract'

const HISTORIES: Readonly<Record<Note['kind'], string>> = {
  failure: 'Failed iterations',
  person: 'Notes of the person',
  finalization: 'Failures after the work was accepted',
}

/** Three separate histories, oldest first: a model that reads one mixed list takes an old failure for the newest wish. */
export function notesText(notes: readonly Note[]): string {
  const kinds = Object.keys(HISTORIES) as Note['kind'][]
  return kinds
    .map((kind) => ({ kind, lines: notes.filter((note) => note.kind === kind).map(noteLine) }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ kind, lines }) => `### ${HISTORIES[kind]}\n${lines.join('\n')}`)
    .join('\n\n')
}

const noteLine = (note: Note): string =>
  `- iteration ${note.iteration}, ${new Date(note.at).toISOString()}: ${note.text.trim().replaceAll('\n', '\n  ')}`
