/** Before a change is put into one commit: which files go along. A model is asked about odd ones, a person about what stays open. */
import { parse } from 'yaml'
import type { CandidateFile, Form, Json, OutputSpec, PhaseRun } from '../contract.ts'
import { part, slices, withParts } from '../define.ts'
import { FileVerdicts, isOdd, judge } from '../documents/candidate-files.ts'
import type { JudgedFile } from '../documents/candidate-files.ts'
import { tell } from './tell.ts'
import { promptAgain } from './again.ts'

export interface Audited {
  /** Paths that stay as they are at the base. */
  readonly without: readonly string[]
  readonly files: readonly JudgedFile[]
}

const KIND = 'candidate_files'
const KEEP = 'keep'
const LEAVE_OUT = 'leave_out'
const OUTPUT: OutputSpec<FileVerdicts> = {
  schema: FileVerdicts,
  format: 'json',
  tag: 'CANDIDATE_FILES',
  example: { files: [{ path: 'src/example.ts', verdict: 'include', reason: 'Why.' }] },
}
const TEXT = {
  role: 'You decide what belongs into a commit that others will review.',
  task: 'Say of each file below whether the change needs it.',
  steps: [
    '`include` what the ticket asks for or needs; `exclude` what a build, a test run or an editor left behind; `review` what a person should decide.',
    'A key, a password or a token is never included.',
  ],
}
const FORM: Form = {
  kind: 'list',
  title: 'Some files of the change need your decision',
  artifact: KIND,
  actions: [
    { id: KEEP, label: 'Take them along', approves: true },
    { id: LEAVE_OUT, label: 'Leave them out', approves: true },
  ],
}

/** `declared`: the files that the work items said they would touch. */
export async function auditCandidates(phase: PhaseRun, files: readonly CandidateFile[], declared: readonly string[]): Promise<Audited> {
  const first = judge(files, { declared, verdicts: null })
  const odd = first.filter(isOdd)
  const verdicts = odd.length === 0 ? null : await askModel(phase, odd)
  const judged = judge(files, { declared, verdicts })
  await phase.save(KIND, { files: judged as unknown as Json })
  const open = judged.filter((file) => file.verdict === 'review')
  await tellOdd(phase, judged)
  if (open.length === 0) return ended(judged)
  const { action, payload } = await phase.ask('candidate-files', FORM)
  const decided = judged.map((file) => (open.includes(file) ? byPerson(file, { action, payload }) : file))
  await phase.save(KIND, { files: decided as unknown as Json })
  return ended(decided)
}

async function tellOdd(phase: PhaseRun, judged: readonly JudgedFile[]): Promise<void> {
  const odd = judged.filter((file) => isOdd(file) || file.verdict === 'exclude')
  const lines = odd.map(
    ({ path, flags, verdict, reason }) => `${path} (${flags.join(', ')}): ${verdict}${reason === '' ? '' : `, ${reason}`}`,
  )
  const undeclared = judged.filter((file) => file.flags.includes('undeclared')).map(({ path }) => path)
  const told = undeclared.length === 0 ? lines : [...lines, `named by no work item: ${undeclared.join(', ')}`]
  if (told.length > 0) await tell(phase, told)
}

const ended = (files: readonly JudgedFile[]): Audited => ({
  without: files.flatMap((file) => (file.verdict === 'exclude' ? [file.path] : [])),
  files,
})

/** An answer that cannot be read leaves everything in. */
async function askModel(phase: PhaseRun, odd: readonly JudgedFile[]): Promise<FileVerdicts | null> {
  const shown = odd.map(({ path, status, bytes, flags, reason }) => ({ path, status, bytes, flags, reason }))
  const context = withParts(slices('ticket_details', 'beads').about('ticket_details'), [part('files', shown)])
  const turned = await promptAgain<FileVerdicts>(phase, 'candidate-files:verdicts', {
    text: TEXT,
    tools: 'disabled',
    context,
    output: OUTPUT,
  })
  return turned.ok ? turned.value : null
}

/** All of them, unless `payload.paths` names those that the action is meant for; the others then go the other way. */
function byPerson(file: JudgedFile, { action, payload }: { action: string; payload: Json }): JudgedFile {
  const { paths } = (payload ?? {}) as { paths?: readonly string[] }
  const meant = paths === undefined || paths.includes(file.path)
  const included = (action === KEEP) === meant
  return { ...file, verdict: included ? 'include' : 'exclude', reason: `${file.reason}; a person decided` }
}

/** The files that the approved plan and the final test named. */
export async function declaredFiles(phase: PhaseRun): Promise<readonly string[]> {
  const plan = (parse((await phase.read('beads'))?.content ?? '') ?? {}) as { beads?: readonly { target_files?: readonly string[] }[] }
  const test = (parse((await phase.read('final_test_files'))?.content ?? '') ?? {}) as { declared?: readonly string[] }
  return [...(plan.beads ?? []).flatMap((bead) => bead.target_files ?? []), ...(test.declared ?? [])]
}
