/** What a scripted model says, in the formats of the built-in phases. */
import { stringify } from 'yaml'

interface PlannedBead {
  readonly id: string
  readonly blocked_by?: readonly string[]
  readonly test_commands?: readonly string[]
}
export const planOf = (...beads: readonly PlannedBead[]): string => {
  const filled = beads.map((bead) => ({
    ...{ title: `Do ${bead.id}`, description: 'x', acceptance_criteria: ['y'], test_commands: ['true'], blocked_by: [] },
    ...bead,
  }))
  return `<BEADS>\n${stringify({ beads: filled })}</BEADS>`
}
