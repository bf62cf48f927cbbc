/** A database of an older program is brought up to date with what is in it. */
import * as assert from 'uvu/assert'
import { systemChance } from '../../core/ports.ts'
import { openFileDatabase, pathOfUrl } from '../../core/store/file-database.ts'
import { migrate } from '../../core/store/migrate.ts'
import { PROJECT_SCHEMA } from '../../core/store/migrations/index.ts'
import { createFileStores } from '../../core/store/sql-store.ts'
import { systemClock } from '../../core/ports.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const turn = (id: string, receipt: string, settlement: string): string =>
  `INSERT INTO turns (turn_id, ticket_id, phase, attempt, prompt, ordinal, reason, session_nonce, session_id, opencode_id, directory, generation,
     request, receipt, settlement, settled_at, intended_at)
   VALUES ('${id}', 'KEY-1', 'P', 1, 'p', 1, 'first', 'n', 's', 'o', '.', 1, '{}', '${receipt}', ${settlement}, 5, 1)`
/** A session with a turn that told its figures, one that did not, and one under way. */
const SPENT = [
  `INSERT INTO sessions (nonce, ticket_id, phase, attempt, bead_id, state, session_id, opencode_id, host, directory, model, generation, created_at)
   VALUES ('n', 'KEY-1', 'P', 1, 'b', 'ended', 's', 'o', '', '.', '{"provider":"fake","model":"m1"}', 1, 1)`,
  turn('t1', 'settled', `'{"tokens":{"input":4,"output":3,"reasoning":2,"cacheRead":1,"cacheWrite":0},"cost":0.5}'`),
  turn('t2', 'settled', `'{"tokens": null, "cost": null}'`),
  turn('t3', 'sent', 'NULL'),
]

describe('migrations', (it) => {
  for (let version = 1; version < PROJECT_SCHEMA.steps.length; version += 1)
    it(`from version ${version} of a project's database: its tickets and what waits are there, and new verbs work on them`, async () => {
      await using folder = await tempFolder('migrations')
      const url = `file:${folder.path}/project.db`
      const old = await openFileDatabase(pathOfUrl(url), systemClock)
      await migrate(old, { ...PROJECT_SCHEMA, steps: PROJECT_SCHEMA.steps.slice(0, version) }, pathOfUrl(url))
      await old.batch([
        {
          sql: `INSERT INTO tickets (id, number, create_id, title, description, priority, pipeline, status, created_at, updated_at)
                VALUES ('KEY-1', 1, 'c', 'Old', '', 0, 'quick', 'draft', 1, 1)`,
          args: {},
        },
        {
          sql: `INSERT INTO inbox (ticket_id, id, kind, payload, state, actions, since) VALUES ('KEY-1', 'g', 'gate', '{}', 'open', '[]', 1)`,
          args: {},
        },
        ...SPENT.map((sql) => ({ sql, args: {} })),
      ])
      await old.close()
      const stores = createFileStores({ clock: systemClock, chance: systemChance })
      const store = await stores.openProject(url, { projectId: 'p', projectKey: 'KEY' })
      const ticket = await store.getTicket('KEY-1')
      assert.equal([ticket?.title, ticket?.paused, ticket?.heldBy], ['Old', false, null])
      assert.equal(
        (await store.inbox()).map((entry) => [entry.id, entry.deadline]),
        [['g', null]],
      )
      assert.is((await store.holdTicket({ ticketId: 'KEY-1', heldBy: 'ticket', paused: true, at: 2 })).paused, true)
      assert.is((await store.dueNudges({ at: 2, tries: 1, limit: 1 })).length, 1)
      assert.equal(
        (await store.spentTurns('KEY-1')).map((t) => [t.turnId, t.model, t.item, t.tokens?.input ?? null, t.cost, t.untold]),
        // From version 3 on a turn is in the ledger as it settles; before, the migration reckons it up.
        version >= 3
          ? []
          : [
              ['t1', 'fake/m1', 'b', 4, 0.5, 0],
              ['t2', 'fake/m1', 'b', null, null, 1],
            ],
      )
      await store.close()
    })
})
