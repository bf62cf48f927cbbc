/** The end of a turn as the stream tells it: believed only when nothing of the answer can still be on its way. */
import * as assert from 'uvu/assert'
import type { OpencodeEvent, RemotePart } from '../../core/opencode/adapter.ts'
import { Mirror } from '../../core/turns/mirror.ts'
import { isWhole } from '../../core/turns/facts.ts'
import { describe } from '../helpers/suite.ts'

const info = { sessionId: 's', createdAt: 1, summary: false, tokens: null, cost: null } as const
const message = (id: string, role: 'user' | 'assistant'): OpencodeEvent & { type: 'message.updated' } => ({
  type: 'message.updated',
  directory: '/d',
  sessionId: 's',
  message: { ...info, id, role },
})
const part = (messageId: string, told: RemotePart): OpencodeEvent & { type: 'part.updated' } => ({
  type: 'part.updated',
  directory: '/d',
  sessionId: 's',
  messageId,
  part: told,
})
const text = (words: string, ended: boolean): RemotePart => ({ id: 'p', type: 'text', text: words, synthetic: false, ended })
const finished: RemotePart = { id: 'f', type: 'step-finish', reason: 'stop', tokens: null, cost: null }

function told(...parts: readonly RemotePart[]): boolean {
  const mirror = new Mirror(true)
  mirror.message(message('u', 'user'))
  mirror.message(message('a', 'assistant'))
  for (const one of parts) mirror.part(part('a', one))
  const last = mirror.messages('u')?.at(-1)
  return last !== undefined && isWhole(last)
}

describe('an end that the stream tells', (it) => {
  it('is whole with its text in the last state and its step finished', () => {
    assert.ok(told(text('', false), text('yes', true), finished))
  })
  it('is not while a text is open, empty, or its step not finished', () => {
    assert.not(told(text('', false), finished))
    assert.not(told(text('ye', false), finished))
    assert.not(told(text('yes', true)))
    assert.not(told(finished))
  })
  it('is not believed at all once the stream was interrupted, or a part came without its message', () => {
    const cut = new Mirror(true)
    cut.message(message('u', 'user'))
    cut.interrupted()
    assert.is(cut.messages('u'), null)
    const torn = new Mirror(true)
    torn.message(message('u', 'user'))
    torn.part(part('a', text('yes', true)))
    assert.is(torn.messages('u'), null)
  })
})
