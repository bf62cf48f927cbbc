import path from 'node:path'
import * as assert from 'uvu/assert'
import { isCode, LoopTroopError } from '../../core/errors.ts'
import { openGit, type Git } from '../../core/workspace/git.ts'
import { testRepository, type TestRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'

const gitOf = (repo: TestRepository, signal?: AbortSignal): Git =>
  openGit({ gitDir: path.join(repo.path, '.git'), workTree: repo.path, signal })

async function failureOf(running: Promise<unknown>): Promise<LoopTroopError> {
  const error: unknown = await running.catch((thrown: unknown) => thrown)
  assert.instance(error, LoopTroopError)
  return error as LoopTroopError
}

describe('git', (it) => {
  it('that hangs is ended in its time with its children', async () => {
    await using repo = await testRepository()
    await repo.git('config', 'alias.hang', '!sleep 100 & sleep 100')
    const began = performance.now()
    const error = await failureOf(gitOf(repo)(['hang'], { timeoutMs: 300 }))
    assert.ok(isCode(error, 'GIT_TIMEOUT'))
    assert.ok(performance.now() - began < 4_000)
  })

  it('that fails says with what; an exit code that is an answer is none', async () => {
    await using repo = await testRepository()
    const error = await failureOf(gitOf(repo)(['rev-parse', '--verify', 'nowhere']))
    assert.ok(isCode(error, 'GIT_FAILED'))
    assert.match(error.message, /rev-parse --verify nowhere ended with 128: fatal/)
    assert.is((await gitOf(repo)(['rev-parse', '--verify', '--quiet', 'nowhere'], { codes: [0, 1] })).code, 1)
  })

  it('knows no secret of the server and asks nobody', async () => {
    await using repo = await testRepository()
    await repo.git('config', 'alias.env', '!env')
    process.env['OPENCODE_SERVER_PASSWORD'] = 'secret'
    process.env['GIT_INDEX_FILE'] = '/nowhere/index'
    try {
      const { stdout } = await gitOf(repo)(['env'])
      assert.not.match(stdout, /secret|nowhere|LOOPTROOP/)
      assert.match(stdout, /^GIT_TERMINAL_PROMPT=0$/m)
    } finally {
      delete process.env['OPENCODE_SERVER_PASSWORD']
      delete process.env['GIT_INDEX_FILE']
    }
  })

  it('is ended by an abort with its reason', async () => {
    await using repo = await testRepository()
    await repo.git('config', 'alias.hang', '!sleep 100')
    const abort = new AbortController()
    const running = gitOf(repo, abort.signal)(['hang'])
    abort.abort(new Error('canceled'))
    assert.match(String(await running.catch((error: unknown) => error)), /canceled/)
  })

  it("reads its own output whatever the person's settings", async () => {
    await using repo = await testRepository()
    for (const [name, value] of [
      ['log.showSignature', 'true'],
      ['diff.noprefix', 'true'],
      ['color.ui', 'always'],
      ['core.quotePath', 'true'],
      ['status.showUntrackedFiles', 'no'],
    ] as const) {
      await repo.git('config', name, value)
    }
    assert.match((await gitOf(repo)(['log', '-1', '--format=%H'])).stdout, /^[0-9a-f]{40}\n$/)
  })
})
