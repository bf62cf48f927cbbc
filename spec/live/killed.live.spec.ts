/** LoopTroop itself killed with SIGKILL, again and again: the next process finishes the ticket, and no turn runs twice. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as assert from 'uvu/assert'
import { processesWith } from '../../core/opencode/process-table.ts'
import { MARK } from '../../core/opencode/server-settings.ts'
import { demoScript } from '../../scripts/demo/model-script.ts'
import { SAMPLE_FILES } from '../../scripts/demo/sample.ts'
import { startScriptedModel } from '../../scripts/scripted-model.ts'
import type { Script } from '../../scripts/scripted-model.ts'
import type { ProcessLine, ProcessPlan } from '../crash/kernel-process.ts'
import { gitIn, testRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { isAlive } from '../helpers/waiting.ts'

interface Child extends AsyncDisposable {
  /** The first line, past or to come, that fits. Rejects when the process ends before it. */
  line<K extends ProcessLine['say']>(
    say: K,
    fits?: (line: Extract<ProcessLine, { say: K }>) => boolean,
  ): Promise<Extract<ProcessLine, { say: K }>>
  kill(): Promise<void>
  readonly exited: Promise<NodeJS.Signals | number | null>
}

function startChild(plan: ProcessPlan): Child {
  const program = join(import.meta.dirname, '../crash/kernel-process.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<NodeJS.Signals | number | null>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))
  const lines: ProcessLine[] = []
  const looks = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(JSON.parse(text) as ProcessLine)
    for (const look of looks) look()
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  const line: Child['line'] = (say, fits = () => true) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((l): l is Extract<ProcessLine, { say: typeof say }> => l.say === say && fits(l as never))
        if (found === undefined) return
        looks.delete(look)
        resolve(found)
      }
      looks.add(look)
      look()
      void exited.then((how) => reject(new Error(`it ended with ${how} before it said ${say}`)))
    })
  return { line, kill, exited, [Symbol.asyncDispose]: kill }
}

/** The demo's model, but its last words on the code come slowly. */
const slowEnd: Script = async (request) => {
  const reply = await demoScript(request)
  if (!('text' in reply) || !reply.text?.includes('<BEAD_STATUS>')) return reply
  return { chunks: reply.text.match(/[\s\S]{1,8}/g) ?? [], everyMs: 100 }
}

describe('LoopTroop killed with SIGKILL', (it) => {
  it('right after a POST, while a question is open, and in mid-stream, finishes the ticket with one model request per turn step', async () => {
    await using folder = await tempFolder('killed')
    await using repo = await testRepository(SAMPLE_FILES)
    await using model = await startScriptedModel({ script: slowEnd })
    const plan = { folder: folder.path, repo: repo.path, modelUrl: model.url }

    // The third POST is that of CODING.
    await using first = startChild({ ...plan, dieAfterPosts: 3 })
    const { opencodeId, pid } = await first.line('opencode')
    assert.is(await first.exited, 'SIGKILL')

    await using second = startChild(plan)
    assert.equal(await second.line('opencode'), { say: 'opencode', pid, opencodeId, rejoined: true })
    await second.line('event', (e) => e.type === 'question.asked')
    await second.kill()

    await using third = startChild({ ...plan, answers: true })
    await third.line('delta', (d) => d.text.includes('Both'))
    await third.kill()

    await using last = startChild({ ...plan, answers: true })
    const { ticket, turns, seqs } = await last.line('end')
    assert.is(await last.exited, 0)
    assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
    assert.equal(
      turns.map((t) => [t.prompt, t.how, t.posts]),
      [
        ['scan', 'finished', 1],
        ['answer', 'finished', 1],
        ['clean-slugs:1', 'finished', 1],
        ['@final-test:1', 'finished', 1],
      ],
    )
    // Three steps to scan, one to plan, five to code, one to test: as many as without any kill.
    assert.is(model.requests.length, 3 + 1 + 5 + 1)
    assert.equal(
      seqs,
      seqs.map((_, i) => i + 1),
    )
    assert.match(await gitIn(repo.path, 'show', `${ticket.branch}:src/slugify.js`), 'Diacritic')
    assert.not(isAlive(pid))
    assert.equal(processesWith(MARK, opencodeId), [])
  })

  it('together with OpenCode, in mid-stream: the turn is interrupted, and the next process works the item anew', async () => {
    await using folder = await tempFolder('killed')
    await using repo = await testRepository(SAMPLE_FILES)
    await using model = await startScriptedModel({ script: slowEnd })
    const plan = { folder: folder.path, repo: repo.path, modelUrl: model.url, answers: true }

    await using first = startChild(plan)
    const { opencodeId, pid } = await first.line('opencode')
    await first.line('delta', (d) => d.text.includes('Both'))
    await first.kill()
    process.kill(-pid, 'SIGKILL')

    await using second = startChild(plan)
    const server = await second.line('opencode')
    assert.equal([server.opencodeId, server.rejoined], [opencodeId, false])
    const { ticket, turns, seqs } = await second.line('end')
    assert.is(await second.exited, 0)
    assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
    assert.equal(
      turns.map((t) => [t.prompt, t.how, t.posts]),
      [
        ['scan', 'finished', 1],
        ['answer', 'finished', 1],
        ['clean-slugs:1', 'interrupted', 1],
        ['clean-slugs:2', 'finished', 1],
        ['@final-test:1', 'finished', 1],
      ],
    )
    // The five steps of the code are made again: their first session ended with OpenCode.
    assert.is(model.requests.length, 3 + 1 + 5 + 5 + 1)
    assert.equal(
      seqs,
      seqs.map((_, i) => i + 1),
    )
    assert.equal(processesWith(MARK, opencodeId), [])
  })
})
