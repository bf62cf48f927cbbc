/** The pipeline tables: one row per phase. A new phase is its file, a line in `phases`, and a row here. */
import { definePipeline } from '#plugins'
import type { PhasePlugin, Pipeline } from '#plugins'
import cleaningEnv from './cleaning-env.ts'
import coding from './coding.ts'
import creatingPullRequest from './creating-pull-request.ts'
import draftingBeads from './drafting-beads.ts'
import draftingInterview from './drafting-interview.ts'
import draftingPrd from './drafting-prd.ts'
import expandingBeads from './expanding-beads.ts'
import generatingQaChecklist from './generating-qa-checklist.ts'
import integratingChanges from './integrating-changes.ts'
import planningBeads from './planning-beads.ts'
import planningExecutionSetup from './planning-execution-setup.ts'
import preFlightCheck from './pre-flight-check.ts'
import preparingExecutionEnv from './preparing-execution-env.ts'
import runningFinalTest from './running-final-test.ts'
import scanningRelevantFiles from './scanning-relevant-files.ts'
import verifyingBeadsCoverage from './verifying-beads-coverage.ts'
import verifyingInterviewCoverage from './verifying-interview-coverage.ts'
import verifyingPrdCoverage from './verifying-prd-coverage.ts'
import waitingBeadsApproval from './waiting-beads-approval.ts'
import waitingExecutionSetupApproval from './waiting-execution-setup-approval.ts'
import waitingInterviewAnswers from './waiting-interview-answers.ts'
import waitingInterviewApproval from './waiting-interview-approval.ts'
import waitingManualQa from './waiting-manual-qa.ts'
import waitingPrReview from './waiting-pr-review.ts'
import waitingPrdApproval from './waiting-prd-approval.ts'

export const phases: readonly PhasePlugin[] = [
  scanningRelevantFiles,
  draftingInterview,
  waitingInterviewAnswers,
  verifyingInterviewCoverage,
  waitingInterviewApproval,
  draftingPrd,
  verifyingPrdCoverage,
  waitingPrdApproval,
  draftingBeads,
  verifyingBeadsCoverage,
  expandingBeads,
  planningBeads,
  waitingBeadsApproval,
  preFlightCheck,
  planningExecutionSetup,
  waitingExecutionSetupApproval,
  preparingExecutionEnv,
  coding,
  runningFinalTest,
  generatingQaChecklist,
  waitingManualQa,
  integratingChanges,
  creatingPullRequest,
  waitingPrReview,
  cleaningEnv,
]

export const quick: Pipeline = definePipeline({
  name: 'quick',
  label: 'A small ticket',
  rows: [
    { phase: scanningRelevantFiles.id, group: 'planning' },
    { phase: planningBeads.id, group: 'planning' },
    { phase: waitingBeadsApproval.id, group: 'planning', next: { request_changes: planningBeads.id, fix_gaps: planningBeads.id } },
    { phase: coding.id, group: 'execution', exclusive: true },
    { phase: runningFinalTest.id, group: 'execution', exclusive: true },
    { phase: integratingChanges.id, group: 'delivery', exclusive: true, next: { reverify: runningFinalTest.id } },
    { phase: cleaningEnv.id, group: 'delivery' },
  ],
})

export const full: Pipeline = definePipeline({
  name: 'full',
  label: 'From a vague ticket to a reviewed change',
  rows: [
    { phase: scanningRelevantFiles.id, group: 'discovery' },
    { phase: draftingInterview.id, group: 'interview' },
    { phase: waitingInterviewAnswers.id, group: 'interview', next: { skip_all: waitingInterviewApproval.id } },
    { phase: verifyingInterviewCoverage.id, group: 'interview', next: { ask: waitingInterviewAnswers.id } },
    { phase: waitingInterviewApproval.id, group: 'interview' },
    { phase: draftingPrd.id, group: 'specification' },
    { phase: verifyingPrdCoverage.id, group: 'specification' },
    {
      phase: waitingPrdApproval.id,
      group: 'specification',
      next: { fix_gaps: verifyingPrdCoverage.id, request_changes: verifyingPrdCoverage.id },
    },
    { phase: draftingBeads.id, group: 'planning' },
    { phase: verifyingBeadsCoverage.id, group: 'planning' },
    { phase: expandingBeads.id, group: 'planning' },
    {
      phase: waitingBeadsApproval.id,
      group: 'planning',
      next: { fix_gaps: verifyingBeadsCoverage.id, request_changes: verifyingBeadsCoverage.id },
    },
    { phase: preFlightCheck.id, group: 'set-up', exclusive: true },
    { phase: planningExecutionSetup.id, group: 'set-up', exclusive: true },
    {
      phase: waitingExecutionSetupApproval.id,
      group: 'set-up',
      exclusive: true,
      next: { regenerate: planningExecutionSetup.id },
    },
    {
      phase: preparingExecutionEnv.id,
      group: 'set-up',
      exclusive: true,
      next: { evidence_changed: waitingExecutionSetupApproval.id },
    },
    { phase: coding.id, group: 'execution', exclusive: true },
    { phase: runningFinalTest.id, group: 'execution', exclusive: true },
    { phase: generatingQaChecklist.id, group: 'manual test', exclusive: true, when: { setting: 'qa.manual' } },
    {
      phase: waitingManualQa.id,
      group: 'manual test',
      exclusive: true,
      when: { setting: 'qa.manual' },
      next: { fixes: coding.id },
    },
    { phase: integratingChanges.id, group: 'delivery', exclusive: true, next: { reverify: runningFinalTest.id } },
    { phase: creatingPullRequest.id, group: 'delivery', next: { local: cleaningEnv.id } },
    { phase: waitingPrReview.id, group: 'delivery', next: { outdated: integratingChanges.id } },
    { phase: cleaningEnv.id, group: 'delivery' },
  ],
})

export const pipelines: readonly Pipeline[] = [quick, full]
