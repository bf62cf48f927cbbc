/** The pipeline table: one row per phase. A new phase is its file, a line in `phases`, and a row here. */
import { definePipeline } from '#plugins'
import type { PhasePlugin, Pipeline } from '#plugins'
import cleaningEnv from './cleaning-env.ts'
import coding from './coding.ts'
import draftingInterview from './drafting-interview.ts'
import integratingChanges from './integrating-changes.ts'
import planningBeads from './planning-beads.ts'
import runningFinalTest from './running-final-test.ts'
import scanningRelevantFiles from './scanning-relevant-files.ts'
import verifyingInterviewCoverage from './verifying-interview-coverage.ts'
import waitingBeadsApproval from './waiting-beads-approval.ts'
import waitingInterviewAnswers from './waiting-interview-answers.ts'
import waitingInterviewApproval from './waiting-interview-approval.ts'

export const phases: readonly PhasePlugin[] = [
  scanningRelevantFiles,
  draftingInterview,
  waitingInterviewAnswers,
  verifyingInterviewCoverage,
  waitingInterviewApproval,
  planningBeads,
  waitingBeadsApproval,
  coding,
  runningFinalTest,
  integratingChanges,
  cleaningEnv,
]

export const quick: Pipeline = definePipeline({
  name: 'quick',
  label: 'A small ticket',
  rows: [
    { phase: scanningRelevantFiles.id, group: 'planning' },
    { phase: planningBeads.id, group: 'planning' },
    { phase: waitingBeadsApproval.id, group: 'planning', next: { request_changes: planningBeads.id } },
    { phase: coding.id, group: 'execution', exclusive: true },
    { phase: runningFinalTest.id, group: 'execution', exclusive: true },
    { phase: integratingChanges.id, group: 'delivery', exclusive: true },
    { phase: cleaningEnv.id, group: 'delivery' },
  ],
})

export const pipelines: readonly Pipeline[] = [quick]
