/** The person's part where a gate asks for more than a yes: questionnaires, checklists, the pull request. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
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
  readonly actions?: readonly string[]
  readonly options?: readonly { readonly id: string; readonly label: string }[]
}
type Payload = { readonly [key: string]: Payload | string | number | boolean | readonly string[] }

export const isForm = (kind: string): boolean => kind === 'questionnaire' || kind === 'checklist' || kind === 'pull_request'

export async function fillIn(person: Person, gate: Gate): Promise<void> {
  const { client, ticketId, display } = person
  const { items } = await client.inbox.list.query({ ticketId })
  const entry = items.find((item) => item.id === gate.gateId)
  if (!entry) return // decided elsewhere meanwhile
  const { form, artifact } = entry.payload as unknown as { form: { questions?: readonly Asked[] }; artifact: { sha256: string } | null }
  display.line()
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

/** Nobody there: in the first round the first check fails, with a file as evidence, and the second could be better. */
async function resultsOf(person: Person, asked: readonly Asked[], gateId: string): Promise<Payload> {
  const results: Record<string, Payload> = {}
  for (const [i, { id, title = '', actions = [], expected_result: expected = '' }] of asked.entries()) {
    person.display.line(`    ${title}: ${actions.join(' ')} → ${expected}`)
    const result = person.ask ? await tried(person, person.ask) : await scripted(person, gateId.includes(':1:') ? i : -1)
    results[id] = result
    person.display.line(`      → ${inWords(result)}`)
  }
  return results
}

type Result = Payload & {
  readonly result: string
  readonly observation?: string
  readonly title?: string
  readonly evidence?: readonly string[]
}

const inWords = ({ result, observation = '', title = '', evidence = [] }: Result): string =>
  [result, observation, title === '' ? '' : `a ticket “${title}”`, evidence.length > 0 ? 'with a file attached' : '']
    .filter((t) => t !== '')
    .join(' · ')

async function tried(person: Person, ask: NonNullable<Person['ask']>): Promise<Result> {
  const seen = (await ask('      As expected? [Enter = yes, ! and a title = it could be better, or say what you saw] ')).trim()
  if (seen === '') return { result: 'pass' }
  if (seen.startsWith('!')) return { result: 'improvement', title: seen.slice(1).trim() || 'An improvement' }
  const file = (await ask('      A file that shows it [path, Enter = none] ')).trim()
  if (file === '') return { result: 'fail', observation: seen }
  const content = await readFile(file).catch(() => null)
  if (content === null) person.display.line(`      ${file} cannot be read: it is left out`)
  return { result: 'fail', observation: seen, ...(content === null ? {} : { evidence: [await attached(person, basename(file), content)] }) }
}

async function scripted(person: Person, failing: number): Promise<Result> {
  if (failing === 0) {
    const evidence = [await attached(person, 'what-i-saw.txt', 'README.md: nothing about accents.\n')]
    return { result: 'fail', observation: 'The README does not say it.', evidence }
  }
  return failing === 1
    ? { result: 'improvement', title: 'Slugs of at most 60 characters', observation: 'Long titles give long slugs.' }
    : { result: 'pass' }
}

const attached = async ({ client, ticketId }: Person, name: string, content: Uint8Array | string): Promise<string> =>
  (await client.attachFile(ticketId, { name, content })).sha256
