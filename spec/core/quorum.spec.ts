import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import { refusal } from './person.ts'

const two = { 'models.main': 'fake/m1', 'models.members': ['fake/m2', 'fake/m1'] }

describe('a quorum', (it) => {
  it('that the council can never reach is refused where it is set, and where a ticket with a council starts', async () => {
    await using world = await startWorld()
    const { settings, tickets } = world.kernel
    const at = { scope: 'project', id: world.projectId } as const
    const { code, field, error } = await refusal(() => settings.update({ ...at, patch: { ...two, 'council.quorum': 3 } }))
    assert.equal([code, field], ['INVALID_INPUT', 'council.quorum'])
    assert.match(error.message, /is 3, and the council has 2 different models/)
    await settings.update({ ...at, patch: { ...two, 'council.quorum': 2 } })
    assert.is((await refusal(() => settings.update({ ...at, patch: { 'models.members': ['fake/m1'] } }))).field, 'council.quorum')
    await settings.update({ ...at, patch: { 'qa.manual': true } })
    const { values } = await settings.get(at)
    assert.equal(values['models.main'], { provider: 'fake', model: 'm1' }, 'a model is kept in its parts, however it was given')
    const alone = { projectId: world.projectId, title: 'Alone', models: { members: [] } }
    const full = await tickets.create({ ...alone, pipeline: 'full' })
    assert.is((await refusal(() => tickets.start({ ticketId: full.id }))).field, 'council.quorum')
    const quick = await tickets.create({ ...alone, pipeline: 'quick' })
    assert.is((await tickets.start({ ticketId: quick.id })).status, 'running', 'nobody votes there')
  })
})
