/** A whole ticket on a real OpenCode: its own tools make the change, the server verifies it. */
import * as assert from 'uvu/assert'
import { SAMPLE_FILES, SAMPLE_TICKET } from '../../scripts/demo/sample.ts'
import { demoScript } from '../../scripts/demo/model-script.ts'
import { describe } from '../helpers/suite.ts'
import { SCRIPTED_MODEL, eventually, startRealOpencode } from '../helpers/opencode.ts'
import { gitIn } from '../helpers/repository.ts'
import { startWorld } from '../helpers/world.ts'

describe('the quick pipeline on a real OpenCode', (it) => {
  it('ends in a commit that the server verified, with one model request per step', async () => {
    await using oc = await startRealOpencode({ model: demoScript })
    await using world = await startWorld({ opencode: oc, model: SCRIPTED_MODEL, files: SAMPLE_FILES })
    const { kernel } = world
    const loop = kernel.loop()
    const ticket = await kernel.tickets.create({ projectId: world.projectId, ...SAMPLE_TICKET, pipeline: 'quick' })
    await kernel.tickets.start({ ticketId: ticket.id })
    const look = async () => {
      const now = await kernel.tickets.get(ticket.id)
      assert.is.not(now.status, 'blocked', JSON.stringify(now.blocked))
      return now
    }
    await eventually(
      async () => (await look()).phase === 'WAITING_BEADS_APPROVAL' && (await kernel.inbox.list({})).items.length === 1,
      60_000,
    )
    const [gate] = (await kernel.inbox.list({})).items
    const plan = await kernel.tickets.artifact({ ticketId: ticket.id, kind: 'beads' })
    await kernel.tickets.submitGate({
      ticketId: ticket.id,
      gateId: gate?.id ?? '',
      action: 'approve',
      actionId: 'a1',
      expectedContentSha256: plan.contentSha256,
    })

    const question = await eventually(async () => (await look(), (await kernel.questions.list({ ticketId: ticket.id })).items[0]), 60_000)
    assert.is((await kernel.tickets.get(ticket.id)).waitingFor, 'person')
    await kernel.questions.reply({ ticketId: ticket.id, requestId: question.requestId, answers: [['Plain letters']] })
    await eventually(async () => (await look()).status === 'completed', 60_000)
    const { branch } = await kernel.tickets.get(ticket.id)
    assert.match(await gitIn(world.repo.path, 'log', '-1', '--format=%s', branch ?? ''), SAMPLE_TICKET.title)
    assert.match(await gitIn(world.repo.path, 'show', `${branch}:src/slugify.js`), 'Diacritic')
    assert.not.match(await gitIn(world.repo.path, 'show', 'main:src/slugify.js'), 'Diacritic')
    assert.is(oc.model.requests.length, 3 + 1 + 5 + 1)
    await kernel.stop()
    await loop
  })
})
