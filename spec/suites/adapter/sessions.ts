/** Sessions, and the server itself. */
import * as assert from 'uvu/assert'
import type { It } from '../../helpers/suite.ts'
import { newSession, send, settled, textOf, rejects, type Setup } from './world.ts'

export function sessions(it: It, setup: Setup): void {
  it('creates a session with title, metadata and directory, and reads it back', async () => {
    await using world = await setup()
    const made = await newSession(world, [{ permission: 'bash', pattern: '*', action: 'deny' }])
    assert.match(made.id, /^ses/)
    assert.is(made.directory, world.directory)
    const read = await world.adapter.getSession(made.id)
    assert.equal(
      { title: read?.title, metadata: read?.metadata, parentId: read?.parentId },
      { title: 'suite', metadata: { nonce: 'n1' }, parentId: undefined },
    )
  })
  it('says null for a session it does not know, and lists those it does', async () => {
    await using world = await setup()
    const made = await newSession(world)
    assert.is(await world.adapter.getSession('ses_unknown'), null)
    assert.is(await world.adapter.getSessionMessages('ses_unknown'), null)
    await rejects('OPENCODE_NOT_FOUND', () => world.adapter.childSessions('ses_unknown'))
    assert.ok((await world.adapter.listSessions()).some((s) => s.id === made.id))
    assert.is((await world.adapter.listSessions({ limit: 1 })).length, 1)
    assert.equal(await world.adapter.childSessions(made.id), [])
  })
  it('deletes a session; a late prompt then finds nobody and asks no model', async () => {
    await using world = await setup()
    const made = await newSession(world)
    await world.adapter.deleteSession(made.id)
    await world.adapter.deleteSession(made.id)
    assert.is(await world.adapter.getSession(made.id), null)
    const before = world.modelRequests()
    await rejects('OPENCODE_NOT_FOUND', () => send(world, made, 'too late'))
    assert.is(world.modelRequests(), before)
  })
}

export function server(it: It, setup: Setup): void {
  it('is healthy, with its version', async () => {
    await using world = await setup()
    const health = await world.adapter.checkHealth()
    assert.ok(health.reachable)
    assert.match(health.version ?? '', /^\d+\.\d+\.\d+/)
  })
  it('lists models without their keys', async () => {
    await using world = await setup()
    const catalogue = await world.adapter.listModels()
    assert.ok(
      catalogue.models.some((m) => m.provider === world.model.provider && m.model === world.model.model && m.contextTokens === 200_000),
    )
    assert.ok(catalogue.connectedProviders.includes(world.model.provider))
    assert.not.ok(JSON.stringify(catalogue).includes(world.secret))
  })
  it('ends a call when its caller aborts, with the reason of the caller', async () => {
    await using world = await setup()
    const reason = new Error('not needed any more')
    const signal = AbortSignal.abort(reason)
    try {
      await world.adapter.listSessions({ signal })
    } catch (error) {
      assert.is(error, reason)
      return
    }
    throw new Error('it was fulfilled')
  })
  it('disposes a directory, and its sessions go on afterwards', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'still here' }))
    const session = await newSession(world)
    await world.adapter.disposeDirectory(world.directory)
    const messageId = await send(world, session, 'there?')
    assert.is(textOf(await settled(world, session, messageId)), 'still here')
  })
}
