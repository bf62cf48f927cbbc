/** Waits for a person's decision on a hashed artifact. One outcome per action. */
import { parse } from 'yaml'
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
  /** A coverage phase's artifact: while it names gaps, FIX_GAPS is offered too. */
  readonly gaps?: string
  readonly questions?: readonly Json[]
  /** Artifact kinds to read beside it. */
  readonly beside?: readonly string[]
  /** After a person has edited the artifact here, before the gate opens again. */
  onEdit?(phase: PhaseRun<Decision>, content: string): Promise<void>
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
  const { id, label, version = 1, kind, title, artifact, actions, gaps, questions, beside } = definition
  const form: Form = {
    ...{ kind, title, actions },
    ...(artifact === undefined ? {} : { artifact }),
    ...(questions ? { questions } : {}),
    ...(beside ? { beside } : {}),
  }
  const ends = [...actions, ...(gaps === undefined ? [] : [FIX_GAPS])].filter((action) => !action.edits)
  // Where something can be approved, anything else leads on only where the row says so.
  const stops = ends.some((action) => action.approves) ? ends.filter((action) => !action.approves).map((action) => action.id) : []
  return definePhase<Decision>({
    id,
    label,
    version,
    primitive: 'gate',
    tools: 'disabled',
    outcomes: ends.map((action) => action.id),
    stops,
    async run(phase) {
      const open = gaps !== undefined && (await namesGaps(phase, gaps))
      const decision = await decided(phase, definition, open ? { ...form, actions: [...actions, FIX_GAPS] } : form)
      await definition.onDecision?.(phase, decision)
      const end = phase.done(undefined, decision.action)
      return stops.includes(decision.action) ? { ...end, ...leadsNowhere(decision.action) } : end
    },
  })
}

const leadsNowhere = (action: string): { reason: string; hint: string } => ({
  reason: `${action} was decided, and the pipeline does not say where that leads`,
  hint: 'Retry opens the gate again; or name in its row of the pipeline where this action leads.',
})

async function namesGaps(phase: PhaseRun<Decision>, artifact: string): Promise<boolean> {
  const { gaps = [] } = (parse((await phase.read(artifact))?.content ?? '') ?? {}) as { gaps?: readonly string[] }
  return gaps.length > 0
}

/** Each edit is a new revision, and the next decision is on that one: an approval of what was there before is void. */
async function decided(phase: PhaseRun<Decision>, definition: GatePhase, form: Form): Promise<Decision> {
  for (let n = 1; ; n += 1) {
    const decision = await phase.ask(n === 1 ? 'decision' : `decision:${n}`, form)
    const edits = form.actions.find((action) => action.id === decision.action)?.edits === true
    if (!edits || form.artifact === undefined) return decision
    const { content } = decision.payload as { content: string }
    await phase.save(form.artifact, content, { derivedFrom: decision.sha256 === undefined ? [] : [decision.sha256] })
    await definition.onEdit?.(phase, content)
  }
}
