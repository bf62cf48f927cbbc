import * as assert from 'uvu/assert'
import { firstRow, nextRow, pinPipeline, pluginOf, rowOf, stillExclusive } from '../../core/pipeline.ts'
import type { Registry } from '../../core/pipeline.ts'
import { resolveSettings } from '../../core/settings.ts'
import { END, definePhase } from '../../plugins/index.ts'
import type { PipelineRow } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { refusal } from './person.ts'

const IDS = ['ONE', 'TWO', 'THREE', 'FOUR']
const phases = new Map(IDS.map((id) => [id, definePhase({ id, label: id.toLowerCase() })]))
const registryOf = (rows: readonly PipelineRow[]): Registry => ({ phases, pipelines: new Map([['p', { name: 'p', label: 'P', rows }]]) })
const settings = (on: boolean) => resolveSettings([['app', { 'qa.manual': on }]]).values
const ROWS: readonly PipelineRow[] = [
  { phase: 'ONE', group: 'g', when: { setting: 'qa.manual' } },
  { phase: 'TWO', group: 'g', next: { again: 'ONE', stop: END, skip: 'FOUR' }, exclusive: true },
  { phase: 'THREE', group: 'g', when: { setting: 'qa.manual' } },
  { phase: 'FOUR', group: 'g' },
]
const pinned = pinPipeline(registryOf(ROWS), 'p')
const after = (phase: string, outcome: string, on = false): string | null =>
  nextRow(pinned, { phase, outcome }, settings(on))?.phase ?? null

describe('a pipeline', (it) => {
  it('is pinned with the version and label of each phase', () => {
    assert.equal(
      pinned.rows.map((r) => [r.phase, r.version, r.label]),
      IDS.map((id) => [id, 1, id.toLowerCase()]),
    )
  })
  it('begins with the first row that is on', () => {
    assert.equal([firstRow(pinned, settings(false))?.phase, firstRow(pinned, settings(true))?.phase], ['TWO', 'ONE'])
    assert.is(firstRow({ ...pinned, rows: pinned.rows.slice(0, 1) }, settings(false)), null)
  })
  it('goes where the outcome leads, else to the next row that is on, and ends after the last', () => {
    assert.equal([after('TWO', 'done'), after('TWO', 'done', true)], ['FOUR', 'THREE'])
    assert.equal([after('TWO', 'skip'), after('TWO', 'stop'), after('FOUR', 'done')], ['FOUR', null, null])
    assert.equal([after('TWO', 'again', true), after('TWO', 'again')], ['ONE', 'TWO'])
  })
  it('keeps the execution lease only between rows that need it', () => {
    assert.equal([stillExclusive(rowOf(pinned, 'TWO')), stillExclusive(rowOf(pinned, 'FOUR')), stillExclusive(null)], [true, false, false])
  })
  it('finds a phase by its id, and says when it is gone', async () => {
    const row = rowOf(pinned, 'ONE')
    assert.is(pluginOf(registryOf(ROWS), row).id, 'ONE')
    assert.is((await refusal(() => pluginOf({ phases: new Map(), pipelines: new Map() }, row))).code, 'PHASE_VERSION_GONE')
    const unknown = await refusal(() => pinPipeline(registryOf(ROWS), 'nothing'))
    assert.equal([unknown.code, unknown.field], ['PIPELINE_UNKNOWN', 'pipeline'])
    assert.match(unknown.error.hint, /\bp\b/)
  })
})
