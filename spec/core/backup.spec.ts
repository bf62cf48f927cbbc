/** A backup while work goes on, and what clients see of a restore. */
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { execFileSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { announceProcess, backUp, restore } from '../../core/backup/index.ts'
import type { AllBatch, Kernel } from '../../core/kernel-api.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { refusal } from './person.ts'

const fileOf = (world: World): string => path.join(world.dataDir, 'all.backup')
const place = (world: World) => ({ databaseUrl: `file:${path.join(world.dataDir, 'app.db')}`, file: fileOf(world), clock: systemClock })
const bringBack = (world: World) => restore({ ...place(world), dataDir: world.dataDir, chance: systemChance })

/** The first batches up to one that satisfies. */
async function firstOf(kernel: Kernel, lastEventId: string | undefined, enough: (batch: AllBatch) => boolean): Promise<AllBatch> {
  const stop = new AbortController()
  try {
    for await (const batch of kernel.events.followAll({ lastEventId, signal: stop.signal })) if (enough(batch)) return batch
  } finally {
    stop.abort()
  }
  throw new Error('the stream ended')
}

describe('backup and restore', (it) => {
  it('saves all databases beside a kernel that works, and brings them back with a gap for every client', async () => {
    await using world = await startWorld()
    const { id } = await world.start()
    await world.drive()
    const saved = await world.kernel.tickets.get(id)
    const report = await backUp({ ...place(world), version: 'spec' })
    assert.equal([report.projects, report.bytes > 100_000], [['SPEC'], true])
    assert.match(execFileSync('tar', ['tf', report.file], { encoding: 'utf8' }), /^manifest\.json\napp\.db\nproject-SPEC\.db\n$/)
    const last = (await world.kernel.events.history({ ticketId: id, limit: 1_000 })).items.at(-1)
    await world.kernel.tickets.cancel({ ticketId: id })
    const all = (await firstOf(world.kernel, undefined, (b) => b.events.at(-1)?.type === 'ticket.status')).id
    await world.kernel.stop()
    const { kept, projects } = await bringBack(world)
    assert.equal([projects, kept.length, kept.every((file) => existsSync(file))], [['SPEC'], 2, true])

    const kernel = await world.reopen()
    assert.equal(await kernel.tickets.get(id), saved)
    assert.is((await firstOf(kernel, all, (b) => b.gaps.length > 0)).gaps[0], world.projectId)
    const stop = new AbortController()
    for await (const batch of kernel.events.follow({ ticketId: id, lastEventId: last?.id, signal: stop.signal })) {
      assert.is(batch.live[0]?.type, 'gap')
      break
    }
    stop.abort()
    await kernel.tick()
    assert.is((await kernel.inbox.list({ ticketId: id })).items[0]?.kind, 'gate')
  })

  it('changes nothing when the backup is damaged, cut, or of something else', async () => {
    await using world = await startWorld()
    await backUp({ ...place(world), version: 'spec' })
    await world.kernel.tickets.create({ projectId: world.projectId, title: 'Newer' })
    await world.kernel.stop()
    const whole = await readFile(fileOf(world))
    const damaged = Buffer.from(whole)
    damaged.fill(0x55, whole.indexOf('SQLite format 3') + 5_000, whole.indexOf('SQLite format 3') + 5_010)
    for (const bytes of [damaged, whole.subarray(0, whole.length - 20_000), Buffer.from('no archive'.repeat(200)), Buffer.alloc(0)]) {
      await writeFile(fileOf(world), bytes)
      assert.is((await refusal(() => bringBack(world))).code, 'BACKUP_INVALID')
    }
    assert.is((await (await world.reopen()).tickets.list({})).items.length, 1)
  })

  it('refuses while somebody drives the tickets, and when a repository is gone', async () => {
    await using world = await startWorld()
    await world.start()
    await backUp({ ...place(world), version: 'spec' })
    assert.is((await refusal(() => bringBack(world))).code, 'LEASE_HELD')
    await world.kernel.stop()
    await rename(world.repo.path, `${world.repo.path}-moved`)
    assert.is((await refusal(() => bringBack(world))).code, 'PROJECT_PATH_GONE')
    await rename(`${world.repo.path}-moved`, world.repo.path)
    await bringBack(world)
    await world.reopen()
  })

  it('brings a database back that can no longer be read', async () => {
    await using world = await startWorld()
    const { id } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'Saved' })
    await backUp({ ...place(world), version: 'spec' })
    await world.kernel.stop()
    await writeFile(path.join(world.repo.path, '.looptroop/looptroop.db'), 'rubbish'.repeat(5_000))
    await bringBack(world)
    assert.is((await (await world.reopen()).tickets.get(id)).title, 'Saved')
  })

  it('lets a server and a restore never use one data folder together; dead ones do not count', async () => {
    await using world = await startWorld()
    const folder = path.join(world.dataDir, 'processes')
    await mkdir(folder)
    const mark = (kind: string, pid: number): Promise<void> =>
      writeFile(path.join(folder, `${kind}-${pid}.json`), JSON.stringify({ kind, pid, startToken: null }))
    await mark('server', 4_000_000)
    announceProcess(world.dataDir, 'restore')()
    await mark('server', process.ppid)
    assert.is((await refusal(() => announceProcess(world.dataDir, 'restore'))).code, 'DATA_FOLDER_IN_USE')
    const withdraw = announceProcess(world.dataDir, 'server')
    withdraw()
    await mark('restore', process.ppid)
    assert.is((await refusal(() => announceProcess(world.dataDir, 'server'))).code, 'DATA_FOLDER_IN_USE')
    await appendFile(path.join(folder, 'half.json.new'), '{')
  })
})
