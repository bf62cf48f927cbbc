/** Commands for what waits for a person. */
import type { Command } from 'commander'
import type { InboxView, QuestionView } from '#core'
import { parse } from 'yaml'
import { fillIn, isForm } from '../demo/forms.ts'
import { UsageError, withSession, type Session } from './session.ts'

type Questions = QuestionView['questions']

export function peopleCommands(program: Command): void {
  program
    .command('inbox [ticket]')
    .description('everything that waits for a person, and what can be done')
    .action((ticketId: string | undefined) =>
      withSession(program.opts(), async ({ client, print }) => {
        const { items, errors } = await client.inbox.list.query({ ticketId })
        for (const { projectId, message } of errors) process.stderr.write(`project ${projectId}: ${message}\n`)
        print(items, () => (items.length > 0 ? (items as readonly InboxView[]).flatMap(described) : 'Nothing waits for you.'))
      }),
    )
  program
    .command('answer <ticket> [answers...]')
    .description('answer a question: one argument for each, several choices with commas; or a permission: once, always, reject')
    .option('--request <id>', 'which one; not needed when there is one only')
    .option('--reject [reason]', 'refuse to answer')
    .action((ticketId: string, answers: readonly string[], options: AnswerOptions) =>
      withSession(program.opts(), (session) => answer(session, { ticketId, answers, options })),
    )
  program
    .command('approve <ticket>')
    .description('decide a gate: approve what it shows, or take another of its actions')
    .option('--gate <id>', 'which one; not needed when there is one only')
    .option('--action <name>', 'such as request_changes; default: approve, or to fill in what the gate asks')
    .option('--payload <json>', 'what the action takes, as JSON')
    .option('--yes', 'do not show and ask first')
    .action((ticketId: string, options: GateOptions) => withSession(program.opts(), (session) => decide(session, ticketId, options)))
}

const questionsOf = (payload: InboxView['payload']): Questions => (payload as { questions?: Questions } | null)?.questions ?? []

/** What a questionnaire or a checklist asks, by its ids: they name the answers. */
function formOf(payload: InboxView['payload']): readonly Pick<Questions[number], 'question' | 'options'>[] {
  const { form } = (payload ?? {}) as { form?: { questions?: readonly FormItem[] } }
  return (form?.questions ?? []).map(({ id, question, title, actions = [], expected_result: expected, options = [] }) => ({
    question: `${id}: ${question ?? [title, ...actions].join(' ')}${expected === undefined ? '' : ` → ${expected}`}`,
    options: options.map((option) => ({ label: `${option.id}: ${option.label}`, description: '' })),
  }))
}
interface FormItem {
  readonly id: string
  readonly question?: string
  readonly title?: string
  readonly actions?: readonly string[]
  readonly expected_result?: string
  readonly options?: readonly { readonly id: string; readonly label: string }[]
}

function described({ id, kind, ticketId, actions, payload, deadline }: InboxView): readonly string[] {
  const asked = [...questionsOf(payload), ...formOf(payload)]
  const questions = asked.flatMap(({ question, options }) => [
    `    ${question}`,
    ...options.map(({ label, description }) => `      - ${label}${description === '' ? '' : `: ${description}`}`),
  ])
  const facts = { ...(payload as object), ...(payload as { form?: object } | null)?.form } as {
    title?: string
    message?: string
    permission?: string
    patterns?: readonly string[]
  }
  const fact = [facts.title, facts.message, facts.permission, facts.patterns?.join(' ')].filter((text) => text !== undefined).join(' ')
  const until = deadline === undefined ? '' : `  declined at ${new Date(deadline).toISOString()}`
  return [`${ticketId}  ${kind}  ${id}  (${actions.join(', ')})${until}`, ...(fact === '' ? [] : [`    ${fact}`]), ...questions]
}

async function oneOf(
  session: Session,
  ticketId: string,
  { kinds, id }: { kinds: readonly string[]; id: string | undefined },
): Promise<InboxView> {
  const { items } = await session.client.inbox.list.query({ ticketId })
  const fitting = (items as readonly InboxView[]).filter((entry) => kinds.includes(entry.kind) && (id === undefined || entry.id === id))
  const [first, ...others] = fitting
  if (!first)
    throw new UsageError(
      `${ticketId} has no open ${kinds.join(' or ')}${id === undefined ? '' : ` ${id}`}. See: looptroop inbox ${ticketId}`,
    )
  if (others.length > 0) throw new UsageError(`Which one? ${fitting.map((entry) => `${entry.kind} ${entry.id}`).join(', ')}`)
  return first
}

