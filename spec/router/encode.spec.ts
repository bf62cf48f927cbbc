/** What many readers get is made once: over both transports, and to the byte what tRPC itself would send. */
import * as assert from 'uvu/assert'
import { eventFrame, share, socketFrame } from '../../router/encode.ts'
import { describe } from '../helpers/suite.ts'

const batch = share({ events: [{ seq: 1, text: 'ünïcödé “✓”' }], live: [] })
const textOf = (frame: string | Uint8Array): string => Buffer.from(frame).toString()
/** Without the head of a text frame of 126 to 65,535 bytes. */
const saidBy = (frame: string | Uint8Array): unknown => JSON.parse(textOf(frame).slice(textOf(frame).indexOf('{')))

describe('frames of shared batches', (it) => {
  it('are one and the same bytes for all sockets that number their subscription alike', () => {
    const frame = socketFrame('{"id":1}', 'epoch.1', batch)
    assert.is(socketFrame('{"id":1}', 'epoch.1', batch), frame)
    assert.equal(saidBy(frame), { id: 1, result: { type: 'data', id: 'epoch.1', data: { id: 'epoch.1', data: batch } } })
    const other = saidBy(socketFrame('{"id":"two","jsonrpc":"2.0"}', 'epoch.1', batch)) as { id: string; jsonrpc: string }
    assert.equal([other.id, other.jsonrpc], ['two', '2.0'])
  })
  it('are one and the same bytes for all event streams', () => {
    const frame = eventFrame('epoch.1', batch)
    assert.is(eventFrame('epoch.1', batch), frame)
    assert.is(textOf(frame), `data: ${JSON.stringify(batch)}\nid: epoch.1\n\n`)
  })
  it('are made anew of what is not shared, and changes in between are seen', () => {
    const own = { n: 1 }
    const before = textOf(socketFrame('{"id":1}', 'a.1', own))
    own.n = 2
    assert.is.not(textOf(socketFrame('{"id":1}', 'a.1', own)), before)
  })
})
