/** What is played in a cell: known to both sides, to LoopTroop's process and to who strikes it. */
import type { SettingsPatch, TicketCalls } from '#core'
import type { PhasePlugin, Pipeline } from '#plugins'
import type { Decide } from '../chaos/decisions.ts'
import type { Script } from '../scripted-model.ts'
import type { Place } from './places.ts'
import type { Cell } from './table.ts'
import { talk } from './talking.ts'
import { full } from './whole.ts'

/** The cell that is played; `blow` null: nothing is struck. */
export type Played = Pick<Cell, 'point' | 'place'>

export interface Play {
  readonly table: readonly Cell[]
  readonly phases: (cell: Played) => readonly PhasePlugin[]
  readonly pipelines: readonly Pipeline[]
  /** Of the project. */
  readonly settings: SettingsPatch
  readonly ticket: Omit<Parameters<TicketCalls['create']>[0], 'projectId' | 'actionId'>
  /** At its gates; null: it has none. */
  readonly decide: Decide | null
  readonly makeRepository: (repo: string) => Promise<void>
  /** One for each run of a cell. */
  readonly script: (cell: Played) => Script
  /** The aimed turn; null: the ticket has no other. */
  readonly place: (cell: Pick<Cell, 'place'>) => Place | null
}

export const PLAYS: { readonly talk: Play; readonly full: Play } = { talk, full }
export type PlayName = keyof typeof PLAYS
