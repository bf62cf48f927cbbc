/** The person's part where a gate asks for more than a yes: questionnaires, checklists, the pull request. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { openDraft } from './form-draft.ts'
import type { Person } from './person.ts'

interface Gate {
  readonly gateId: string
  readonly kind: string
  readonly title: string
}
interface Asked {
  readonly id: string
  readonly question?: string
  readonly rationale?: string
  readonly answer_type?: string
  readonly source?: string
  readonly title?: string
  readonly prerequisites?: readonly string[]
  readonly expected_result?: string
  readonly actions?: readonly string[]
  readonly options?: readonly { readonly id: string; readonly label: string }[]
  readonly lineage?: { readonly from: readonly Before[] }
}
interface Before {
  readonly round: number
  readonly check: string
  readonly result: string
  readonly observation?: string
  readonly fixes: readonly string[]
}
interface Shown {
  readonly form: { readonly questions?: readonly Asked[]; readonly earlier?: readonly Asked[] }
  readonly artifact: { readonly sha256: string } | null
}
type Payload = { readonly [key: string]: Payload | string | number | boolean | readonly string[] }

export const isForm = (kind: string): boolean => kind === 'questionnaire' || kind === 'checklist' || kind === 'pull_request'

export async function fillIn(person: Person, gate: Gate): Promise<void> {
  const { client, ticketId, display } = person
  const { items } = await client.inbox.list.query({ ticketId })
  const entry = items.find((item) => item.id === gate.gateId)
  if (!entry) return // decided elsewhere meanwhile
  const { form, artifact } = entry.payload as unknown as Shown
  display.line()
  display.line(`  ${gate.title}`)
  const { action, payload } = await decisionOf(person, gate, form)
  await client.gates.submit.mutate({
    ...{ ticketId, gateId: gate.gateId, action, actionId: `demo:${gate.gateId}` },
    ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
    payload,
  })
  display.line(`  ${ticketId}: ${action.replaceAll('_', ' ')} is taken`)
}

async function decisionOf(person: Person, { kind, gateId }: Gate, form: Shown['form']): Promise<{ action: string; payload: Payload }> {
  if (kind === 'questionnaire') return answersOf(person, form)
  if (kind === 'checklist') return { action: 'complete', payload: { results: await resultsOf(person, form.questions ?? [], gateId) } }
  const reply = person.ask ? await person.ask('  Merge it? [Enter = yes, n = close it] ') : ''
  const action = /^n/i.test(reply.trim()) ? 'close' : 'merge'
  return { action, payload: {} }
}

const ALL = '!!'
/** Nobody there: the first option, a word, and every third question left to the models. */
async function answersOf(person: Person, { questions = [], earlier = [] }: Shown['form']): Promise<{ action: string; payload: Payload }> {
  const { ask } = person
  const answers: Record<string, Payload> = {}
  for (const [i, question] of questions.entries()) {
    const reply = await answered(person, question, { at: `${i + 1}/${questions.length}`, alone: i === 2 ? '' : null })
    if (reply === ALL) return { action: 'skip_all', payload: { answers } }
    answers[question.id] = reply
  }
  if (ask !== null) await amend({ ...person, ask }, [...earlier, ...questions], answers)
  return { action: 'complete', payload: { answers } }
}

/** Before it is sent; earlier ones too. */
async function amend(
  person: Person & { readonly ask: NonNullable<Person['ask']> },
  known: readonly Asked[],
  answers: Record<string, Payload>,
): Promise<void> {
  const which = `  Send? [Enter = yes, or what to answer anew: ${known.map((q) => q.id).join(', ')}] `
  for (let id = await person.ask(which); id !== '' && !/^y(es)?$/i.test(id); id = await person.ask(which)) {
    const again = known.find((q) => q.id.toLowerCase() === id.toLowerCase())
    const reply = again && (await answered(person, again, { at: again.id, alone: null }))
    if (again && reply !== undefined && reply !== ALL) answers[again.id] = reply
  }
}

/** `alone`: what is answered when nobody is there; null: what seems best. */
async function answered(
  { ask, display }: Person,
  asked: Asked,
  { at, alone }: { at: string; alone: string | null },
): Promise<Payload | typeof ALL> {
  for (const text of inQuestion(asked, at)) display.line(text)
  const { options = [], answer_type: type } = asked
  const numbers = options.length === 0 ? '' : type === 'multiple_choice' ? 'numbers, with commas, or ' : 'number or '
  const reply = ask
    ? (await ask(`       Your answer [${numbers}your own words; Enter = skip, ${ALL} = skip all that is left] `)).trim()
    : (alone ?? (options.length > 0 ? '1' : 'As the ticket says.'))
  if (reply === ALL) return ALL
  if (reply === '') {
    display.line('       → skipped')
    return { skipped: true }
  }
  const picked = pickedBy(reply, asked)
  display.line(`       → ${picked === null ? reply : picked.map((one) => one.label).join(', ')}`)
  return picked === null ? { text: reply } : { selected: picked.map((one) => one.id) }
}

