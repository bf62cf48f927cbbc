/** The person's part where a gate asks for more than a yes: questionnaires, checklists, the pull request. */
import type { Person } from './person.ts'

interface Gate {
  readonly gateId: string
  readonly kind: string
  readonly title: string
}
interface Asked {
  readonly id: string
  readonly question?: string
  readonly title?: string
  readonly expected_result?: string
  readonly options?: readonly { readonly id: string; readonly label: string }[]
}
type Payload = { readonly [key: string]: Payload | string | boolean | readonly string[] }

export const isForm = (kind: string): boolean => kind === 'questionnaire' || kind === 'checklist' || kind === 'pull_request'

export async function fillIn(person: Person, gate: Gate): Promise<void> {
  const { client, ticketId, display } = person
  const { items } = await client.inbox.list.query({ ticketId })
  const entry = items.find((item) => item.id === gate.gateId)
  if (!entry) return // decided elsewhere meanwhile
  const { form, artifact } = entry.payload as unknown as { form: { questions?: readonly Asked[] }; artifact: { sha256: string } | null }
  display.line()
  display.line(`  ${gate.title}:`)
  const { action, payload } = await decisionOf(person, gate, form.questions ?? [])
  await client.gates.submit.mutate({
    ...{ ticketId, gateId: gate.gateId, action, actionId: `demo:${gate.gateId}` },
    ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
    payload,
  })
}

async function decisionOf(person: Person, { kind, gateId }: Gate, asked: readonly Asked[]): Promise<{ action: string; payload: Payload }> {
  if (kind === 'questionnaire') return { action: 'complete', payload: { answers: await answersOf(person, asked) } }
  if (kind === 'checklist') return { action: 'complete', payload: { results: await resultsOf(person, asked, gateId) } }
  const reply = person.ask ? await person.ask('  Merge it? [Enter = yes, n = close it] ') : ''
  const action = /^n/i.test(reply.trim()) ? 'close' : 'merge'
  person.display.line(`  → ${action}`)
  return { action, payload: {} }
}

/** Nobody there: the first option, a word, and every third question left to the models. */
async function answersOf({ ask, display }: Person, asked: readonly Asked[]): Promise<Payload> {
  const answers: Record<string, Payload> = {}
  for (const [i, { id, question = '', options = [] }] of asked.entries()) {
    display.line(`    ${question}`)
    for (const [n, option] of options.entries()) display.line(`      ${n + 1}. ${option.label}`)
    const [first] = options
    const reply = ask
      ? (await ask('  Your answer [number, your own words, Enter = skip] ')).trim()
      : i === 2
        ? ''
        : first
          ? '1'
          : 'As the ticket says.'
    const chosen = options[Number(reply) - 1]
    answers[id] = reply === '' ? { skipped: true } : chosen ? { selected: [chosen.id] } : { text: reply }
    display.line(`    → ${reply === '' ? 'skipped' : (chosen?.label ?? reply)}`)
  }
  return answers
}

/** Nobody there: the first round fails, so that one sees what becomes of it. */
async function resultsOf({ ask, display }: Person, asked: readonly Asked[], gateId: string): Promise<Payload> {
  const results: Record<string, Payload> = {}
  for (const { id, title = '', expected_result: expected = '' } of asked) {
    display.line(`    ${title}: ${expected}`)
    const seen = ask
      ? (await ask('  As expected? [Enter = yes, or say what you saw] ')).trim()
      : gateId.includes(':1:')
        ? 'The README does not say it.'
        : ''
    results[id] = seen === '' ? { result: 'pass' } : { result: 'fail', observation: seen }
    display.line(`    → ${seen === '' ? 'passed' : `failed: ${seen}`}`)
  }
  return results
}
