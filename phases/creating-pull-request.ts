/** The branch is pushed and a draft pull request opened. Without a forge the ticket ends with its local branch, and says so. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { GiveUp, HOOKS_HINT, definePhase, hookFailure, hookSummary, hooksStop, part, promptAgain, slices, tell, withParts } from '#plugins'
import type { PhaseRun } from '#plugins'

const Text = v.object({
  title: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(200)),
  body: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(30_000)),
})
type Text = v.InferOutput<typeof Text>
const LOCAL = 'local'
const HOOKS_FAILED = 'hooks_failed'
const PUSHES = 3
const PATCH_CHARS = 30_000
const BETWEEN_PUSHES_MS = 5_000
const context = slices('ticket_details', 'prd').about('ticket_details')

export default definePhase<Text>({
  id: 'CREATING_PULL_REQUEST',
  label: 'Opening the pull request',
  primitive: 'command',
  outcomes: ['done', LOCAL, HOOKS_FAILED],
  stops: [HOOKS_FAILED],
  tools: 'disabled',
  prompt: {
    role: 'You describe a finished change to the people who will review it.',
    task: 'Write the title and the body of a pull request for the change below.',
    steps: [
      'Say what changes for a user and why, then what a reviewer should look at first, then how it was tested.',
      'Only what the change really does. Markdown; no headline at the top.',
    ],
  },
  context,
  output: {
    schema: Text,
    format: 'yaml',
    tag: 'PULL_REQUEST',
    example: { title: 'What the change does', body: 'Why, and how it was tested.' },
  },
  async run(phase) {
    const { branch } = phase.ticket
    const { ok, reason = '' } = await phase.forge.available('forge')
    const nothing = await nothingToMerge(phase)
    if (!ok || nothing) {
      const why = ok ? 'nothing was changed' : reason
      const closed = ok ? await closeOpen(phase) : null
      await phase.save('pull_request_report', { opened: false, branch, reason: why, closed })
      await tell(phase, [`no pull request (${why}): ${nothing ? 'there is nothing to merge' : `the change is ready on ${branch}`}`])
      return phase.done(undefined, LOCAL)
    }
    const text = await textOf(phase)
    const hooks = await phase.workspace.hooks('hooks', { stage: 'push' })
    if (hooksStop(hooks)) return { outcome: HOOKS_FAILED, reason: hookFailure(hooks) ?? '', hint: HOOKS_HINT }
    await push(phase)
    const { number, url, head } = await phase.forge.openPullRequest('open', text)
    await phase.save('pull_request_report', { opened: true, branch, number, url, head, title: text.title, hooks: hookSummary(hooks) })
    await tell(phase, [`pull request #${number}: ${url}`])
    return phase.done()
  },
})

/** Said by the integration, which knows the newest base; where a pipeline has none, by the tree. */
async function nothingToMerge(phase: PhaseRun<Text>): Promise<boolean> {
  const changed = await phase.workspace.changed('changed', phase.ticket.baseCommit)
  const { commit } = (parse((await phase.read('integration_report'))?.content ?? '') ?? {}) as { commit?: string | null }
  return changed.length === 0 || commit === null
}

/** One that is open since an earlier round shows what is not wanted any more. Its number; null when there is none. */
async function closeOpen(phase: PhaseRun<Text>): Promise<number | null> {
  if ((await phase.forge.pullRequest('open-before'))?.state !== 'open') return null
  const { number } = await phase.forge.close('close-empty')
  await tell(phase, [`pull request #${number} is closed: the change was taken back`])
  return number
}

/** The model's words, or plain ones: a missing text must not keep a finished change back. */
async function textOf(phase: PhaseRun<Text>): Promise<Text> {
  const { patch, stat } = await phase.workspace.diff('diff', { maxChars: PATCH_CHARS })
  const turned = await promptAgain<Text>(phase, 'text', { context: withParts(context, [part('change', `${stat}\n\n${patch}`)]) })
  if (turned.ok) return turned.value
  const { id, title, description } = phase.ticket
  return { title: `${id}: ${title}`.slice(0, 200), body: `${description}\n\n${stat}`.trim() }
}

async function push(phase: PhaseRun<Text>): Promise<void> {
  for (let n = 1; ; n += 1) {
    const { pushed, reason = '' } = await phase.workspace.push(`push:${n}`)
    if (pushed) return
    if (n === PUSHES)
      throw new GiveUp(`the branch could not be pushed: ${reason}`, {
        hint: 'Mend it at the remote (rights, protection, a foreign push to the branch), then Retry.',
      })
    await phase.sleep(`push:${n}:wait`, BETWEEN_PUSHES_MS * n)
  }
}