interface AnswerOptions {
  readonly request?: string
  readonly reject?: string | true
}

async function answer(session: Session, given: { ticketId: string; answers: readonly string[]; options: AnswerOptions }): Promise<void> {
  const { ticketId, options } = given
  const { client, print } = session
  const entry = await oneOf(session, ticketId, { kinds: ['question', 'permission'], id: options.request })
  const target = { ticketId, requestId: entry.id }
  const reason = typeof options.reject === 'string' ? options.reject : undefined
  if (entry.kind === 'permission') {
    const reply = options.reject === undefined ? (given.answers[0] ?? '') : 'reject'
    if (reply !== 'once' && reply !== 'always' && reply !== 'reject') throw new UsageError('A permission takes: once, always or reject.')
    await client.permissions.reply.mutate({ ...target, reply, message: reason })
  } else if (options.reject !== undefined) await client.questions.reject.mutate({ ...target, reason })
  else {
    const answers = await whileHeld(client, entry, () => answersTo(session, questionsOf(entry.payload), given.answers))
    await client.questions.reply.mutate({ ...target, answers })
  }
  print({ ok: true, ...target }, () => `${ticketId}: ${entry.kind} ${entry.id} is answered`)
}

const HOLD_AGAIN_MS = 60_000
/** What a person is typing an answer to is not declined meanwhile. */
async function whileHeld<T>(client: Session['client'], { ticketId, id, deadline }: InboxView, typing: () => Promise<T>): Promise<T> {
  if (deadline === undefined) return typing()
  // Somebody else was faster: then the answer is told so, when it is sent.
  const hold = (): void => void client.inbox.hold.mutate({ ticketId, id }).catch(() => undefined)
  hold()
  const again = setInterval(hold, HOLD_AGAIN_MS)
  try {
    return await typing()
  } finally {
    clearInterval(again)
  }
}

async function answersTo(session: Session, questions: Questions, given: readonly string[]): Promise<string[][]> {
  const texts = [...given]
  if (texts.length === 0 && session.interactive)
    for (const { question, options, multiple, custom } of questions) {
      const labels = options.map(({ label }) => label).join(' | ')
      const how = [multiple ? 'several, with commas' : 'one', ...(custom ? ['or your own words'] : [])].join(', ')
      texts.push(await session.ask(`${question}\n  ${labels} (${how})\n> `))
    }
  if (texts.length !== questions.length) throw new UsageError(`It asks ${questions.length} questions: give one argument for each.`)
  return questions.map(({ multiple }, i) => {
    const text = texts[i] ?? ''
    return multiple ? text.split(',').map((choice) => choice.trim()) : [text]
  })
}

interface GateOptions {
  readonly gate?: string
  readonly action?: string
  readonly payload?: string
  readonly yes?: boolean
}

interface Shown {
  readonly form?: { readonly kind: string; readonly title: string; readonly beside?: readonly string[] } | undefined
  readonly artifact?: { readonly kind: string; readonly sha256: string } | null
}

async function decide(session: Session, ticketId: string, options: GateOptions): Promise<void> {
  const { client, print, interactive } = session
  const entry = await oneOf(session, ticketId, { kinds: ['gate'], id: options.gate })
  const { artifact = null, form } = (entry.payload ?? {}) as Shown
  const plain = options.action === undefined && options.payload === undefined
  if (interactive && plain && form !== undefined && isForm(form.kind)) {
    const person = { client, ticketId, display: { line: (text = ''): void => void process.stdout.write(`${text}\n`) }, ask: session.ask }
    return fillIn(person, { gateId: entry.id, kind: form.kind, title: form.title })
  }
  const seen = interactive && options.yes !== true ? await show(session, ticketId, { artifact, form }) : null
  const { action, payload } = await decisionOf(session, entry, { options, kind: artifact?.kind })
  const ticket = await client.gates.submit.mutate({
    // The hash that the gate was opened with, or of what was just shown: another one by now is refused.
    ...{ ticketId, gateId: entry.id, action, actionId: `cli-${entry.id}-${action}`, expectedContentSha256: seen ?? artifact?.sha256 },
    ...(payload === undefined ? {} : { payload }),
  })
  print(ticket, () => [`${ticketId}: ${action.replaceAll('_', ' ')} is taken`, `→ looptroop watch ${ticketId}`])
}

