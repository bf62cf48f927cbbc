/** Everything that waits for a person, of all projects, and the answers to what the model asks. */
import { fail } from '../errors.ts'
import { rejectQuestion, replyPermission, replyQuestion } from '../inbox/answers.ts'
import type { AnswerEnv } from '../inbox/answers.ts'
import type { InboxView, Kernel, PartialFailure } from '../kernel-api.ts'
import type { OpencodeAdapter } from '../opencode/adapter.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import type { InboxKind, InboxRecord } from '../store/records.ts'
import { inboxView, questionView } from '../views.ts'
import type { Worker } from '../worker.ts'

interface InboxEnv {
  readonly projects: Projects
  readonly worker: Worker
  readonly adapter: OpencodeAdapter
  readonly clock: Clock
}

export const inboxCalls = (env: InboxEnv): Pick<Kernel, 'questions' | 'inbox'> => ({ questions: questionCalls(env), inbox: listCalls(env) })

function questionCalls({ projects, worker, adapter, clock }: InboxEnv): Kernel['questions'] {
  const answering = (ticketId: string): AnswerEnv => {
    const project = projects.ofTicket(ticketId)
    return { store: project.store, adapter, clock, fence: () => worker.claim(project, ticketId) }
  }
  return {
    list: async ({ ticketId }) => {
      const { entries, errors } = await waiting(projects, { ticketId, kinds: ['question'] })
      return { items: entries.map(([entry]) => questionView(entry)), errors }
    },
    reply: async ({ ticketId, ...answer }) => {
      await replyQuestion(answering(ticketId), ticketId, answer)
      return { ok: true }
    },
    reject: async ({ ticketId, requestId, reason }) => {
      await rejectQuestion(answering(ticketId), ticketId, { requestId, reason: reason ?? null })
      return { ok: true }
    },
    replyPermission: async ({ ticketId, requestId, reply, message }) => {
      await replyPermission(answering(ticketId), ticketId, { requestId, reply, message: message ?? null })
      return { ok: true }
    },
  }
}

/** How long a person who types is not interrupted; a client says it again before that. */
const HOLD_MS = 2 * 60_000
/** After the first deadline: who has left the answer open for longer than that has gone. */
const MOST_HELD_MS = 60 * 60_000

const listCalls = ({ projects, clock }: InboxEnv): Kernel['inbox'] => ({
  list: async ({ ticketId }) => {
    const { entries, errors } = await waiting(projects, { ticketId })
    return { items: entries.map(([entry, project]): InboxView => inboxView(entry, project.record.id)), errors }
  },
  hold: async ({ ticketId, id }) => {
    const { store } = projects.ofTicket(ticketId)
    const at = clock.now()
    const { deadline } = await store.holdRequest({ ticketId, id, until: at + HOLD_MS, most: MOST_HELD_MS, at })
    return deadline === null ? {} : { deadline }
  },
  changes: (signal) => inboxChanges(projects, signal),
})

/** Entries of all projects, oldest first; a project that fails is named and prunes nothing of the others. */
async function waiting(
  projects: Projects,
  filter: { ticketId?: string | undefined; kinds?: readonly InboxKind[] },
): Promise<{ entries: readonly (readonly [InboxRecord, OpenProject])[]; errors: readonly PartialFailure[] }> {
  const chosen = filter.ticketId === undefined ? projects.open() : [projects.ofTicket(filter.ticketId)]
  const errors: PartialFailure[] = filter.ticketId === undefined ? [...projects.failures()] : []
  const entries: (readonly [InboxRecord, OpenProject])[] = []
  const query = {
    ...(filter.ticketId === undefined ? {} : { ticketId: filter.ticketId }),
    ...(filter.kinds ? { kinds: filter.kinds } : {}),
  }
  for (const project of chosen) {
    try {
      for (const entry of await project.store.inbox(query)) entries.push([entry, project])
    } catch (error) {
      const failed = error instanceof Error ? error : fail('INTERNAL')
      errors.push({ projectId: project.record.id, code: 'code' in failed ? failed.code : 'INTERNAL', message: failed.message })
    }
  }
  return { entries: entries.toSorted(([a], [b]) => a.since - b.since), errors }
}

async function* inboxChanges(projects: Projects, signal: AbortSignal): AsyncIterable<void> {
  let changed = false
  let wake = (): void => {}
  const told = (): void => {
    changed = true
    wake()
  }
  const offs: (() => void)[] = []
  offs.push(projects.onOpen((project) => void offs.push(project.store.onInbox(told))))
  signal.addEventListener('abort', told, { once: true })
  try {
    while (!signal.aborted) {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve))
      changed = false
      if (!signal.aborted) yield
    }
  } finally {
    for (const off of offs) off()
  }
}
