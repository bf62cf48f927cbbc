/**
 * A `full` ticket, killed at each verb of the store and of OpenCode that it uses, and between the effect of each kind of step and
 * its record. What is expected is written down here; `full-all.slow.spec.ts` compares with a ticket that never dies.
 */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { runFull } from './full-ticket.ts'

/** Artifacts and their revisions. */
const ARTIFACTS = {
  ...{
    relevant_files: 1,
    interview_council: 1,
    interview_questions: 1,
    interview_answers: 3,
    interview: 1,
    interview_coverage: 1,
    full_answers: 1,
  },
  ...{ prd_council: 1, prd: 2, prd_coverage: 1, beads_council: 1, beads_draft: 1, beads_draft_coverage: 1, beads: 2 },
  ...{ preflight_report: 1, execution_setup_plan: 1, execution_setup_profile: 1, final_test_report: 2, qa_checklist: 2, qa_results: 2 },
  ...{ final_test_round: 1, integration_report: 1, pull_request_report: 1, merge_report: 1, cleanup_report: 1 },
}
/** Of each phase; every one is asked once, where nothing else is said. */
const TURNS = {
  CODING: ['clean-slugs:1', 'clean-slugs:1:repair1', 'clean-slugs:1:repair2', 'clean-slugs:2', 'qa1-1:1'],
  CREATING_PULL_REQUEST: ['text'],
  DRAFTING_BEADS: council('draft', 'vote'),
  DRAFTING_INTERVIEW: council('draft', 'vote'),
  DRAFTING_PRD: council('draft', 'full_answers', 'vote'),
  EXPANDING_BEADS: ['expand'],
  GENERATING_QA_CHECKLIST: ['checklist', 'checklist'],
  PLANNING_EXECUTION_SETUP: ['answer'],
  PRE_FLIGHT_CHECK: ['probe'],
  PREPARING_EXECUTION_ENV: ['@set-up:1'],
  RUNNING_FINAL_TEST: ['@final-test-2:1', '@final-test:1'],
  SCANNING_RELEVANT_FILES: ['scan'],
  VERIFYING_BEADS_COVERAGE: ['audit:1'],
  VERIFYING_INTERVIEW_COVERAGE: ['audit:1'],
  VERIFYING_PRD_COVERAGE: ['audit:1', 'audit:2', 'revise:1'],
  WAITING_INTERVIEW_ANSWERS: ['adapt:2', 'adapt:3', 'summary'],
  WAITING_MANUAL_QA: ['fixes'],
}
function council(...steps: readonly string[]): readonly string[] {
  const asked = steps.flatMap((step) => ['m1', 'm2', 'm3'].map((member) => `${step}:fake/${member}`))
  return [...asked, 'refine']
}

const times = (one: string, all: readonly string[]): number => all.filter((other) => other === one).length

/** Where a crash would do most harm: the effect is there, and nobody wrote it down. */
const CRITICAL = ['workspace.commit', 'workspace.squash', 'workspace.push', 'workspace.reset', 'workspace.exec', 'workspace.remove']

describe('a full ticket', (it) => {
  it(
    'that dies some seventy times is done as if it had never died',
    async () => {
      const { deaths, problems, made } = await runFull('verbs', null)
      assert.equal(problems, [])
      for (const kind of [...CRITICAL, 'forge.open', 'forge.merge', 'random', 'save', 'items.put'])
        assert.ok(deaths.includes(`before completeStep of ${kind}`), kind)
      for (const verb of ['recordPost', 'settleTurn', 'completePrompt', 'advance', 'decideGate', 'promptSession'])
        for (const when of ['before', 'after']) assert.ok(deaths.includes(`${when} ${verb}`), `${when} ${verb}`)
      assert.ok(deaths.length > 65, String(deaths.length))
      for (const [kind, revisions] of Object.entries(ARTIFACTS)) assert.is(made.portrait.artifacts[kind]?.length, revisions, kind)
      const turns = Object.entries(TURNS).flatMap(([phase, names]) => names.map((name) => `${phase} ${name} first finished`))
      for (const turn of new Set([...turns, ...made.turns])) assert.is(times(turn, made.turns), Math.max(1, times(turn, turns)), turn)
      for (const item of ['clean-slugs done 2 committed', 'qa1-1 done 1 committed']) assert.ok(made.items.includes(item), made.items.join())
      assert.equal(
        made.portrait.commits.map((commit) => commit.replace(/^\S+ /, '')),
        [
          'base',
          'bead(clean-slugs): Drop accents and punctuation from slugs',
          'bead(qa1-1): The README says what becomes of accents',
          'TICKET: Do it / LoopTroop-Commits: 2',
          "the remote's main",
        ],
      )
    },
    { timeoutMs: 180_000 },
  )
})
