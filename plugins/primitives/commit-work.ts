/** A work item's commit: what belongs to it, without what tools left behind. The tree is clean afterwards. */
import type { CandidateFile, PhaseRun } from '../contract.ts'
import { isDeclared, isLeftover } from '../documents/candidate-files.ts'
import { tell } from './tell.ts'

export interface CommitWork {
  /** Prefix of the names of its verbs. */
  readonly name: string
  readonly message: string
  /** What the item said that it would touch. */
  readonly declared: readonly string[]
  /** Left out, beside what is a leftover beyond doubt. */
  readonly without?: readonly string[]
}

export async function commitWork(phase: PhaseRun, { name, message, declared, without = [] }: CommitWork): Promise<string | null> {
  const { files, more } = await phase.workspace.candidates(`${name}:files`)
  if (files.length === 0) return null
  const out = files.filter((file) => isLeftover(file) || without.includes(file.path))
  const paths = files.filter((file) => !out.includes(file)).map(pathOf)
  const undeclared = paths.filter((path) => !isDeclared(path, declared))
  if (undeclared.length + out.length > 0)
    await phase.emit({ name: 'work.files', data: { item: name, declared: [...declared], undeclared, left_out: out.map(pathOf), more } })
  // More than are listed: then all of it, as without this look.
  const commit = await phase.workspace.commit(`${name}:commit`, { message, ...(out.length === 0 || more > 0 ? {} : { paths }) })
  if (out.length > 0) await tell(phase, [`not committed: ${out.map(pathOf).join(', ')}`])
  if (out.length > 0) await phase.workspace.reset(`${name}:tidy`, await phase.workspace.head(`${name}:head`))
  return commit
}

const pathOf = ({ path }: CandidateFile): string => path
