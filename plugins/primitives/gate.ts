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
  /** After the decision, before the phase ends: keep a comment, seed items … */
  onDecision?(phase: PhaseRun<Decision>, decision: Decision): Promise<void>
}

/** The action ids that the shorthands `tickets.approve` and `tickets.requestChanges` use. */
export const APPROVE: GateAction = { id: 'approve', label: 'Approve', approves: true }
export const REQUEST_CHANGES: GateAction = { id: 'request_changes', label: 'Request changes' }

export const gate = (definition: GatePhase): PhasePlugin<Decision> => {
  const { id, label, version = 1, kind, title, artifact, actions, questions } = definition
  const form: Form = { kind, title, actions, ...(artifact === undefined ? {} : { artifact }), ...(questions ? { questions } : {}) }
  return definePhase<Decision>({
    id,
    label,
    version,
    primitive: 'gate',
    tools: 'disabled',
    outcomes: actions.map((action) => action.id),
    async run(phase) {
      const decision = await phase.ask('decision', form)
      await definition.onDecision?.(phase, decision)
      return phase.done(undefined, decision.action)
    },
  })
}
