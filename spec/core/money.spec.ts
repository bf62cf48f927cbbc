/** Sums of tokens and costs: what is known adds up, what is missing is said, and nothing missing becomes a zero. */
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { capReached, costsOf, NOTHING_SPENT, plus, spentBy, spentInWords, tokensIn, totalOf } from '../../core/money.ts'
import type { Spent, SpentTurn } from '../../core/money.ts'
import type { Tokens } from '../../core/opencode/adapter.ts'
import { settlementOf } from '../../core/turns/answer.ts'
import { describe } from '../helpers/suite.ts'

const count = fc.nat(10_000)
const tokens = fc.option(fc.record({ input: count, output: count, reasoning: count, cacheRead: count, cacheWrite: count }), { nil: null })
/** Quarters add up exactly. */
const cost = fc.option(
  fc.nat(400).map((n) => n / 4),
  { nil: null },
)
const name = fc.constantFrom('a', 'b', 'c')
const nameOrNull = fc.option(name, { nil: null })
const turn: fc.Arbitrary<SpentTurn> = fc
  .record({ phase: name, member: nameOrNull, item: nameOrNull, model: name, tokens, cost, untold: fc.nat(2) })
  .map((made) => ({ turnId: 't', attempt: 1, prompt: 'p', ...made }))
const turns = fc.array(turn, { maxLength: 12 })
const TEN: Tokens = { input: 4, output: 3, reasoning: 2, cacheRead: 1, cacheWrite: 0 }

const message = (finish: string | undefined, took: { tokens: Tokens | null; cost: number | null }, summary = false) => ({
  ...{ id: 'm', sessionId: 's', role: 'assistant' as const, createdAt: 1, summary, parts: [], ...took },
  ...(finish === undefined ? {} : { finish }),
})

describe('costsOf', (it) => {
  it('adds up to the ticket in every grouping, whatever is missing', () => {
    fc.assert(
      fc.property(turns, (all) => {
        const { ticket, ...groupings } = costsOf(all)
        for (const groups of Object.values(groupings)) {
          const spent = groups.map(({ tokens: t, cost: c, turns: n, missing }): Spent => ({ tokens: t, cost: c, turns: n, missing }))
          assert.equal(totalOf(spent), ticket)
        }
        assert.equal([ticket.turns, ticket.missing], [all.length, all.filter((t) => t.untold > 0).length])
      }),
    )
  })
  it('is null only when nothing is known, and a missing figure changes no sum', () => {
    fc.assert(
      fc.property(turns, (all) => {
        const { ticket } = costsOf(all)
        assert.is(
          ticket.cost === null,
          all.every((t) => t.cost === null),
        )
        assert.is(
          ticket.tokens === null,
          all.every((t) => t.tokens === null),
        )
        assert.is(
          ticket.cost ?? 0,
          all.reduce((sum, t) => sum + (t.cost ?? 0), 0),
        )
        const unknown = spentBy({ tokens: null, cost: null, untold: 1 })
        assert.equal(plus(ticket, unknown), { ...ticket, turns: ticket.turns + 1, missing: ticket.missing + 1 })
      }),
    )
  })
  it('does not depend on the order', () => {
    fc.assert(
      fc.property(turns, (all) => {
        assert.equal(costsOf(all.toReversed()).ticket, costsOf(all).ticket)
        const byName = (groups: readonly (Spent & { phase: string })[]): unknown =>
          groups.toSorted((a, b) => a.phase.localeCompare(b.phase))
        assert.equal(byName(costsOf(all.toReversed()).byPhase), byName(costsOf(all).byPhase))
      }),
    )
  })
})

describe('capReached', (it) => {
  const spent: Spent = { tokens: TEN, cost: 2, turns: 3, missing: 0 }
  it('stops at the limit, not below it', () => {
    assert.is(capReached({ tokens: null, cost: null }, spent), null)
    assert.is(capReached({ tokens: 11, cost: 2.1 }, spent), null)
    assert.equal(capReached({ tokens: 10, cost: null }, spent), { unit: 'tokens', limit: 10, spent: 10 })
    assert.equal(capReached({ tokens: 10, cost: 2 }, spent), { unit: 'cost', limit: 2, spent: 2 })
  })
  it('a limit of nothing stops the first turn; figures that nobody told reach no other', () => {
    assert.equal(capReached({ tokens: null, cost: 0 }, NOTHING_SPENT), { unit: 'cost', limit: 0, spent: 0 })
    assert.is(capReached({ tokens: 1, cost: 0.01 }, { ...NOTHING_SPENT, turns: 9, missing: 9 }), null)
  })
})

describe('spentInWords', (it) => {
  it('says what is missing in it', () => {
    assert.is(spentInWords(NOTHING_SPENT), 'nothing yet')
    assert.is(spentInWords({ tokens: TEN, cost: 0.5, turns: 1, missing: 0 }), '$0.5000 · 10 tokens')
    assert.is(spentInWords({ tokens: null, cost: 0.5, turns: 2, missing: 1 }), '$0.5000 (figures are missing of 1 of 2 turns)')
    assert.is(spentInWords({ tokens: null, cost: null, turns: 1, missing: 1 }), 'no figures (figures are missing of 1 of 1 turns)')
    assert.equal([tokensIn(TEN), tokensIn(null)], [10, null])
  })
})

describe('what a turn took', (it) => {
  const whole = message('stop', { tokens: TEN, cost: 0.25 })
  it('is what its messages told; one that was cut off told zeros and nothing', () => {
    const cut = message(undefined, { tokens: { input: 0, output: 0, reasoning: 0, cacheRead: 0, cacheWrite: 0 }, cost: 0 })
    assert.equal(figures(settlementOf('finished', [whole])), [TEN, 0.25, 0])
    assert.equal(figures(settlementOf('interrupted', [cut])), [null, null, 1])
    assert.equal(figures(settlementOf('interrupted', [whole, cut])), [TEN, 0.25, 1])
    assert.equal(figures(settlementOf('finished', [message('stop', { tokens: TEN, cost: null })])), [TEN, null, 1])
  })
  it('counts compactions, and is not known where it cannot be read', () => {
    const summary = message('stop', { tokens: TEN, cost: 0.5 }, true)
    assert.equal(figures(settlementOf('finished', [whole], { summaries: [summary] })), [
      { ...TEN, input: 8, output: 6, reasoning: 4, cacheRead: 2 },
      0.75,
      0,
    ])
    assert.equal(figures(settlementOf('not_started', [])), [null, null, 0], 'nothing was asked')
    assert.equal(figures(settlementOf('lost', [])), [null, null, 1])
    assert.equal(figures(settlementOf('aborted', [], { unread: true })), [null, null, 1])
  })
  it('has what sub-agents took in it, and beside it', () => {
    const below = { sessions: 1, messages: [whole, message('stop', { tokens: null, cost: null })] }
    const settled = settlementOf('finished', [whole], { below })
    assert.equal([settled.cost, settled.untold, settled.sub], [0.5, 1, { sessions: 1, tokens: TEN, cost: 0.25 }])
    assert.equal(figures(settlementOf('finished', [whole], { below: null })), [TEN, 0.25, 1])
    assert.is(settlementOf('finished', [whole], { below: null }).sub, null)
    assert.is(settlementOf('finished', [whole], { below: { sessions: 0, messages: [] } }).sub, undefined)
  })
  const figures = ({ tokens: took, cost: paid, untold }: ReturnType<typeof settlementOf>): unknown => [took, paid, untold]
})
