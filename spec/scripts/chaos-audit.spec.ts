/** The audit of the chaos run sees what it looks for: right records pass, and each thing that is wrong is named. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { ballotOf, tally } from '../../plugins/index.ts'
import { voteProblems } from '../../scripts/chaos/audit-council.ts'
import type { CouncilRecord } from '../../scripts/chaos/audit-council.ts'
import { auditForge } from '../../scripts/chaos/audit-forge.ts'
import { differences, portrait } from '../../scripts/chaos/compare.ts'
import { watchTrees } from '../../scripts/chaos/trees.ts'
import { addRemote } from '../../scripts/demo/full-stage.ts'
import type { ScriptedRequest } from '../../scripts/scripted-model.ts'
import { gitIn, testRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'

const ROSTER = ['m1', 'm2', 'm3']
const WORTH: Readonly<Record<string, number>> = { m1: 3, m2: 9, m3: 5 }

function rightRecord(seed: number): CouncilRecord {
  const votes = ROSTER.map((voter, i) => {
    const order = ballotOf(i, [0, 1, 2], seed).map((author) => ROSTER[author] ?? '')
    const scores = Object.fromEntries(order.map((author, n) => [`Draft ${n + 1}`, { a: WORTH[author] ?? 0, total_score: 99 }]))
    return { voter, order, scores, totals: order.map((author) => WORTH[author] ?? 0) }
  })
  const cards = votes.map(({ order, totals }, voter) => ({
    voter,
    totals: new Map(order.map((author, i) => [ROSTER.indexOf(author), totals[i] ?? 0])),
  }))
  const standings = tally([0, 1, 2], cards).standings.map(({ author, ...rest }) => ({ member: ROSTER[author] ?? '', ...rest }))
  const drafts = ROSTER.map((member) => ({ member, outcome: 'drafted' }))
  return { winner: { member: 'm2' }, degraded: [], drafts, seed, votes, standings }
}

describe('the audit of votes', (it) => {
  it('reckons a right record again, whatever its seed', () => {
    for (const seed of [0, 0.1, 0.5, 0.999]) assert.equal(voteProblems(rightRecord(seed)), [])
  })
  it('names what the seed and the cards do not make', () => {
    const right = rightRecord(0.3)
    const [first, ...others] = right.votes ?? []
    if (!first) return assert.unreachable('no vote')
    const wrong: readonly (readonly [CouncilRecord, RegExp])[] = [
      [{ ...right, winner: { member: 'm1' } }, /^winner/],
      [{ ...right, degraded: ['no vote of m3'] }, /^degraded/],
      [{ ...right, standings: right.standings.toReversed() }, /^standings/],
      [{ ...right, votes: [{ ...first, totals: [1, 2] }, ...others] }, /^totals of m1/],
      [{ ...right, votes: [{ ...first, order: first.order.toReversed() }, ...others] }, /^order of m1/],
    ]
    for (const [record, named] of wrong) assert.match(voteProblems(record)[0] ?? 'nothing', named)
  })
})

const requestIn = (folder: string, users = 1): ScriptedRequest => ({
  ...{ index: 0, model: 'm1', tools: [], sessionId: 'ses', lastUserText: '', toolResults: [] },
  messages: [
    { role: 'system', content: `<env>\n  Working directory: ${folder}\n</env>` },
    ...Array.from({ length: users }, () => ({ role: 'user', content: 'x' })),
  ],
})

describe('the audit of trees', (it) => {
  it('wants a conversation to begin on a clean tree, at the base or at a commit of LoopTroop', async () => {
    await using repo = await testRepository()
    const trees = watchTrees()
    await trees.lookAtFresh(requestIn(repo.path))
    assert.equal([trees.problems, trees.looks.fresh], [[], 1])
    await repo.write('left.txt', 'behind')
    await trees.lookAtFresh(requestIn(repo.path, 2))
    assert.equal([trees.problems, trees.looks.fresh], [[], 1], 'a later turn may find what an earlier one did')
    await trees.lookAtFresh(requestIn(repo.path))
    assert.match(trees.problems[0] ?? '', 'not clean: ?? left.txt')
    await repo.git('checkout', '--quiet', '-b', 'else')
    await repo.git('add', '--all')
    await repo.git('commit', '--quiet', '-m', 'by hand')
    await trees.lookAtFresh(requestIn(repo.path))
    assert.match(trees.problems[1] ?? '', 'at a commit of A Person: by hand')
  })
})

describe('the audit of what was delivered', (it) => {
  it('counts pushes and pull requests, and sees other commits and other contents', async () => {
    await using repo = await testRepository()
    const remote = `${repo.path}.git`
    await addRemote(repo.path, remote)
    await repo.git('checkout', '--quiet', '-b', 'change')
    const commit = async (name: string): Promise<void> => {
      await repo.write(name, name)
      await repo.git('add', '--all')
      await repo.git('commit', '--quiet', '-m', name)
    }
    await commit('one')
    await repo.git('push', '--quiet', 'origin', 'change')
    const pull = (number: number) => ({ number, branch: 'change', state: 'MERGED' })
    await writeFile(path.join(remote, 'gh.json'), JSON.stringify([pull(1)]))
    const tickets = [{ ticketId: 'A-1', view: { status: 'completed', branch: 'change' } as never }]
    const found = { lost: [], twice: [] as string[], gaps: [], orphans: [] }
    await auditForge(remote, tickets, found)
    assert.equal(found.twice, [])
    const made = (content: string) =>
      portrait({ ticketId: 'A-1', branch: 'change', repo: repo.path, remote, artifacts: [{ kind: 'prd', revision: 1, content }] })
    const first = await made('title: A-1\nat: 5\n')
    assert.equal(differences(first, await made('title: A-1\nat: 6\n')), [])
    assert.match(differences(first, await made('title: B\n'))[0] ?? '', /^prd: /)
    await commit('two')
    assert.match(differences(first, await made('title: A-1\n')).join(), /another commit \S+ two/)
    await repo.git('push', '--quiet', 'origin', 'change')
    await writeFile(path.join(remote, 'gh.json'), JSON.stringify([pull(1), pull(2)]))
    await writeFile(path.join(remote, 'gh.log'), 'pr create --head\n'.repeat(3))
    await gitIn(remote, 'update-ref', 'refs/heads/main', await gitIn(remote, 'rev-parse', 'change'))
    await auditForge(remote, tickets, found)
    assert.equal(
      found.twice.map((problem) => problem.replace(remote, 'R')),
      ['A-1: 2 pull requests', 'A-1: its branch was pushed 2 times', 'R: 3 times `gh pr create` for 2 pull requests'],
    )
  })
})
