/** What is played: a pipeline with its models, what the person decides at its gates, and what must come of a ticket. */
import { ACTING, TURN_AIMS } from './aims.ts'
import type { Aim } from './aims.ts'
import { slowScript } from './model-script.ts'
import { fullScriptFor, MEMBERS } from './full-script.ts'
import { fullDecision, usualDecision } from './decisions.ts'
import type { Decide } from './decisions.ts'
import type { Script } from '../scripted-model.ts'
import type { Trees } from './trees.ts'

export interface Play {
  readonly pipeline: string
  readonly models: { readonly main: string; readonly members: readonly string[] }
  /** Of each project. */
  readonly settings: { readonly 'qa.manual'?: boolean }
  /** Lanes when nothing else is asked for. */
  readonly tickets: number
  readonly script: (trees: Trees) => Script
  readonly decide: Decide
  /** Moments that kills are aimed at. */
  readonly aims: readonly Aim[]
  /** What a person says of a turn that nobody can tell the end of. */
  readonly resolve: (turnId: string) => 'resend' | 'abandon'
  /** A bare remote and a stand-in for the forge; and one ticket without kills first, which the others are compared with. */
  readonly delivers: boolean
  /** Subjects of the commits made on the way to the one that is left. */
  readonly beads: readonly string[]
  /** For the tickets that are under way when the last kill is done. */
  readonly finishMs: number
}

const quick: Play = {
  pipeline: 'quick',
  models: { main: 'scripted/m1', members: [] },
  settings: {},
  tickets: 4,
  script: () => slowScript,
  decide: usualDecision,
  aims: TURN_AIMS,
  resolve: (turnId) => (turnId.charCodeAt(turnId.length - 1) % 2 === 0 ? 'resend' : 'abandon'),
  delivers: false,
  beads: ['bead(clean-slugs)'],
  finishMs: 300_000,
}
const full: Play = {
  pipeline: 'full',
  models: { main: MEMBERS[0], members: MEMBERS.slice(1) },
  settings: { 'qa.manual': true },
  tickets: 3,
  script: fullScriptFor,
  decide: fullDecision,
  aims: [...TURN_AIMS, ACTING],
  // A member whose turn is abandoned has no draft: the documents would differ, as they should.
  resolve: () => 'resend',
  delivers: true,
  beads: ['bead(clean-slugs)', 'bead(qa1-1)'],
  finishMs: 900_000,
}
export const PLAYS: Readonly<Record<string, Play>> = { quick, full }
