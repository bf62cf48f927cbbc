/** What each cell promises: point × what happens there. The table is printed from here, and checked against the real thing. */
import { POINT_NAMES, POINTS } from './points.ts'
import type { PointName } from './points.ts'

export const BLOWS = {
  'LoopTroop killed': 'SIGKILL to LoopTroop; OpenCode goes on',
  'OpenCode killed': 'SIGKILL to OpenCode; it is started again',
  'both killed': 'SIGKILL to both; both are started again',
  'OpenCode stopped': 'SIGSTOP to OpenCode for 60 s, then SIGCONT',
  'reply lost': 'the reply or the event stream is cut there, and the next read of the messages too',
} as const
export type Blow = keyof typeof BLOWS
export const BLOW_NAMES = Object.keys(BLOWS) as readonly Blow[]

/** How a cell ended. */
export interface Outcome {
  /** The row of the verdict table by which each turn was settled, in order: more than one is a fresh attempt. */
  readonly rows: readonly number[]
  /** Requests that the model got, all told. */
  readonly requests: number
  /** The most times that one turn was posted. */
  readonly posts: number
}
/** One way a cell may end: the requests that are possible, and at most so many posts. */
export interface Promised extends Omit<Outcome, 'requests'> {
  readonly requests: readonly number[]
}
export interface Cell {
  readonly point: PointName
  readonly blow: Blow
  /** More than one only where the kill races with OpenCode's own next write. */
  readonly outcomes: readonly Promised[]
}

/** Requests of an undisturbed run. */
const whole = (point: PointName): number => (POINTS[point].talk === 'plain' ? 1 : 2)

const once = (point: PointName, posts = 1): Promised => ({ rows: [5], requests: [whole(point)], posts })
/** OpenCode died while the model worked: settled as interrupted, and the retry rules begin a fresh attempt. */
const interrupted = (point: PointName, asked: readonly number[] = [1]): Promised => ({
  rows: [8, 5],
  requests: asked.map((before) => before + freshRequests(point)),
  posts: 1,
})
/** A question is asked once in a ticket, a refusal comes once; a tool is called again. */
const freshRequests = (point: PointName): number => (POINTS[point].talk === 'tool' || POINTS[point].talk === 'permission' ? 2 : 1)
/**
 * Between the 204 and the assistant: not stored, or stored and never begun (posted again, and once more when the second POST
 * was stored but not begun), or begun (interrupted), the model asked or not.
 */
const raced = (point: PointName): readonly Promised[] => [once(point, 3), interrupted(point, [0, 1])]

const openCodeDied: Readonly<Record<PointName, (point: PointName) => readonly Promised[]>> = {
  'nothing stored': (point) => [once(point)],
  'slot claimed': (point) => [once(point)],
  intended: (point) => [once(point)],
  posted: (point) => [once(point, 3)],
  'answered 204': raced,
  message: raced,
  parts: raced,
  assistant: (point) => [interrupted(point)],
  'tool running': (point) => [interrupted(point)],
  'question open': (point) => [interrupted(point)],
  'permission open': (point) => [interrupted(point)],
  'retry wait': (point) => [interrupted(point)],
  'last part': (point) => [once(point), interrupted(point)],
  completed: (point) => [once(point)],
  settled: (point) => [once(point)],
}

function outcomesOf(point: PointName, blow: Blow): readonly Promised[] {
  switch (blow) {
    case 'LoopTroop killed':
      return [once(point)]
    case 'OpenCode killed':
    case 'both killed':
      return openCodeDied[point](point)
    case 'OpenCode stopped':
      // A POST that is still on its way when the admission window ends is posted again: the same bytes, which OpenCode joins.
      return point === 'posted' || point === 'intended' || point === 'answered 204' ? [once(point, 3)] : [once(point)]
    case 'reply lost':
      return [once(point, point === 'posted' ? 2 : 1)]
  }
}

export const TABLE: readonly Cell[] = POINT_NAMES.flatMap((point) =>
  BLOW_NAMES.map((blow) => ({ point, blow, outcomes: outcomesOf(point, blow) })),
)

/** A telling cell of each kind, quick enough for every run of the specs. */
export const FAST: readonly (readonly [PointName, Blow])[] = [
  ['slot claimed', 'LoopTroop killed'],
  ['posted', 'LoopTroop killed'],
  ['assistant', 'LoopTroop killed'],
  ['settled', 'LoopTroop killed'],
  ['posted', 'OpenCode killed'],
  ['tool running', 'OpenCode killed'],
  ['question open', 'both killed'],
  ['message', 'both killed'],
  ['answered 204', 'OpenCode stopped'],
  ['answered 204', 'reply lost'],
  ['completed', 'reply lost'],
]

export const cellName = ({ point, blow }: Pick<Cell, 'point' | 'blow'>): string => `${point} × ${blow}`

// ------------------------------------------------------------------------------------------------- printing

const promiseText = ({ rows, requests, posts }: Promised): string =>
  `row ${rows.join(' → ')} · ${requests.join(' or ')} request${requests.at(-1) === 1 ? '' : 's'}${posts > 1 ? ` · ≤ ${posts} posts` : ''}`
export const outcomeText = (seen: Outcome): string => promiseText({ ...seen, requests: [seen.requests] }).replace('≤ ', '')
export const promisedText = ({ outcomes }: Pick<Cell, 'outcomes'>): string => outcomes.map(promiseText).join('; or ')
export const isPromised = ({ outcomes }: Pick<Cell, 'outcomes'>, seen: Outcome): boolean =>
  outcomes.some((o) => o.rows.join() === seen.rows.join() && o.requests.includes(seen.requests) && seen.posts <= o.posts)

export function printTable(textOf: (cell: Cell) => string): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const lines = POINT_NAMES.map((point) =>
    row([point, ...BLOW_NAMES.map((blow) => textOf(TABLE.find((cell) => cell.point === point && cell.blow === blow) as Cell))]),
  )
  return [row(['at', ...BLOW_NAMES]), row(['---', ...BLOW_NAMES.map(() => '---')]), ...lines].join('\n')
}

export const expectedTable = (): string => printTable(promisedText)
