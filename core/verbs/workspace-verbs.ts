/** `phase.workspace` and `phase.forge`: each call recorded under its name. */
import type { ExecResult, ForgeVerbs, Json, WorkspaceVerbs } from '#plugins/contract'
import { event } from '../events/events.ts'
import { readFiles } from '../workspace/index.ts'
import type { Recording } from './journal.ts'
import type { RunContext } from './run-context.ts'

const MAX_EVENT_OUTPUT = 4_000

export function workspaceVerbs(run: RunContext): WorkspaceVerbs {
  const { journal, workspace, ticket } = run
  const record = <T extends Json>(verb: string, name: string, rest: Omit<Recording<T>, 'verb' | 'name'>): Promise<T> =>
    journal.record({ verb: `workspace.${verb}`, name, ...rest })
  return {
    head: (name) => record('head', name, { input: null, effect: () => workspace.head() }),
    changed: (name, since) => record('changed', name, { input: since ?? null, effect: async () => [...(await workspace.changed(since))] }),
    reset: async (name, commit) => {
      await record('reset', name, { input: commit, effect: async () => (await workspace.reset(commit), null) })
    },
    commit: (name, options) => record('commit', name, { input: { ...options }, effect: (key) => workspace.commit({ ...options, key }) }),
    squash: (name, options) =>
      record('squash', name, {
        input: { ...options },
        effect: async (key) => ({ ...(await workspace.squash({ ...options, key, baseBranch: ticket.baseBranch })) }),
      }),
    update: (name) =>
      record('update', name, {
        input: null,
        effect: async (key) => ({ ...(await workspace.update({ key, baseBranch: ticket.baseBranch })) }),
      }),
    diff: (name, options = {}) =>
      record('diff', name, { input: { ...options }, effect: async () => ({ ...(await workspace.diff(options)) }) }),
    push: (name, options = {}) =>
      record('push', name, { input: { ...options }, effect: async () => ({ ...(await workspace.push(options)) }) }),
    exec: (name, options) =>
      record('exec', name, {
        input: { ...options },
        effect: async () => {
          const timeoutMs = options.timeoutMs ?? ticket.settings['limits.commandMs']
          return { ...(await workspace.run({ command: options.command, timeoutMs, signal: run.driving.signal })) }
        },
        events: (result: ExecResult) => [commandEvent(run, name, result)],
      }),
    files: (name, paths, options) =>
      record('files', name, {
        input: { paths, ...options },
        effect: async () => (await readFiles(workspace.path, paths, options.maxChars)).map((f) => ({ ...f })),
      }),
    remove: async (name) => {
      await record('remove', name, { input: null, effect: async () => (await workspace.remove(), null) })
    },
  }
}

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

/** Pull requests of the ticket's branch, through the person's own tool. */
export function forgeVerbs(run: RunContext): ForgeVerbs {
  const { journal, ticket, workspace } = run
  const { forge } = workspace
  const record = <T extends Json>(verb: string, name: string, input: Json, effect: () => Promise<T>): Promise<T> =>
    journal.record({ verb: `forge.${verb}`, name, input, effect })
  return {
    available: (name) => record('available', name, null, () => forge.available()),
    openPullRequest: (name, { title, body, draft = true }) =>
      record('open', name, { title, body, draft }, () => forge.open({ title, body, draft, base: ticket.baseBranch })),
    pullRequest: (name) => record('find', name, null, () => forge.find()),
    merge: (name, { head }) => record('merge', name, head, () => forge.merge(head)),
    close: (name) => record('close', name, null, () => forge.close()),
    look: () => forge.find(),
  }
}
