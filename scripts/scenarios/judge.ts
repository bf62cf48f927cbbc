/** What came of a cell, and whether that is what the table promises. */
import type { Ended } from './child.ts'
import { isAimed, requestsOf } from './scene.ts'
import type { Scene } from './scene.ts'
import { isPromised, outcomeText, promisedText } from './table.ts'
import type { Cell, Outcome } from './table.ts'
import { SAID, WORDS } from './talking.ts'

/** Of the aimed turn. */
export function outcomeOf(scene: Scene, { turns, events }: Ended): Outcome {
  const aimed = turns.filter((turn) => isAimed(scene, turn))
  const ids = new Set(aimed.map((turn) => turn.turnId))
  return {
    rows: events.flatMap((e) => (e.type === 'turn.settled' && ids.has(e.data.turnId) ? [e.data.row ?? 0] : [])),
    requests: requestsOf(scene).filter((request) => isAimed(scene, request)).length,
    posts: Math.max(0, ...aimed.map((turn) => turn.posts)),
  }
}

export function judge(cell: Cell, { ended, seen }: { ended: Ended; seen: Outcome }): readonly string[] {
  const { ticket, events, waiting, turns, artifacts } = ended
  const said = artifacts.find((artifact) => artifact.kind === SAID)?.content
  const checks: readonly (readonly [boolean, string])[] = [
    [ticket.status === 'completed', `it is ${ticket.status} in ${ticket.phase}: ${ticket.blocked?.message ?? ''}`],
    [isPromised(cell, seen), `${outcomeText(seen)} (${sendsOf(ended)}), promised is ${promisedText(cell)}`],
    [cell.place !== null || (said ?? '').includes(WORDS), `the answer is ${said}`],
    [events.every((e, i) => e.seq === i + 1), 'its events have a gap'],
    [!events.some((e) => e.type === 'turn.ran_twice'), 'a turn ran twice'],
    [turns.every((turn) => turn.receipt === 'settled'), 'a turn is not settled'],
    [waiting === 0, `${waiting} entries still wait for a person`],
  ]
  return checks.flatMap(([holds, problem]) => (holds ? [] : [problem]))
}

/** Why it was posted: the rows of the verdict table, and when. */
const sendsOf = ({ events }: Ended): string =>
  events
    .flatMap((e) =>
      e.type === 'turn.sent' && e.data.post > 1 ? [`post ${e.data.post} by row ${e.data.row} at ${e.at - (events[0]?.at ?? 0)} ms`] : [],
    )
    .join(', ')
