/** `phase.workspace` and `phase.forge`: each call recorded under its name. */
import type { ExecResult, ForgeVerbs, HookCheck, HookOptions, HookPolicy, Json, WorkspaceVerbs } from '#plugins/contract'
import { isRetryAfter } from '#plugins/errors'
import { event } from '../events/events.ts'
import { readFiles } from '../workspace/index.ts'
import type { Settings } from '../settings.ts'
import type { Recording } from './journal.ts'
import type { RunContext } from './run-context.ts'

const MAX_EVENT_OUTPUT = 4_000

export function workspaceVerbs(run: RunContext): WorkspaceVerbs {
  const { workspace, ticket } = run
  const record = recorderOf(run)
  return {
    ...lookingVerbs(run),
    reset: async (name, commit) => {
      await record('reset', name, { input: commit, effect: async () => (await workspace.reset(commit), null) })
    },
    commit: (name, options) => record('commit', name, { input: { ...options }, effect: (key) => workspace.commit({ ...options, key }) }),
    squash: (name, options) =>
      record('squash', name, {
        input: { ...options },
        effect: async (key) => ({ ...(await workspace.squash({ ...options, key, baseBranch: ticket.baseBranch })) }),
      }),
    update: (name, options = {}) =>
      record('update', name, {
        input: { ...options },
        effect: async (key) => ({ ...(await workspace.update({ ...options, key, baseBranch: ticket.baseBranch })) }),
      }),
    push: (name, options = {}) =>
      record('push', name, { input: { ...options }, effect: async () => ({ ...(await workspace.push(options)) }) }),
    removePushed: (name) => record('removePushed', name, { input: null, effect: () => workspace.removePushed() }),
    exec: (name, options) =>
      record('exec', name, {
        input: { ...options },
        effect: async () => {
          const timeoutMs = options.timeoutMs ?? ticket.settings['limits.commandMs']
          return { ...(await workspace.run({ command: options.command, timeoutMs, signal: run.driving.signal })) }
        },
        events: (result: ExecResult) => [commandEvent(run, name, result)],
      }),
    hooks: (name, options) =>
      record('hooks', name, {
        input: { ...options },
        effect: () => {
          const limits = { policy: policyOf(ticket), timeoutMs: ticket.settings['limits.commandMs'], signal: run.driving.signal }
          return workspace.hooks({ ...options, ...limits })
        },
        events: (check: HookCheck) => (check.ran.length + check.left.length === 0 ? [] : [hookEvent(run, name, { options, check })]),
      }),
    remove: async (name) => {
      await record('remove', name, { input: null, effect: async () => (await workspace.remove(), null) })
    },
  }
}

/** Those that only look; but for `inputs`, which may also bring what it found. */
function lookingVerbs(run: RunContext): Pick<WorkspaceVerbs, 'head' | 'changed' | 'candidates' | 'survey' | 'inputs' | 'diff' | 'files'> {
  const { workspace, ticket } = run
  const record = recorderOf(run)
  return {
    head: (name) => record('head', name, { input: null, effect: () => workspace.head() }),
    changed: (name, since) => record('changed', name, { input: since ?? null, effect: async () => [...(await workspace.changed(since))] }),
    candidates: (name, since) =>
      record('candidates', name, { input: since ?? null, effect: async () => ({ ...(await workspace.candidates(since)) }) }),
    survey: (name) => record('survey', name, { input: null, effect: () => workspace.survey({ policy: policyOf(ticket) }) }),
    inputs: (name, paths, { bring = false } = {}) =>
      record('inputs', name, { input: { paths, bring }, effect: async () => [...(await workspace.inputs(paths, { bring }))] }),
    diff: (name, options = {}) =>
      record('diff', name, { input: { ...options }, effect: async () => ({ ...(await workspace.diff(options)) }) }),
    files: (name, paths, options) =>
      record('files', name, {
        input: { paths, ...options },
        effect: async () => (await readFiles(workspace.path, paths, options.maxChars)).map((f) => ({ ...f })),
      }),
  }
}

const recorderOf =
  ({ journal }: RunContext) =>
  <T extends Json>(verb: string, name: string, rest: Omit<Recording<T>, 'verb' | 'name'>): Promise<T> =>
    journal.record({ verb: `workspace.${verb}`, name, ...rest })

const commandEvent = (run: RunContext, name: string, result: ExecResult): ReturnType<typeof event> =>
  event('command.finished', {
    ...run.journal.at,
    name,
    command: result.command,
    exitCode: result.exitCode,
    timedOut: result.timedOut,
    output: result.output.slice(-MAX_EVENT_OUTPUT),
    cut: result.truncated || result.output.length > MAX_EVENT_OUTPUT,
    durationMs: result.durationMs,
  })

/** A ticket that was started before there was such a setting has none pinned. */
function policyOf({ settings }: RunContext['ticket']): HookPolicy {
  const pinned: Partial<Settings> = settings
  return pinned['git.hooks'] ?? 'report'
}

const hookEvent = (
  run: RunContext,
  name: string,
  { options, check }: { options: HookOptions; check: HookCheck },
): ReturnType<typeof event> =>
  event('hooks.checked', {
    ...run.journal.at,
    name,
    ...{ stage: options.stage, policy: check.policy, passed: check.passed, left: check.left, changed: check.changed },
    ran: check.ran.map((one) => ({ ...one, output: one.output.slice(-MAX_EVENT_OUTPUT) })),
  })

/** Pull requests of the ticket's branch, through the person's own tool. One that takes no more calls now is waited for, in the same attempt. */
export function forgeVerbs(run: RunContext): ForgeVerbs {
  const { journal, ticket, workspace, driving } = run
  const { forge } = workspace
  const record = async <T extends Json>(verb: string, name: string, input: Json, effect: () => Promise<T>): Promise<T> => {
    try {
      return await journal.record({ verb: `forge.${verb}`, name, input, effect })
    } catch (error) {
      if (!isRetryAfter(error)) throw error
      return journal.park(name, { waitingFor: 'time', until: driving.clock.now() + error.delayMs })
    }
  }
  return {
    available: (name) => record('available', name, null, () => forge.available()),
    openPullRequest: (name, { title, body, draft = true }) =>
      record('open', name, { title, body, draft }, async () =>
        forge.open({ title, body, draft, base: ticket.baseBranch, head: await workspace.head() }),
      ),
    pullRequest: (name) => record('find', name, null, () => forge.find()),
    merge: (name, { head }) => record('merge', name, head, () => forge.merge(head)),
    close: (name) => record('close', name, null, () => forge.close()),
    look: () => forge.find(),
  }
}
