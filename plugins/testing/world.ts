/** What a phase under test acts on: documents, items, a worktree without git. Replays read their records, not this. */
import { createHash } from 'node:crypto'
import type { ArtifactView, ExecResult, Item, ItemPatch, Json, Proposal } from '../contract.ts'
import type { CandidateFile, HookCheck, Survey, WorkspaceInput } from '../workspace.ts'
import { copyOf } from './rules.ts'
import { seeded } from './schedule.ts'
import type { PhaseScript } from './script.ts'

export const textOf = (content: string | Json): string => (typeof content === 'string' ? content : JSON.stringify(content, null, 2))
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

const BLANK: Omit<Item, 'id'> = { title: '', state: 'pending', priority: 1, blockedBy: [], iteration: 1, notes: [], data: null }

export class TestWorld {
  readonly artifacts: ArtifactView[] = []
  readonly items = new Map<string, Item>()
  readonly commands: string[] = []
  readonly commits: string[] = []
  readonly proposed: Proposal[] = []
  readonly emitted: { readonly name: string; readonly data: Json }[] = []
  readonly #script: PhaseScript
  readonly #random: () => number
  readonly #committed = new Map<string, string>()
  #now = 1_700_000_000_000

  constructor(script: PhaseScript) {
    this.#script = script
    this.#random = seeded(script.seed ?? 1)
    for (const item of script.items ?? []) this.items.set(item.id, item)
    for (const [kind, content] of Object.entries(script.artifacts ?? {})) this.save(kind, content, { phase: 'EARLIER', attempt: 1 })
  }

  /** As it is now: the replay that comes next leaves no trace in it. */
  left(): Pick<TestWorld, 'artifacts' | 'commands' | 'commits' | 'emitted' | 'proposed'> & { readonly items: readonly Item[] } {
    const { artifacts, commands, commits, emitted, proposed, items } = this
    const lists = {
      artifacts: [...artifacts],
      commands: [...commands],
      commits: [...commits],
      emitted: [...emitted],
      proposed: [...proposed],
    }
    return { ...lists, items: [...items.values()] }
  }

  now(): number {
    this.#now += 1_000
    return this.#now
  }

  sleep(ms: number): void {
    this.#now += ms
  }

  random(): number {
    return this.#random()
  }

  save(kind: string, content: string | Json, at: { readonly phase: string; readonly attempt: number }): ArtifactView {
    const text = textOf(content)
    const revision = this.artifacts.filter((a) => a.kind === kind).length + 1
    const saved = { kind, ...at, revision, content: text, sha256: sha256(text) }
    this.artifacts.push(saved)
    return saved
  }

  newest(kind: string, from: { readonly phase?: string; readonly attempt?: number } = {}): ArtifactView | null {
    const fits = (a: ArtifactView): boolean =>
      a.kind === kind && (from.phase === undefined || a.phase === from.phase) && (from.attempt === undefined || a.attempt === from.attempt)
    return this.artifacts.findLast(fits) ?? null
  }

  put(id: string, patch: ItemPatch): void {
    const { startCommit: known, ...before } = this.items.get(id) ?? { ...BLANK, id }
    const { startCommit = known, ...changes } = copyOf(patch)
    this.items.set(id, { ...before, ...changes, ...(startCommit === undefined || startCommit === null ? {} : { startCommit }) })
  }

  propose(proposal: Proposal): { ticketId: string } {
    const known = this.proposed.findIndex((one) => one.origin === proposal.origin)
    if (known === -1) this.proposed.push(proposal)
    return { ticketId: `TEST-${(known === -1 ? this.proposed.length : known + 1) + 1}` }
  }

  head(): string {
    return this.commits.at(-1) ?? 'base'
  }

  changed(): readonly string[] {
    return this.#script.changed ?? ['changed.txt']
  }

  /** A step that is run again finds its own commit. */
  commit(key: string): string | null {
    const earlier = this.#committed.get(key)
    if (earlier !== undefined) return earlier
    if (this.changed().length === 0) return null
    this.commits.push(`commit${this.commits.length + 1}`)
    this.#committed.set(key, this.head())
    return this.head()
  }

  exec(command: string): ExecResult {
    this.commands.push(command)
    const result = { command, exitCode: 0, output: '', durationMs: 1, timedOut: false, truncated: false }
    return { ...result, ...this.#script.exec?.(command) }
  }

  hooks(): HookCheck {
    return { policy: 'report', ran: [], left: [], passed: true, changed: [], ...this.#script.hooks }
  }

  /** All that changed, as small new texts, unless the script says more of one. */
  candidates(): readonly CandidateFile[] {
    const plain = { status: 'added', tracked: false, kind: 'file', bytes: 10, binary: false, secrets: [] } as const
    return this.changed().map((path) => ({ path, ...plain, ...this.#script.candidates?.[path] }))
  }

  survey(): Survey {
    const hooks = { policy: 'report' as const, found: [], hints: [] }
    return { manifests: [], lock_files: [], tools: [], ignored: [], hooks, ...this.#script.survey }
  }

  inputs(paths: readonly string[]): readonly WorkspaceInput[] {
    return paths.map((path) => ({ path, kind: 'file', sha256: sha256(path), bytes: 1, problem: null, ...this.#script.inputs?.[path] }))
  }

  file(path: string): string | null {
    return this.#script.files?.[path] ?? null
  }
}
