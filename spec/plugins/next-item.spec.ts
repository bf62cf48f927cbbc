import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Item, ItemState } from '../../plugins/contract.ts'
import { graphProblems, nextItem } from '../../plugins/primitives/next-item.ts'
import { describe } from '../helpers/suite.ts'

const item = (id: string, state: ItemState = 'pending', given: Partial<Item> = {}): Item => ({
  ...{ id, title: id, state, priority: 1, blockedBy: [], iteration: 1, notes: [], data: null },
  ...given,
})
const chosen = (...items: Item[]): string => {
  const next = nextItem(items)
  return next.do === 'work' ? next.item.id : next.do === 'stuck' ? next.why : next.do
}

describe('nextItem', (it) => {
  it('finishes what is in progress, then takes the lowest priority number, then the order', () => {
    assert.is(chosen(item('a'), item('b', 'in_progress', { priority: 9 })), 'b')
    assert.is(chosen(item('a', 'pending', { priority: 2 }), item('b')), 'b')
    assert.is(chosen(item('a'), item('b')), 'a')
  })
  it('waits for blockers, and is finished when all are done', () => {
    assert.is(chosen(item('a', 'pending', { blockedBy: ['b'] }), item('b', 'pending', { priority: 5 })), 'b')
    assert.is(chosen(item('a', 'pending', { blockedBy: ['b'] }), item('b', 'done')), 'a')
    assert.is(chosen(item('a', 'done')), 'finished')
    assert.is(chosen(), 'finished')
  })
  it('says which items keep it from going on', () => {
    assert.is(chosen(item('a', 'error'), item('b', 'pending', { blockedBy: ['a'] })), 'a (failed); b (waits for a)')
    assert.is(chosen(item('a', 'error'), item('b')), 'b')
  })
})

describe('graphProblems', (it) => {
  it('names doubles, unknown blockers and a cycle, by id', () => {
    const problems = graphProblems([
      { id: 'a', blockedBy: ['c'] },
      { id: 'b', blockedBy: ['a', 'x'] },
      { id: 'c', blockedBy: ['b'] },
      { id: 'd', blockedBy: [] },
      { id: 'd', blockedBy: [] },
    ])
    assert.equal(problems, ['d is there twice', 'b is blocked by x, which does not exist', 'a cycle: a → c → b → a'])
    assert.equal(graphProblems([{ id: 'a', blockedBy: ['a'] }]), ['a cycle: a → a'])
  })
  it('finds a cycle exactly when no order of the items exists', () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const graph = fc.tuple(...ids.map((id) => fc.subarray(ids).map((blockedBy) => ({ id, blockedBy }))))
    fc.assert(
      fc.property(graph, (items) => {
        const done = new Set<string>()
        for (let round = 0; round < ids.length; round += 1)
          for (const i of items) if (i.blockedBy.every((id) => done.has(id))) done.add(i.id)
        assert.is(graphProblems(items).length === 0, done.size === ids.length)
      }),
    )
  })
})
