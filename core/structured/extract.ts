/** Where in the text the answer is. The last marker wins: an example quoted earlier must not. */

export interface Candidate {
  readonly text: string
  /** How it was found. `none`: there was no marker, so this is the whole text. */
  readonly found: 'tag' | 'open tag' | 'fence' | 'none'
  /** Wider readings of the same block, for a value that itself contains the marker. Only strict JSON may use them. */
  readonly wider: readonly string[]
}

/** `languages`: what a fence of the format may be called. */
export function findCandidate(text: string, tag: string | undefined, languages: readonly string[]): Candidate {
  return (
    (tag === undefined ? undefined : findTag(text, tag)) ?? findFence(text, languages) ?? { text: text.trim(), found: 'none', wider: [] }
  )
}

function findTag(text: string, tag: string): Candidate | undefined {
  const opens = positions(text, `<${tag}>`)
  const close = positions(text, `</${tag}>`).at(-1) ?? -1
  const last = opens.at(-1)
  if (last === undefined) return undefined
  const start = (open: number): number => open + tag.length + 2
  // After a complete block, prose may mention the marker; one that begins its line is an answer whose end is missing.
  if (last > close && (close === -1 || startsLine(text, last)))
    return { text: unfence(text.slice(start(last))), found: 'open tag', wider: [] }
  const before = opens.filter((open) => open < close).toReversed()
  const [nearest, ...further] = before.map((open) => unfence(text.slice(start(open), close)))
  return nearest === undefined ? undefined : { text: nearest, found: 'tag', wider: further }
}

function positions(text: string, marker: string): readonly number[] {
  const pattern = new RegExp(marker.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'gi')
  return [...text.matchAll(pattern)].map((match) => match.index)
}

const startsLine = (text: string, at: number): boolean => text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === ''

interface Fence {
  readonly language: string
  readonly body: string
}

function findFence(text: string, languages: readonly string[]): Candidate | undefined {
  const fences = readFences(text)
  const fitting = fences.findLast((fence) => fence.language === '' || languages.includes(fence.language)) ?? fences.at(-1)
  return fitting === undefined ? undefined : { text: fitting.body, found: 'fence', wider: [] }
}

/** Fenced blocks by line; the last one may lack its end. */
function readFences(text: string): readonly Fence[] {
  const fences: Fence[] = []
  let open: { mark: string; language: string; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const [, mark = '', info = ''] = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/.exec(line.trimEnd()) ?? []
    if (open === undefined) {
      if (mark !== '') open = { mark, language: info.trim().toLowerCase(), lines: [] }
    } else if (mark.startsWith(open.mark) && info.trim() === '') {
      fences.push({ language: open.language, body: open.lines.join('\n') })
      open = undefined
    } else open.lines.push(line)
  }
  if (open !== undefined) fences.push({ language: open.language, body: open.lines.join('\n') })
  return fences
}

/** A block whose whole content is one fence is that fence's content. */
function unfence(block: string): string {
  const text = block.trim()
  const [only, ...more] = /^(`{3,}|~{3,})/.test(text) ? readFences(text) : []
  return only !== undefined && more.length === 0 && text.endsWith(only.body === '' ? '' : (text.split('\n').at(-1) ?? ''))
    ? only.body.trim()
    : text
}
