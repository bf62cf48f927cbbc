import * as assert from 'uvu/assert'
import type { DurableEvent, EventData, EventType } from '../../core/events/events.ts'
import { tellLife } from '../../scripts/replay/life.ts'
import { describe } from '../helpers/suite.ts'

const AT = { phase: 'ONE', attempt: 1 }
const TURN = { ...AT, turnId: 'msg_0123456789', prompt: 'answer' }
const log = (...events: readonly (readonly [EventType, EventData[EventType]])[]): readonly DurableEvent[] =>
  events.map(([type, data], i) => ({ seq: i + 1, id: `e.${i + 1}`, type, at: i * 1_000, data }) as DurableEvent)

const LIFE = log(
  ['ticket.created', { title: 'Do it', pipeline: 'quick' }],
  ['phase.entered', { ...AT, label: 'One', visits: 1, reason: 'entered' }],
  ['turn.intended', { ...TURN, ordinal: 1, model: 'p/m', sessionId: 'ses_1', reason: 'first' }],
  ['turn.sent', { ...TURN, post: 1, row: 4 }],
  ['turn.sent', { ...TURN, post: 2, row: 9 }],
  ['turn.rejoined', { ...TURN, status: 'busy' }],
  ['text', { ...TURN, partId: 'prt_1', text: 'words', owner: null }],
  ['turn.settled', { ...TURN, how: 'finished', finish: 'stop', tokens: null, cost: null, error: null, ms: 12, row: 5 }],
  ['phase.left', { ...AT, outcome: 'done', next: null }],
)

describe("a ticket's life, replayed", (it) => {
  it('tells phases, turns, receipts, the row that decided, and restarts', () => {
    const told = tellLife(LIFE, { all: false }).join('\n')
    for (const part of [
      'created: Do it',
      '▶ ONE #1',
      'answer 456789 intended',
      'sent, post 2 by row 9',
      '↻ answer 456789 rejoined',
      'by row 5: finished',
      '■ ONE #1: done → the end',
    ])
      assert.ok(told.includes(part), `${part}\n${told}`)
    assert.not.match(told, 'words')
  })
  it('ends with what happened how often', () => {
    assert.match(tellLife(LIFE, { all: false }).at(-1) ?? '', '1 turns, 1 settled, 1 posted again, 1 rejoined, 0 ran twice')
  })
  it('tells every event when asked', () => {
    assert.is(tellLife(LIFE, { all: true }).length, LIFE.length + 2)
  })
})
