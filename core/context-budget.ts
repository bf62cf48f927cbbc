/**
 * Fits parts to a token budget, gently first: oldest notes, then bodies of relevant files, then every part by the same
 * share (head and tail stay, a marker says what went); only when half of a part would not be left is a whole part dropped,
 * the least important first. Parts in `keep` are never touched.
 */
import { estimateTokenCount } from 'tokenx'
import { parse, stringify } from 'yaml'
import type { Note, PromptPart } from '#plugins/contract'
import { notesText } from './context-notes.ts'

export interface Trim {
  readonly source: string
  /** Estimated tokens. */
  readonly before: number
  readonly after: number
  readonly how: 'oldest notes' | 'file bodies' | 'shrunk' | 'dropped'
}
interface Rules {
  readonly limit: number
  readonly keep: ReadonlySet<string>
  readonly notes: ReadonlyMap<string, readonly Note[]>
}

/** First is trimmed first. A source that is not listed (a plugin's own kind) ranks where `?` stands. */
const PRIORITY = [
  'error_context',
  'bead_notes',
  'execution_setup_plan_notes',
  'execution_setup_notes',
  'final_test_notes',
  'user_answers',
  'tests',
  'votes',
  'drafts',
  '?',
  'full_answers',
  'beads_draft',
  'beads',
  'interview',
  'prd',
  'relevant_files',
  'execution_setup_plan',
  'execution_setup_profile',
  'bead_data',
] as const
/** A part that would lose more than this share is worth less than its place. */
const LEAST_SHARE = 0.5
const LONG_BODY = 200

export const tokensOf = (text: string): number => estimateTokenCount(text)

export function fitToBudget(
  parts: readonly PromptPart[],
  rules: Rules,
): { parts: readonly PromptPart[]; tokens: number; trims: readonly Trim[] } {
  const fit = new Fitting(parts, rules)
  for (const part of fit.trimmable()) fit.dropOldestNotes(part)
  fit.dropFileBodies()
  while (fit.over() > 0 && fit.trimmable().length > 0) {
    if (fit.shareLeft() >= LEAST_SHARE) fit.shrinkAll()
    else fit.dropLeast()
  }
  return { parts: fit.parts, tokens: fit.total(), trims: fit.trims }
}

class Fitting {
  parts: readonly PromptPart[]
  trims: readonly Trim[] = []
  readonly rules: Rules
  constructor(parts: readonly PromptPart[], rules: Rules) {
    this.parts = parts
    this.rules = rules
  }

  total(): number {
    return this.parts.reduce((sum, part) => sum + tokensOf(part.content), 0)
  }
  over(): number {
    return this.total() - this.rules.limit
  }
  /** Least important first. */
  trimmable(): readonly PromptPart[] {
    return this.parts.filter((part) => !this.rules.keep.has(part.source)).toSorted((a, b) => rank(a) - rank(b))
  }
  /** What share of each trimmable part may stay. */
  shareLeft(): number {
    const flexible = this.trimmable().reduce((sum, part) => sum + tokensOf(part.content), 0)
    return (flexible - this.over()) / flexible
  }

  dropOldestNotes(part: PromptPart): void {
    let notes = this.rules.notes.get(part.source) ?? []
    let current = part
    while (this.over() > 0 && notes.length > 1) {
      const oldest = notes.reduce((a, b) => (b.at < a.at ? b : a))
      notes = notes.filter((note) => note !== oldest)
      current = this.replace(current, notesText(notes), 'oldest notes')
    }
  }

  dropFileBodies(): void {
    const part = this.trimmable().find((candidate) => candidate.source === 'relevant_files')
    if (part === undefined || this.over() <= 0) return
    const list = withoutBodies(part.content)
    if (list !== undefined) this.replace(part, list, 'file bodies')
  }

  shrinkAll(): void {
    const share = this.shareLeft()
    for (const part of this.trimmable()) this.replace(part, shrinkText(part.content, Math.floor(tokensOf(part.content) * share)), 'shrunk')
    // The markers and the estimate's granularity may leave a few tokens too many: the least important part pays.
    const [least] = this.trimmable()
    const over = this.over()
    if (over <= 0 || least === undefined) return
    const room = tokensOf(least.content) - over
    if (room > MARKER_TOKENS * 2) this.replace(least, shrinkText(least.content, room), 'shrunk')
    if (this.over() > 0) this.dropLeast()
  }

  dropLeast(): void {
    const [least] = this.trimmable()
    if (least === undefined) return
    this.note(least.source, tokensOf(least.content), 0, 'dropped')
    this.parts = this.parts.filter((part) => part !== least)
  }

  replace(part: PromptPart, content: string, how: Trim['how']): PromptPart {
    const smaller: PromptPart = { ...part, content }
    this.note(part.source, tokensOf(part.content), tokensOf(content), how)
    this.parts = this.parts.map((candidate) => (candidate === part ? smaller : candidate))
    return smaller
  }

  /** Several cuts of one kind at one source are one trim. */
  note(source: string, before: number, after: number, how: Trim['how']): void {
    const same = this.trims.find((trim) => trim.source === source && trim.how === how && trim.after === before)
    this.trims = [...this.trims.filter((trim) => trim !== same), { source, before: same?.before ?? before, after, how }]
  }
}

const rank = (part: PromptPart): number => {
  const known = (PRIORITY as readonly string[]).indexOf(part.source)
  return known === -1 ? PRIORITY.indexOf('?') : known
}

const MARKER_TOKENS = 12

/** Head and tail, cut at line ends where that costs little. */
function shrinkText(text: string, tokens: number): string {
  if (tokensOf(text) <= tokens) return text
  let keep = Math.floor(text.length * (Math.max(0, tokens - MARKER_TOKENS) / tokensOf(text)))
  for (;;) {
    const shrunk = headAndTail(text, keep)
    if (tokensOf(shrunk) <= tokens || keep <= 0) return shrunk
    keep = Math.floor(keep * 0.95) - 1
  }
}

function headAndTail(text: string, keep: number): string {
  const head = cutBack(text, Math.ceil(Math.max(0, keep) * 0.6))
  const tailStart = text.length - Math.floor(Math.max(0, keep) * 0.4)
  const nextLine = text.indexOf('\n', tailStart)
  const tail = text.slice(nextLine !== -1 && nextLine - tailStart < 200 ? nextLine + 1 : tailStart)
  return `${head}\n[… ${text.length - head.length - tail.length} characters left out …]\n${tail}`
}

const cutBack = (text: string, length: number): string => {
  const lineEnd = text.lastIndexOf('\n', length)
  return text.slice(0, lineEnd !== -1 && length - lineEnd < 200 ? lineEnd : length)
}

/** The list of files without their long texts; undefined when the document has no such list. */
function withoutBodies(content: string): string | undefined {
  const document = readDocument(content)
  const files: unknown = Array.isArray(document) ? document : (document as { files?: unknown } | undefined)?.files
  if (!Array.isArray(files)) return undefined
  const list = files.map((file: unknown) => (isRecord(file) ? shortFields(file) : file))
  return stringify(Array.isArray(document) ? list : { ...(document as object), files: list })
}

const shortFields = (file: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(file).filter(([, value]) => typeof value !== 'string' || value.length <= LONG_BODY))

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function readDocument(content: string): unknown {
  try {
    return parse(content) as unknown
  } catch {
    // Not a structured document: it is shrunk as text instead.
    return undefined
  }
}
