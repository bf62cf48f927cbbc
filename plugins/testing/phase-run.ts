/** A PhaseRun in memory: every verb recorded and replayed as the kernel does, the world around it scripted. */
import type {
  ArtifactView,
  Decision,
  EvidenceFile,
  Form,
  ForgeVerbs,
  Item,
  Json,
  Outcome,
  PhasePlugin,
  PhaseRun,
  Poll,
  WorkspaceVerbs,
} from '../contract.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import type { RunJournal } from './journal.ts'
import { promptVerb } from './prompt-verb.ts'
import type { SeenPrompt } from './prompt-verb.ts'
import { canonical, toJson } from './rules.ts'
import type { PhaseScript } from './script.ts'
import { textOf } from './world.ts'
import type { TestWorld } from './world.ts'

export interface RunParts {
  readonly plugin: PhasePlugin
  readonly script: PhaseScript
  readonly world: TestWorld
  readonly journal: RunJournal
  readonly prompts: SeenPrompt[]
  readonly asked: { readonly name: string; readonly form: Form }[]
}

const SETTINGS: Readonly<Record<string, Json>> = {
  'models.main': { provider: 'test', model: 'm1' },
  'models.members': [],
  'limits.iterations': 5,
  'limits.promptMs': 1_800_000,
  'limits.commandMs': 600_000,
  'questions.allowed': true,
  'git.hooks': 'report',
  'council.quorum': null,
  'interview.maxQuestions': 12,
  'interview.followUpPercent': 25,
  'coverage.interviewPasses': 2,
  'coverage.prdPasses': 3,
  'coverage.beadsPasses': 3,
}

export function createTestRun<Out>(parts: RunParts): PhaseRun<Out> {
  const { plugin, script, world, journal } = parts
  const at = { phase: plugin.id, attempt: script.attempt ?? 1 }
  const number = (verb: string, name: string, effect: () => number): Promise<number> =>
    journal.record({ verb, name, input: null, effect: () => Promise.resolve(effect()) })
  const phase: PhaseRun<Out> = {
    ticket: ticketOf(script),
    attempt: at.attempt,
    visits: script.visits ?? 1,
    signal: new AbortController().signal,
    settings: { ...SETTINGS, ...script.settings },
    prompt: (name, options) => promptVerb(parts, name, options),
    step: (name, effect, input = null) => journal.record({ name, verb: 'step', input, effect }),
    ask: (name, form, poll) => quiet(askVerb(parts, name, { form, poll })),
    sleep: async (name, duration) => {
      await journal.record({ name, verb: 'sleep', input: duration, effect: async () => (world.sleep(duration), null) })
    },
    now: (name) => number('now', name, () => world.now()),
    random: (name) => number('random', name, () => world.random()),
    read: (kind, from = {}) => readVerb(parts, kind, from),
    save: async (kind, content) => {
      const input = { kind, content: textOf(content) }
      const name = journal.numbered(`save:${kind}`)
      const saved = await journal.record({ name, verb: 'save', input, effect: async () => ({ ...world.save(kind, content, at) }) })
      return saved
    },
    items: itemVerbs(parts),
    workspace: workspaceVerbs(parts),
    forge: forgeVerbs(parts),
    propose: (name, proposal) =>
      journal.record({ name, verb: 'propose', input: toJson(proposal), effect: async () => world.propose(proposal) }),
    evidence: async (name, sha256s, options) => {
      const effect = async (): Promise<EvidenceFile[]> => (script.evidence ?? []).filter((file) => sha256s.includes(file.sha256))
      return journal.record({ name, verb: 'evidence', input: toJson({ sha256s, ...options }), effect })
    },
    emit: async ({ name, data }) => {
      const effect = async (): Promise<null> => (world.emitted.push({ name, data }), null)
      await journal.record({ name: journal.numbered(`emit:${name}`), verb: 'emit', input: { name, data }, effect })
    },
    default: async () => phase.done(await answered(phase)),
    done: (output, outcome = 'done'): Outcome<Out> => ({ outcome, ...(output === undefined ? {} : { output }) }),
  }
  return phase
}

const ticketOf = (script: PhaseScript): PhaseRun['ticket'] => ({
  id: 'TEST-1',
  title: script.ticket?.title ?? 'A ticket',
  description: script.ticket?.description ?? '',
  branch: 'looptroop/TEST-1',
  baseBranch: 'main',
  baseCommit: 'base',
})

