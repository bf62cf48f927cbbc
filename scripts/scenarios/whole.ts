/** The ticket of a cell of the second table: a whole `full` one, whose models answer at once but for the aimed turn. */
import path from 'node:path'
import { phases, pipelines } from '#phases'
import { fullDecision } from '../chaos/decisions.ts'
import { councilScript } from '../chaos/full-script.ts'
import { remoteOf } from '../chaos/stage.ts'
import { installFakeGh } from '../demo/fake-gh.ts'
import { addRemote } from '../demo/full-stage.ts'
import { makeSample, SAMPLE_TICKET } from '../demo/sample.ts'
import type { ScriptedRequest } from '../scripted-model.ts'
import { PLACES } from './places.ts'
import type { Place } from './places.ts'
import type { Play } from './plays.ts'
import { POINTS } from './points.ts'
import type { Cell } from './table.ts'
import { FULL_TABLE } from './table.ts'
import { GUARDED, talkScript } from './talks.ts'

const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'scripted', model }))

export const full: Play = {
  table: FULL_TABLE,
  // No policy of a built-in phase has a person asked; a composed pipeline may. Here the aimed phase asks for one command.
  phases: (cell) => {
    if (POINTS[cell.point].talk !== 'permission') return phases
    const tools = [{ permission: 'bash', pattern: GUARDED, action: 'ask' }] as const
    return phases.map((phase) => (phase.label === placeOf(cell)?.label ? { ...phase, tools } : phase))
  },
  pipelines,
  settings: { 'qa.manual': true },
  ticket: { ...SAMPLE_TICKET, pipeline: 'full', models: { members: MEMBERS } },
  decide: fullDecision,
  makeRepository: async (repo) => {
    await makeSample(repo)
    await addRemote(repo, remoteOf(repo))
    await installFakeGh(path.join(path.dirname(repo), 'bin'))
  },
  script: (cell) => {
    const aimed = talkScript(POINTS[cell.point].talk, councilScript)
    return (request: ScriptedRequest) => {
      const asked = { text: request.lastUserText, model: request.model }
      return placeOf(cell)?.fits(asked) ? aimed(request) : councilScript(request)
    }
  },
  place: placeOf,
}

function placeOf({ place }: Pick<Cell, 'place'>): Place | null {
  return place === null ? null : PLACES[place]
}
