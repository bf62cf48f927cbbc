/** Waits for a person's decision on a hashed artifact. One outcome per action. */
import type { Decision, Form, GateAction, Json, PhasePlugin, PhaseRun } from '../contract.ts'
import { definePhase } from '../define.ts'

export interface GatePhase {
  readonly id: string
  readonly label: string
  readonly version?: number
  readonly kind: Form['kind']
  readonly title: string
  /** The artifact kind that is decided on. */
  readonly artifact?: string
  readonly actions: readonly GateAction[]
  readonly questions?: readonly Json[]
  /** Artifact kinds to read beside it. */
  readonly beside?: readonly string[]
  /** After the decision, before the phase ends: keep a comment, seed items … */
  onDecision?(phase: PhaseRun<Decision>, decision: Decision): Promise<void>
}

/** The action ids that the shorthands `tickets.approve` and `tickets.requestChanges` use. */
export const APPROVE: GateAction = { id: 'approve', label: 'Approve', approves: true }
export const REQUEST_CHANGES: GateAction = { id: 'request_changes', label: 'Request changes' }

/** The document is replaced by the person's own, checked by its schema at the door; then the gate is open again. */
export const EDIT: GateAction = { id: 'edit', label: 'Edit', edits: true }

/** What a check left open is to be mended; a comment goes along. */
export const FIX_GAPS: GateAction = { id: 'fix_gaps', label: 'Close the gaps' }

/** For `onDecision`: the words of a person who did not approve, as an artifact that the next prompt sees. */
export const keepComment =
  (artifact: string): NonNullable<GatePhase['onDecision']> =>
  async (phase, { action, payload }) => {
    const { comment } = (payload ?? {}) as { comment?: string }
    if (action === APPROVE.id || (comment ?? '') === '') return
    await phase.save(artifact, comment ?? '')
  }

export const gate = (definition: GatePhase): PhasePlugin<Decision> => {
  const { id, label, version = 1, kind, title, artifact, actions, questions, beside } = definition
  const form: Form = {
    ...{ kind, title, actions },
    ...(artifact === undefined ? {} : { artifact }),
    ...(questions ? { questions } : {}),
    ...(beside ? { beside } : {}),
  }
  return definePhase<Decision>({
    id,
    label,
    version,
    primitive: 'gate',
    tools: 'disabled',
    outcomes: actions.filter((action) => !action.edits).map((action) => action.id),
    async run(phase) {
      const decision = await decided(phase, form)
      await definition.onDecision?.(phase, decision)
      return phase.done(undefined, decision.action)
    },
  })
}

/** Each edit is a new revision, and the next decision is on that one: an approval of what was there before is void. */
async function decided(phase: PhaseRun<Decision>, form: Form): Promise<Decision> {
  for (let n = 1; ; n += 1) {
    const decision = await phase.ask(n === 1 ? 'decision' : `decision:${n}`, form)
    const edits = form.actions.find((action) => action.id === decision.action)?.edits === true
    if (!edits || form.artifact === undefined) return decision
    const { content } = decision.payload as { content: string }
    await phase.save(form.artifact, content, { derivedFrom: decision.sha256 === undefined ? [] : [decision.sha256] })
  }
}
