/** What a plugin author imports: `looptroop/plugin`. */
export type * from './contract.ts'
export { END, FAILURE_KINDS, ITEM_STATES, SLICE_NAMES, TOOL_POLICIES } from './contract.ts'
export { DEFAULT_RETRY, defineConfig, definePhase, definePipeline, noOutput, part, slices, winner, withParts } from './define.ts'
export type { PhaseDefinition } from './define.ts'
export { loadPlugins } from './loader.ts'
export type { Loaded, LoadOptions } from './loader.ts'
export { ConfigurationError, GiveUp, PluginError, PromptFailed, RetryAfter } from './errors.ts'
export { command } from './primitives/command.ts'
export { council } from './primitives/council.ts'
export type { CouncilPhase, FirstPart } from './primitives/council.ts'
export { coverage } from './primitives/coverage.ts'
export type { CoveragePhase } from './primitives/coverage.ts'
export { APPROVE, EDIT, FIX_GAPS, REQUEST_CHANGES, gate, keepComment } from './primitives/gate.ts'
export { promptAgain } from './primitives/again.ts'
export { ballotOf, tally } from './primitives/ballot.ts'
export { prompt } from './primitives/prompt.ts'
export { auditCandidates, declaredFiles } from './primitives/candidate-audit.ts'
export { commitWork } from './primitives/commit-work.ts'
export { HOOKS_HINT, hookFailure, hookSummary, hooksHold, hooksOverChange, hooksStop } from './primitives/hooks.ts'
export { commandFailure, inEnvironment, runProject } from './primitives/project-commands.ts'
export { inputsChanged, keepInputs } from './primitives/workspace-inputs.ts'
export { tell } from './primitives/tell.ts'
export { askAboutDrift, nextRound, testedNow } from './primitives/tested.ts'
export { work } from './primitives/work.ts'
export type { ItemSeed, Verification, WorkPhase, Worked } from './primitives/work.ts'
export { graphProblems, nextItem } from './primitives/next-item.ts'
export { COMPLETE, SKIPPED, SKIP_ALL, answersSoFar, askBatch, followUpBudget, nextBatch } from './primitives/questionnaire.ts'
export type { Askable } from './primitives/questionnaire.ts'
export {
  ANSWER_TYPES,
  Answer,
  EXAMPLE_QUESTION,
  INTERVIEW_PHASES,
  Interview,
  Question,
  Questions,
  answerText,
} from './documents/interview.ts'
export type { Asked } from './documents/interview.ts'
export { EXAMPLE_PRD, Prd } from './documents/prd.ts'
export { Beads, BeadsDraft, EXAMPLE_BEADS_DRAFT, Expansion } from './documents/beads.ts'
export { EXAMPLE_SETUP_PLAN, SetupPlan } from './documents/setup.ts'
export { EXAMPLE_QA_CHECKLIST, QaChecklist, checklistOutput, qaCoverage } from './documents/qa.ts'
export type { QaItem, Tested } from './documents/qa.ts'
export { failedBefore, fixesOutput, groupsOf, withLineage } from './documents/qa-rounds.ts'
export type { Earlier, Fixes, QaOrigin, QaResult, QaResults } from './documents/qa-rounds.ts'
export { isDeclared, isLeftover } from './documents/candidate-files.ts'
