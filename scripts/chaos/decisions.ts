/** What the person decides at a gate. Made from what the server shows, so that a second look decides the same. */
import type { Form, Json } from '#plugins/contract'

export interface Decided {
  readonly action: string
  readonly payload?: Json
}
export interface OpenGate {
  readonly form: Form
}
/** `content`: of the newest artifact of a kind. */
export type Decide = (gate: OpenGate, content: (kind: string) => Promise<string>) => Promise<Decided>

/** Approves. */
export const usualDecision: Decide = ({ form }) =>
  Promise.resolve({ action: form.actions.find((action) => action.approves)?.id ?? form.actions[0]?.id ?? '' })

/** Two questions are left to the models. */
const ANSWERS: { readonly [id: string]: Json } = {
  Q01: { text: 'Readers' },
  Q02: { selected: ['plain'] },
  final: { text: 'No' },
}

/** Answers the interview; the first check by hand fails, until there is a bead for it. */
export const fullDecision: Decide = async (gate, content) => {
  const { form } = gate
  const ids = (form.questions ?? []).map((question) => (question as { id: string }).id)
  const each = (value: (id: string) => Json): Json => Object.fromEntries(ids.map((id) => [id, value(id)]))
  if (form.kind === 'questionnaire') return { action: 'complete', payload: { answers: each((id) => ANSWERS[id] ?? { skipped: true }) } }
  if (form.kind !== 'checklist') return usualDecision(gate, content)
  const mended = (await content('beads')).includes('qa1-1')
  return {
    action: 'complete',
    payload: { results: each(() => (mended ? { result: 'pass' } : { result: 'fail', observation: 'Not a word.' })) },
  }
}
