/** `npm run doctor`: reads, says, and starts nothing. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { exitCode } from '../../scripts/doctor.ts'
import type { DoctorReport } from '../../scripts/doctor.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import { processesOf, runScript } from './script-run.ts'

const jsonOf = (text: string): DoctorReport => JSON.parse(text) as DoctorReport
const severityOf = (report: DoctorReport, id: string): string | undefined => report.checks.find((c) => c.id === id)?.severity

describe('npm run doctor', (it) => {
  it(
    'reports on a machine without data, as text and as JSON, and makes none',
    async () => {
      await using folder = await tempFolder('doctor')
      const [human, json] = await Promise.all([
        runScript('doctor.ts', { folder: folder.path }),
        runScript('doctor.ts', { folder: folder.path, args: ['--json'] }),
      ])
      const report = jsonOf(json.stdout)
      assert.equal(Object.keys(report), ['checks', 'projects', 'recovery', 'lastStart'])
      assert.equal([severityOf(report, 'node.version'), severityOf(report, 'git.version')], ['ok', 'ok'])
      for (const { id, severity, message, hint } of report.checks) {
        assert.ok(/^[a-z]+(\.[a-z]+)+$/.test(id) && message !== '')
        assert.ok(severity === 'ok' || hint !== null, `${id} says what to do`)
        assert.match(human.stdout, id)
      }
      assert.equal([json.code, human.code], [exitCode(report), exitCode(report)])
      assert.equal([report.projects, report.recovery.tickets], [[], []])
      assert.not.ok((await readdir(folder.path)).includes('data'))
      assert.equal(await processesOf(folder.path), [])
    },
    { timeoutMs: 60_000 },
  )

  it(
    'says of each ticket where it is and what a start would do, and changes nothing',
    async () => {
      await using world = await startWorld()
      await using folder = await tempFolder('doctor')
      const { id } = await world.start()
      await world.drive()
      const before = await world.kernel.tickets.get(id)
      await world.kernel.stop()
      const env = { LOOPTROOP_DATABASE_URL: `file:${path.join(world.dataDir, 'app.db')}` }
      const [human, json] = await Promise.all([
        runScript('doctor.ts', { folder: folder.path, env }),
        runScript('doctor.ts', { folder: folder.path, env, args: ['--json'] }),
      ])
      const [ticket] = jsonOf(json.stdout).recovery.tickets
      assert.equal([ticket?.ticketId, ticket?.phase, ticket?.attempt, ticket?.inbox[0]?.kind], [id, 'WAITING_BEADS_APPROVAL', 1, 'gate'])
      assert.match(human.stdout, new RegExp(`${id} +WAITING_BEADS_APPROVAL #1: `))
      assert.match(human.stdout, /a start /)
      assert.match(human.stdout, /waits for a person: gate/)
      const after = await (await world.reopen()).tickets.get(id)
      assert.equal(after, before)
    },
    { timeoutMs: 60_000 },
  )

  it(
    'fails with 2 on a database that cannot be read, and says which',
    async () => {
      await using folder = await tempFolder('doctor')
      await mkdir(path.join(folder.path, 'data'))
      await writeFile(path.join(folder.path, 'data/looptroop.db'), 'this is no database, whatever its name says'.repeat(200))
      const { code, stdout } = await runScript('doctor.ts', { folder: folder.path, args: ['--json'] })
      const report = jsonOf(stdout)
      assert.equal([code, severityOf(report, 'database.app')], [2, 'fail'])
      assert.match(report.checks.find((c) => c.id === 'database.app')?.message ?? '', /looptroop\.db/)
    },
    { timeoutMs: 60_000 },
  )

  it(
    'fails with 2 without git, and warns with 1',
    async () => {
      await using folder = await tempFolder('doctor')
      const { code, stdout } = await runScript('doctor.ts', { folder: folder.path, args: ['--json'], env: { PATH: folder.path } })
      assert.equal([code, severityOf(jsonOf(stdout), 'git.version')], [2, 'fail'])
      const of = (...severities: readonly ('ok' | 'warn' | 'fail')[]): number =>
        exitCode({ ...jsonOf(stdout), checks: severities.map((severity) => ({ id: 'x', severity, message: '', hint: null })) })
      assert.equal([of('ok'), of('ok', 'warn'), of('warn', 'fail')], [0, 1, 2])
    },
    { timeoutMs: 60_000 },
  )
})