/** As the options say; who sits there and named none is asked. */
async function decisionOf(
  session: Session,
  { ticketId, actions }: InboxView,
  { options, kind }: { options: GateOptions; kind: string | undefined },
): Promise<Chosen> {
  const payload = options.payload === undefined ? {} : { payload: parsed(options.payload) }
  const looks = session.interactive && options.yes !== true
  if (looks && options.action === undefined && options.payload === undefined) return chosenAction(session, { ticketId, actions, kind })
  const action = options.action ?? (await usualAction(session, actions))
  if (looks) await confirm(session, action)
  return { action, ...payload }
}

interface Chosen {
  readonly action: string
  readonly payload?: { readonly comment: string }
}
/** Of what the gate offers; what wants a comment is asked for one. An edit is made with a file. */
async function chosenAction(
  { ask }: Session,
  { ticketId, actions, kind }: { ticketId: string; actions: readonly string[]; kind: string | undefined },
): Promise<Chosen> {
  const offered = actions.filter((action) => action !== 'edit')
  const words = offered.map((action, i) => `${i + 1} = ${action.replaceAll('_', ' ')}`).join(', ')
  if (actions.includes('edit') && kind !== undefined) process.stdout.write(`to edit it yourself: looptroop edit ${ticketId} ${kind} FILE\n`)
  const reply = (await ask(`Your decision [${words}; Enter = none] `)).trim()
  const action = offered[Number(reply) - 1] ?? offered.find((one) => one.replaceAll('_', ' ') === reply.replaceAll('_', ' '))
  if (action === undefined) throw new UsageError('Nothing was decided.')
  if (!COMMENTED.includes(action)) return { action }
  const comment = (await ask('What is to be different? ')).trim()
  return { action, ...(comment === '' ? {} : { payload: { comment } }) }
}
const COMMENTED: readonly string[] = ['request_changes', 'regenerate']

async function confirm({ ask }: Session, action: string): Promise<void> {
  if (!/^y(es)?$/i.test(await ask(`${action}? [y/N] `))) throw new UsageError('Nothing was decided.')
}

/** The hash of what was shown. */
async function show(session: Session, ticketId: string, { artifact, form }: Shown): Promise<string | null> {
  const shown = artifact ? await session.client.tickets.artifact.query({ ticketId, kind: artifact.kind }) : null
  const beside = await besideIt(session, ticketId, form?.beside ?? [])
  process.stdout.write([...(shown ? [shown.content, ''] : []), ...beside].map((line) => `${line}\n`).join(''))
  return shown?.contentSha256 ?? null
}

async function usualAction({ interactive, ask }: Session, actions: readonly string[]): Promise<string> {
  if (actions.includes('approve')) return 'approve'
  const chosen = interactive ? await ask(`Which: ${actions.join(', ')}? `) : ''
  if (!actions.includes(chosen)) throw new UsageError(`Name one with --action: ${actions.join(', ')}`)
  return chosen
}

/** What was left open, and where a council was not whole: in the person's eyes before the decision. */
async function besideIt({ client }: Session, ticketId: string, kinds: readonly string[]): Promise<readonly string[]> {
  const there = new Set((await client.tickets.artifacts.query({ ticketId })).map((artifact) => artifact.kind))
  const lines: string[] = []
  for (const kind of kinds.filter((name) => there.has(name))) {
    const { content } = await client.tickets.artifact.query({ ticketId, kind })
    const { gaps = [], degraded = [], not_tried: untried = [] } = (parse(content) ?? {}) as Readonly<Record<string, readonly string[]>>
    lines.push(...gaps.map((gap) => `left open: ${gap}`), ...degraded.map((what) => `degraded: ${what}`))
    lines.push(...untried.map((story) => `not tried by hand: ${story}`), `see also: looptroop artifact ${ticketId} ${kind}`)
  }
  return lines
}

function parsed(text: string): never {
  try {
    return JSON.parse(text) as never
  } catch {
    throw new UsageError('--payload is not JSON.')
  }
}
