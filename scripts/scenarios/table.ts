/** What each cell promises: point × what happens there. The table is printed from here, and checked against the real thing. */
import { PLACES, placeOf } from './places.ts'
import type { PlaceName } from './places.ts'
import { POINT_NAMES, POINTS } from './points.ts'
import type { PointName } from './points.ts'
import { isAgain } from './talks.ts'

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
  /** The aimed turn; null: the ticket has no other. */
  readonly place: PlaceName | null
  /** More than one only where the kill races with OpenCode's own next write. */
  readonly outcomes: readonly Promised[]
}

/** What is promised of. */
interface Aimed {
  readonly point: PointName
  /** Requests of the usual answer. */
  readonly usual: number
}

/** Requests of an undisturbed run. */
const whole = ({ point, usual }: Aimed): number => usual + (POINTS[point].talk === 'plain' ? 0 : 1)

const once = (aimed: Aimed, posts = 1): Promised => ({ rows: [5], requests: [whole(aimed)], posts })
/** OpenCode died while the model worked: settled as interrupted, and the turn is asked for again, in a fresh session. */
const interrupted = (aimed: Aimed, asked: readonly number[] = [1]): Promised => ({
  rows: [8, 5],
  requests: asked.map((before) => before + freshRequests(aimed)),
  posts: 1,
})
const freshRequests = (aimed: Aimed): number => (isAgain(POINTS[aimed.point].talk) ? whole(aimed) : aimed.usual)
/**
 * Between the 204 and the assistant: not stored, or stored and never begun (posted again, and once more when the second POST
 * was stored but not begun), or begun (interrupted), the model asked or not.
 */
const raced = (aimed: Aimed): readonly Promised[] => [once(aimed, 3), interrupted(aimed, [0, 1])]

const openCodeDied: Readonly<Record<PointName, (aimed: Aimed) => readonly Promised[]>> = {
  'nothing stored': (aimed) => [once(aimed)],
  'slot claimed': (aimed) => [once(aimed)],
  intended: (aimed) => [once(aimed)],
  posted: (aimed) => [once(aimed, 3)],
  'answered 204': raced,
  message: raced,
  parts: raced,
  assistant: (aimed) => [interrupted(aimed)],
  'tool running': (aimed) => [interrupted(aimed)],
  'question open': (aimed) => [interrupted(aimed)],
  'permission open': (aimed) => [interrupted(aimed)],
  'retry wait': (aimed) => [interrupted(aimed)],
  'last part': (aimed) => [once(aimed), interrupted(aimed, [aimed.usual])],
  completed: (aimed) => [once(aimed)],
  settled: (aimed) => [once(aimed)],
}

function outcomesOf(aimed: Aimed, blow: Blow): readonly Promised[] {
  const { point } = aimed
  switch (blow) {
    case 'LoopTroop killed':
      return [once(aimed)]
    case 'OpenCode killed':
    case 'both killed':
      return openCodeDied[point](aimed)
    case 'OpenCode stopped':
      // A POST that is still on its way when the admission window ends is posted again: the same bytes, which OpenCode joins.
      return point === 'posted' || point === 'intended' || point === 'answered 204' ? [once(aimed, 3)] : [once(aimed)]
    case 'reply lost':
      return [once(aimed, point === 'posted' ? 2 : 1)]
  }
}

/** With one prompt. */
export const TABLE: readonly Cell[] = POINT_NAMES.flatMap((point) =>
  BLOW_NAMES.map((blow) => ({ point, blow, place: null, outcomes: outcomesOf({ point, usual: 1 }, blow) })),
)

/** With a whole `full` ticket: the same promises, turn by turn. */
export const FULL_TABLE: readonly Cell[] = POINT_NAMES.flatMap((point, p) =>
  BLOW_NAMES.map((blow, b) => {
    const place = placeOf(POINTS[point].talk, { point: p, blow: b })
    return { point, blow, place, outcomes: outcomesOf({ point, usual: PLACES[place].requests }, blow) }
  }),
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

/** Of those of the whole ticket, each of which takes a quarter of a minute. */
export const FULL_FAST: readonly (readonly [PointName, Blow])[] = [['assistant', 'OpenCode killed']]

/** Requests for the aimed turn that the model has surely got at this point. */
export function askedAt({ point, place }: Pick<Cell, 'point' | 'place'>): number {
  const { asked } = POINTS[point]
  return asked === 'all' ? (place === null ? 1 : PLACES[place].requests) : asked
}

export const cellName = ({ point, blow }: Pick<Cell, 'point' | 'blow'>): string => `${point} × ${blow}`

// ------------------------------------------------------------------------------------------------- printing

const promiseText = ({ rows, requests, posts }: Promised): string =>
  `row ${rows.join(' → ')} · ${requests.join(' or ')} request${requests.at(-1) === 1 ? '' : 's'}${posts > 1 ? ` · ≤ ${posts} posts` : ''}`
export const outcomeText = (seen: Outcome): string => promiseText({ ...seen, requests: [seen.requests] }).replace('≤ ', '')
export const promisedText = ({ outcomes }: Pick<Cell, 'outcomes'>): string => outcomes.map(promiseText).join('; or ')
export const isPromised = ({ outcomes }: Pick<Cell, 'outcomes'>, seen: Outcome): boolean =>
  outcomes.some((o) => o.rows.join() === seen.rows.join() && o.requests.includes(seen.requests) && seen.posts <= o.posts)

export function printTable(table: readonly Cell[], textOf: (cell: Cell) => string): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const textAt = (point: PointName, blow: Blow): string => {
    const cell = table.find((one) => one.point === point && one.blow === blow)
    if (!cell) return ''
    return cell.place === null ? textOf(cell) : `${cell.place}: ${textOf(cell)}`
  }
  const lines = POINT_NAMES.map((point) => row([point, ...BLOW_NAMES.map((blow) => textAt(point, blow))]))
  return [row(['at', ...BLOW_NAMES]), row(['---', ...BLOW_NAMES.map(() => '---')]), ...lines].join('\n')
}

export const expectedTable = (table: readonly Cell[]): string => printTable(table, promisedText)
