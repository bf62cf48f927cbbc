/** Settings: ticket over project over app over default, pinned whole when a ticket starts, each with where it came from. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import { refusal } from './person.ts'

describe('the settings of a ticket', (it) => {
  it('are its own over the project’s over the app’s, and pinned with their sources when it starts', async () => {
    await using world = await startWorld()
    const { settings, tickets, events } = world.kernel
    const { projectId } = world
    await settings.update({ scope: 'app', patch: { 'limits.iterations': 2, 'coverage.prdPasses': 4 } })
    await settings.update({ scope: 'project', id: projectId, patch: { 'coverage.prdPasses': 5, 'qa.manual': false } })
    const { id } = await tickets.create({ projectId, title: 'Do it', pipeline: 'quick' })
    await settings.update({ scope: 'ticket', id, patch: { 'qa.manual': true } })
    await settings.update({ scope: 'ticket', id, patch: { 'models.main': 'fake/m2', 'limits.ticketCost': 3 } })
    const expected = [
      ['qa.manual', true, 'ticket'],
      ['models.main', { provider: 'fake', model: 'm2' }, 'ticket'],
      ['limits.ticketCost', 3, 'ticket'],
      ['coverage.prdPasses', 5, 'project'],
      ['limits.iterations', 2, 'app'],
      ['limits.structuredRetries', 2, 'default'],
    ] as const
    const seen = async () => {
      const { values, sources } = await settings.get({ scope: 'ticket', id })
      return expected.map(([name]) => [name, values[name], sources[name]])
    }
    assert.equal(await seen(), expected)
    await tickets.start({ ticketId: id })
    await settings.update({
      scope: 'project',
      id: projectId,
      patch: { 'coverage.prdPasses': 7, 'limits.iterations': 9, 'qa.manual': false },
    })
    assert.equal(await seen(), expected, 'what a ticket started with, it keeps, and from where')
    const { items } = await events.history({ ticketId: id })
    assert.equal(
      items.flatMap((e) => (e.type === 'ticket.updated' ? [e.data.fields] : [])),
      [['settings'], ['models', 'settings']],
    )
  })
  it('are of a draft alone, but for what a started one may spend; what is not about its work is refused', async () => {
    await using world = await startWorld()
    const { settings, tickets } = world.kernel
    const { id } = await tickets.create({ projectId: world.projectId, title: 'Do it', pipeline: 'quick' })
    const refused = async (patch: object) => (await refusal(() => settings.update({ scope: 'ticket', id, patch: patch as never }))).field
    for (const name of ['limits.tickets', 'notify', 'workspace.trusted'])
      assert.is(await refused({ [name]: name === 'limits.tickets' ? 2 : name === 'notify' ? { url: 'http://x.invalid' } : true }), name)
    assert.is(await refused({ 'qa.manual': 'yes' }), 'qa.manual')
    assert.is(await refused({ 'models.members': ['fake/m2'], 'council.quorum': 3 }), 'council.quorum')
    await tickets.start({ ticketId: id })
    assert.is(await refused({ 'qa.manual': true }), 'qa.manual')
    await settings.update({ scope: 'ticket', id, patch: { 'limits.ticketTokens': 5 } })
    assert.is((await settings.get({ scope: 'ticket', id })).sources['limits.ticketTokens'], 'ticket')
  })
})
