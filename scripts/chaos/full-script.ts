/**
 * The demo's `full` ticket, told slowly enough that a kill hits work. Each member's draft carries a mark, and is scored by
 * it: so every run of the script chooses the same winner, and the order on a ballot can be seen from outside.
 */
import { parse } from 'yaml'
import { fullScript } from '../demo/full-script.ts'
import type { Reply, Script, ScriptedRequest } from '../scripted-model.ts'
import type { Trees } from './trees.ts'

export const MEMBERS = ['scripted/m1', 'scripted/m2', 'scripted/m3'] as const
const PACE_MS = 70
const FIRST_BYTE_MS = 150
const PIECES = 8
const MARK = 'as seen by '
/** What every category of a draft gets. */
const WORTH: Readonly<Record<string, number>> = { m1: 9, m2: 15, m3: 12 }

export const fullScriptFor =
  (trees: Trees): Script =>
  async (request) => {
    await trees.lookAtFresh(request)
    return paced(await councilScript(request))
  }

/** Without its pace. */
export const councilScript: Script = async (request) =>
  tagOf(request) === 'SCORES' ? { text: cardFor(request) } : marked(request, await fullScript(request))

/** Who made the drafts that a request shows, in its order. */
export function authorsShown({ lastUserText }: Pick<ScriptedRequest, 'lastUserText'>): readonly string[] {
  return lastUserText
    .split(/^### Draft \d+$/m)
    .slice(1)
    .map((draft) => new RegExp(`${MARK}(m\\d)`).exec(draft)?.[1] ?? 'nobody')
}

/** Of the answer that a prompt asks for. */
export const tagOf = ({ lastUserText }: Pick<ScriptedRequest, 'lastUserText'>): string =>
  [...lastUserText.matchAll(/<([A-Z_]+)>\n[^]*?\n<\/\1>/g)].at(-1)?.[1] ?? ''

type Rows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
/** Where a document of the council carries its author's mark. */
const MARKED: Readonly<Record<string, (document: Rows, mark: string) => unknown>> = {
  INTERVIEW_QUESTIONS: ({ questions = [] }, rationale) => ({ questions: questions.map((q) => ({ ...q, rationale })) }),
  PRD: (document, mark) => ({ ...document, risks: [mark] }),
  BEADS: ({ beads = [] }, mark) => ({
    beads: beads.map((bead) => ({ ...bead, context_guidance: { patterns: [mark], anti_patterns: [] } })),
  }),
}

function marked(request: ScriptedRequest, reply: Reply): Reply {
  const tag = tagOf(request)
  const mark = MARKED[tag]
  if (!mark || !('text' in reply) || reply.text === undefined) return reply
  const body = new RegExp(`<${tag}>\n([^]*)\n</${tag}>`).exec(reply.text)?.[1] ?? '{}'
  const document = mark(JSON.parse(body) as Rows, `${MARK}${request.model}`)
  return { ...reply, text: `<${tag}>\n${JSON.stringify(document)}\n</${tag}>` }
}

/** The third member cannot add. */
function cardFor(request: ScriptedRequest): string {
  const example = /<SCORES>\n([^]*?)\n<\/SCORES>/.exec(request.lastUserText)?.[1] ?? ''
  const { draft_scores: rows } = parse(example) as { draft_scores: Readonly<Record<string, Readonly<Record<string, number>>>> }
  const authors = authorsShown(request)
  const scores = Object.entries(rows).map(([label, row], i) => {
    const worth = WORTH[authors[i] ?? ''] ?? 0
    const categories = Object.keys(row).filter((name) => name !== 'total_score')
    const sum = worth * categories.length + (request.model === 'm3' ? 5 : 0)
    return [label, { ...Object.fromEntries(categories.map((name) => [name, worth])), total_score: sum }]
  })
  return `<SCORES>\n${JSON.stringify({ draft_scores: Object.fromEntries(scores) as unknown })}\n</SCORES>`
}

function paced(reply: Reply): Reply {
  if ('hang' in reply || 'status' in reply) return reply
  const { text = '', ...rest } = reply
  const size = Math.max(1, Math.ceil(text.length / PIECES))
  const chunks = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
  return { ...rest, ...(chunks.length > 0 ? { chunks } : {}), everyMs: PACE_MS, delayMs: FIRST_BYTE_MS }
}
