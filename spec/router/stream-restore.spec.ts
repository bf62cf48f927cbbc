/** A backup is brought back under clients that follow: each is told once that all it knows is of another state, and gets that state. */
import path from 'node:path'
import * as assert from 'uvu/assert'
import { backUp, restore } from '../../core/backup/index.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import { Seen, SUBSCRIBERS } from '../suites/stream/subscribers.ts'
import { serve } from './wire.ts'

describe('streams across a restore', (it) => {
  it('start over with a gap, and show what the backup knew', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.start()
    await world.drive()
    const place = {
      databaseUrl: `file:${path.join(world.dataDir, 'app.db')}`,
      file: path.join(world.dataDir, 'a.backup'),
      clock: systemClock,
    }
    const server = await serve({ kernel: world.kernel })
    const clients = SUBSCRIBERS.map(({ connect }) => connect(server.url))
    const all = clients.map(({ client }) => new Seen(client, ticketId))
    const told = async (): Promise<readonly number[]> =>
      (await world.kernel.events.history({ ticketId, limit: 1_000 })).items.map(({ seq }) => seq)
    const seenBy = async (seen: Seen, from: number): Promise<boolean> => seen.events.length - from === (await told()).length

    const saved = await told()
    await backUp({ ...place, version: 'spec' })
    await world.kernel.tickets.cancel({ ticketId })
    for (const seen of all) await until(() => seenBy(seen, 0), 'it has all')
    const before = all.map((seen) => seen.events.length)
    await server.close()
    await world.kernel.stop()
    await restore({ ...place, dataDir: world.dataDir, chance: systemChance })

    await using again = await serve({ kernel: await world.reopen(), port: server.port })
    assert.is(again.port, server.port)
    for (const [n, seen] of all.entries()) {
      await until(() => seenBy(seen, before[n] ?? 0), 'it has all anew')
      assert.equal(seen.seqs.slice(before[n]), saved)
      assert.equal([seen.gaps.length, seen.errors, seen.view.status], [1, [], (await world.kernel.tickets.get(ticketId)).status])
    }
    for (const seen of all) seen[Symbol.dispose]()
    for (const { close } of clients) await close()
  })
})
