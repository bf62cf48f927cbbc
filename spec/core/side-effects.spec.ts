import * as assert from 'uvu/assert'
import { SideEffects } from '../../core/turns/side-effects.ts'
import type { RemoteMessage } from '../../core/opencode/adapter.ts'
import type { Marks } from '../../core/workspace/index.ts'
import { describe } from '../helpers/suite.ts'
import { turnRecord } from './turn-record.ts'

const called = [{ parts: [{ type: 'tool', tool: 'bash', state: 'completed', input: { command: 'true' } }] }] as unknown as RemoteMessage[]
const marks = (name: string): Marks => ({ ignored: { [name]: '1' }, git: {} })

describe('what a turn changed beside its files', (it) => {
  it('a look that fails is thrown to its turn alone; the next begins where that one began', async () => {
    const from: Marks[] = []
    const effects = new SideEffects(
      {
        mark: () => Promise.resolve(marks('first')),
        since: (before) => {
          from.push(before)
          if (from.length === 1) return Promise.reject(new Error('git is gone'))
          return Promise.resolve({ ignored: ['.env'], git: [], more: 0, now: marks('second') })
        },
      },
      { ticketId: 'T-1', phase: 'ONE', attempt: 1 },
    )
    await effects.begin(() => Promise.resolve(false))
    const failed = await effects.of(turnRecord(), called).then(
      () => null,
      (error: unknown) => (error as Error).message,
    )
    assert.is(failed, 'git is gone')
    const told = await effects.of(turnRecord(), called)
    assert.equal(
      told.map((e) => e.type),
      ['files.beside'],
    )
    await effects.of(turnRecord(), called)
    assert.equal(from, [marks('first'), marks('first'), marks('second')])
    assert.equal(await effects.of(turnRecord(), []), [], 'no tool was called')
    assert.is(from.length, 3)
  })
})