/** A verb that nobody awaits must not end the process of the spec. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

async function answered<Out>(phase: PhaseRun<Out>): Promise<Out> {
  const turned = await phase.prompt<Out>('answer')
  if (turned.ok) return turned.value
  throw new PromptFailed(turned)
}

async function askVerb(
  { journal, script, world, asked }: RunParts,
  name: string,
  { form, poll }: { form: Form; poll: Poll | undefined },
): Promise<Decision> {
  const decision = script.decisions?.[name] ?? (await poll?.look())
  if (!decision || !('action' in decision)) {
    journal.visit(name, 'ask', toJson(form))
    asked.push({ name, form })
    return journal.park(name, 'ask', toJson(form))
  }
  const effect = async (): Promise<Json> => {
    asked.push({ name, form })
    if (!form.actions.some((a) => a.id === decision.action)) throw new GiveUp(`${name} has no action ${decision.action}`)
    const shown = form.artifact === undefined ? null : world.newest(form.artifact)
    if (form.artifact !== undefined && !shown) throw new GiveUp(`${name} decides on ${form.artifact}, and there is none`)
    return toJson({ ...(shown ? { sha256: shown.sha256 } : {}), ...decision })
  }
  return (await journal.record({ name, verb: 'ask', input: toJson(form), effect })) as unknown as Decision
}

async function readVerb(
  { journal, world }: RunParts,
  kind: string,
  from: { phase?: string; attempt?: number },
): Promise<ArtifactView | null> {
  const effect = async (): Promise<Json> => toJson(world.newest(kind, from))
  const found = await journal.record({ name: journal.numbered(`read:${kind}`), verb: 'read', input: { kind, ...from }, effect })
  return found as ArtifactView | null
}

const itemVerbs = ({ journal, world }: RunParts): PhaseRun['items'] => ({
  list: async () => {
    const effect = async (): Promise<Json> => toJson([...world.items.values()])
    return (await journal.record({
      name: journal.numbered('items'),
      verb: 'items.list',
      input: null,
      effect,
    })) as unknown as readonly Item[]
  },
  put: async (id, patch) => {
    const effect = async (): Promise<null> => (world.put(id, patch), null)
    await journal.record({ name: journal.numbered(`item:${id}`), verb: 'items.put', input: toJson(patch), effect })
  },
})

function workspaceVerbs({ journal, world, script }: RunParts): WorkspaceVerbs {
  const record = async <T>(verb: string, name: string, act: { input?: unknown; effect: (key: string) => T }): Promise<T> => {
    const effect = async (key: string): Promise<Json> => toJson(act.effect(key))
    return (await journal.record({ name, verb: `workspace.${verb}`, input: toJson(act.input), effect })) as T
  }
  const nothing = (): null => null
  return {
    head: (name) => record('head', name, { effect: () => world.head() }),
    changed: (name, since) => record('changed', name, { input: since, effect: () => world.changed() }),
    reset: async (name, commit) => void (await record('reset', name, { input: commit, effect: nothing })),
    commit: (name, input) => record('commit', name, { input, effect: (key) => world.commit(key) }),
    squash: (name, input) =>
      record('squash', name, {
        input,
        effect: (key) => ({ commit: world.commit(key) ?? world.head(), base: 'base', commits: world.commits.length }),
      }),
    update: (name, input) =>
      record('update', name, { input, effect: () => ({ moved: false, base: 'base', conflicts: [], ...script.baseMoved }) }),
    diff: (name, input) =>
      record('diff', name, { input, effect: () => ({ patch: '', stat: `${world.changed().length} files changed`, truncated: false }) }),
    push: (name, input) =>
      record('push', name, {
        input,
        effect: () => (script.pullRequest ? { pushed: true } : { pushed: false, reason: 'there is no remote in a test' }),
      }),
    removePushed: (name) => record('removePushed', name, { effect: () => ({ end: 'removed' as const }) }),
    exec: (name, input) => record('exec', name, { input, effect: () => world.exec(input.command) }),
    files: (name, paths, options) =>
      record('files', name, {
        input: { paths, ...options },
        effect: () => paths.map((path) => ({ path, content: world.file(path), truncated: false })),
      }),
    hooks: (name, input) => record('hooks', name, { input, effect: () => world.hooks() }),
    candidates: (name, input) => record('candidates', name, { input, effect: () => ({ files: world.candidates(), more: 0 }) }),
    survey: (name) => record('survey', name, { effect: () => world.survey() }),
    inputs: (name, paths, options) => record('inputs', name, { input: { paths, ...options }, effect: () => world.inputs(paths) }),
    remove: async (name) => void (await record('remove', name, { effect: nothing })),
  }
}

/** No forge in a test unless the script has one, as in a project without a remote. */
function forgeVerbs({ journal, script }: RunParts): ForgeVerbs {
  const there = script.pullRequest
  const reason = 'no forge is configured'
  const record = <T extends Json>(verb: string, name: string, input: Json, value: T): Promise<T> =>
    journal.record({ name, verb: `forge.${verb}`, input, effect: async () => value })
  const refuse = (): Promise<never> => quiet(Promise.reject(new GiveUp(reason)))
  return {
    available: (name) => record('available', name, null, there ? { ok: true } : { ok: false, reason }),
    openPullRequest: (name, options) => (there ? record('open', name, { ...options }, there) : refuse()),
    pullRequest: (name) => record('find', name, null, there ?? null),
    merge: (name, { head }) => (there ? record('merge', name, head, { ...there, state: 'merged' as const }) : refuse()),
    close: (name) => (there ? record('close', name, null, { ...there, state: 'closed' as const }) : refuse()),
    look: () => Promise.resolve(there ?? null),
  }
}

export const sameOutcome = (a: Outcome, b: Outcome): boolean => canonical(a) === canonical(b)