function inQuestion({ question = '', rationale = '', options = [], source }: Asked, at: string): readonly string[] {
  const further = source === 'follow_up' || source === 'coverage' ? 'further to your answers: ' : ''
  return [
    `  ${at}  ${further}${question}`,
    ...(rationale === '' ? [] : [`       (${rationale})`]),
    ...options.map((option, n) => `       ${n + 1}. ${option.label}`),
  ]
}

/** Numbers of options; null: words. */
function pickedBy(reply: string, { options = [], answer_type: type }: Asked): NonNullable<Asked['options']> | null {
  const numbers = reply.split(',')
  const picked = numbers.flatMap((n) => options[Number(n.trim()) - 1] ?? [])
  return picked.length === numbers.length && (picked.length === 1 || type === 'multiple_choice') ? picked : null
}

/** Nobody there: in the first round the first check fails, with a file as evidence, and the second could be better. */
async function resultsOf(person: Person, asked: readonly Asked[], gateId: string): Promise<Payload> {
  const draft = await openDraft<Result>(
    person,
    gateId,
    asked.map(({ id }) => id),
  )
  const results: Record<string, Result> = { ...draft.before }
  for (const [i, item] of asked.entries()) {
    for (const text of inItem(item, `${i + 1}/${asked.length}`)) person.display.line(text)
    const known = results[item.id]
    const result =
      known ?? (await (person.ask ? tried(person, person.ask, failedIn(results)) : scripted(person, gateId.includes(':1:') ? i : -1)))
    results[item.id] = result
    if (known === undefined) await draft.keep(results)
    person.display.line(`       ${inWords(result)}`)
  }
  return results
}

/** What is to be done, and what came of it in earlier rounds. */
function inItem(
  { id, title = '', prerequisites = [], actions = [], expected_result: expected = '', lineage }: Asked,
  at: string,
): readonly string[] {
  const before = (lineage?.from ?? []).map(({ round, check, result, observation, fixes }) => {
    const seen = observation === undefined ? '' : ` “${observation}”`
    return `       round ${round}, ${check}: ${result}${seen}${fixes.length > 0 ? `, mended by ${fixes.join(', ')}` : ''}`
  })
  return [
    `  ${at}  ${id}: ${title}`,
    ...before,
    ...prerequisites.map((need) => `       before: ${need}`),
    ...actions.map((action) => `       - ${action}`),
    `       → ${expected}`,
  ]
}

const failedIn = (results: Readonly<Record<string, Result>>): readonly string[] =>
  Object.entries(results).flatMap(([id, { result }]) => (result === 'fail' ? [id] : []))

type Result = Payload & {
  readonly result: string
  readonly observation?: string
  readonly title?: string
  readonly group?: string
  readonly evidence?: readonly string[]
}

const inWords = ({ result, observation = '', title = '', group = '', evidence = [] }: Result): string =>
  [
    result,
    observation,
    title === '' ? '' : `a ticket “${title}”`,
    group === '' ? '' : `one fault with ${group}`,
    evidence.length > 0 ? 'with a file attached' : '',
  ]
    .filter((t) => t !== '')
    .join(' · ')

async function tried(person: Person, ask: NonNullable<Person['ask']>, failed: readonly string[]): Promise<Result> {
  const seen = (
    await ask('       As expected? [Enter = yes, - = not tried, ! and a title = it could be better, or say what you saw] ')
  ).trim()
  if (seen === '') return { result: 'pass' }
  if (seen === '-') return { result: 'waive' }
  if (seen.startsWith('!')) return { result: 'improvement', title: seen.slice(1).trim() || 'An improvement' }
  const same = failed.length > 0 ? (await ask(`       The same fault as before? [${failed.join(', ')}; Enter = no] `)).trim() : ''
  const group = failed.includes(same) ? { group: same } : {}
  const file = (await ask('       A file that shows it [path, Enter = none] ')).trim()
  const failure = { result: 'fail', observation: seen, ...group }
  if (file === '') return failure
  const content = await readFile(file).catch(() => null)
  if (content === null) person.display.line(`       ${file} cannot be read: it is left out`)
  return content === null ? failure : { ...failure, evidence: [await attached(person, basename(file), content)] }
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
