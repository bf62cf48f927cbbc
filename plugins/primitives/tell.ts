/** What a phase tells a person who follows the ticket: what was decided, and why. An event `told`, a line for each. */
import type { PhaseRun } from '../contract.ts'

const MAX_LINES = 12
const MAX_CHARS = 300

export async function tell<Out>(phase: PhaseRun<Out>, lines: readonly string[]): Promise<void> {
  const shown = lines.slice(0, MAX_LINES).map((line) => (line.length > MAX_CHARS ? `${line.slice(0, MAX_CHARS)} …` : line))
  const more = lines.length - shown.length
  if (shown.length > 0) await phase.emit({ name: 'told', data: { lines: more > 0 ? [...shown, `… and ${more} more`] : shown } })
}
