import * as assert from 'uvu/assert'
import { SETTING_NAMES, modelName, parsePatch, resolveSettings } from '../../core/settings.ts'
import type { SettingsPatch } from '../../core/settings.ts'
import { describe } from '../helpers/suite.ts'
import { refusal } from './person.ts'

const WRONG: readonly (readonly [patch: SettingsPatch, field: string])[] = [
  [{ 'models.main': 'nomodel' }, 'models.main'],
  [{ 'models.main': { provider: 'p' } }, 'models.main'],
  [{ 'models.main': { provider: 'p', model: 'm', extra: 1 } }, 'models.main'],
  [{ 'models.members': 'p/m' }, 'models.members'],
  [{ 'limits.tickets': 0 }, 'limits.tickets'],
  [{ 'limits.turns': 1.5 }, 'limits.turns'],
  [{ 'limits.promptMs': '10' }, 'limits.promptMs'],
  [{ 'limits.iterations': -1 }, 'limits.iterations'],
  [{ 'questions.allowed': 'yes' }, 'questions.allowed'],
  [{ 'limits.tickets': 2, 'qa.manual': 1 }, 'qa.manual'],
]

describe('settings', (it) => {
  it('come from the strongest layer that says something, each with its source', () => {
    const { values, sources } = resolveSettings([
      ['config', { 'limits.turns': 2, 'limits.tickets': 2 }],
      ['app', { 'limits.turns': 3, 'qa.manual': true }],
      ['project', { 'limits.turns': 5 }],
      ['ticket', { 'models.main': { provider: 'p', model: 'm' } }],
    ])
    const seen = (['limits.turns', 'limits.tickets', 'qa.manual', 'models.main', 'limits.iterations'] as const).map((name) => [
      values[name],
      sources[name],
    ])
    assert.equal(seen, [
      [5, 'project'],
      [2, 'config'],
      [true, 'app'],
      [{ provider: 'p', model: 'm' }, 'ticket'],
      [5, 'default'],
    ])
  })
  it('keep a null that a layer says, where null means no limit', () => {
    const { values, sources } = resolveSettings([
      ['app', { 'limits.iterations': 3 }],
      ['project', parsePatch({ 'limits.iterations': null })],
    ])
    assert.equal([values['limits.iterations'], sources['limits.iterations']], [null, 'project'])
  })
  it('read a model as provider/model or as parts; the model may hold slashes', () => {
    const read = parsePatch({ 'models.main': 'router/vendor/model-1' })['models.main']
    assert.equal([read, read && modelName(read)], [{ provider: 'router', model: 'vendor/model-1' }, 'router/vendor/model-1'])
    assert.equal(parsePatch({ 'models.members': [{ provider: 'p', model: 'm', variant: 'high' }] })['models.members'], [
      { provider: 'p', model: 'm', variant: 'high' },
    ])
  })
  for (const [patch, field] of WRONG) {
    it(`refuse ${JSON.stringify(patch)} and name ${field}`, async () => {
      const { code, field: named } = await refusal(() => parsePatch(patch))
      assert.equal([code, named], ['INVALID_INPUT', field])
    })
  }
  it('refuse a name that does not exist, with those that do', async () => {
    const { code, field, error } = await refusal(() => parsePatch({ 'limits.magic': 1 }))
    assert.equal([code, field], ['SETTING_UNKNOWN', 'limits.magic'])
    for (const name of SETTING_NAMES) assert.ok(error.hint.includes(name))
  })
})
