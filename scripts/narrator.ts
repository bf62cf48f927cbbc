/** A ticket's events in words: which phase, who is asked, what was decided and why. For the demo and for `looptroop watch`. */
import type { DurableEvent, EventData } from '#core'

export interface Styles {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
}
type Lines = readonly string[]
type Telling = { readonly [T in DurableEvent['type']]?: (data: EventData[T], on: Known) => Lines }
interface Known extends Styles {
  readonly phases: EventData['ticket.started']['phases']
}

export class Narrator {
  readonly #styles: Styles
  #phases: Known['phases'] = []
  constructor(styles: Styles) {
    this.#styles = styles
  }

  /** What happens to the ticket. Every other event is somebody else's to show, or nobody's. */
  lines(event: DurableEvent): Lines {
    if (event.type === 'ticket.started') this.#phases = event.data.phases
    const tell = TICKET[event.type] as ((data: unknown, on: Known) => Lines) | undefined
    return tell?.(event.data, { ...this.#styles, phases: this.#phases }) ?? []
  }
}

/** `draft`, `audit 1`, `clean-slugs 2, mending 1`: a prompt's name without the model, which is told beside it. */
export const promptInWords = (prompt: string, model = ''): string =>
  (model !== '' && prompt.endsWith(`:${model}`) ? prompt.slice(0, -model.length - 1) : prompt)
    .replace(/:repair(\d+)$/, ', mending $1')
    .replaceAll(':', ' ')

/** Agent output cannot move the cursor or forge lines. */
// oxlint-disable-next-line no-control-regex -- control characters are what it takes out
export const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')

const hashInWords = (sha256: string | null): string => (sha256 === null ? '' : ` (${sha256.slice(0, 10)})`)
const AGAIN: Readonly<Record<string, string>> = {
  reattempt: 'begun again after a failure',
  retry: 'a person asked for it',
  edit: 'a document that it read was edited',
}

const TICKET: Telling = {
  'ticket.started': (d) => [
    `branch ${d.branch}, ${d.phases.length} phases:`,
    ...[...new Set(d.phases.map((p) => p.group))].map(
      (group) => `  ${group}: ${d.phases.flatMap((p) => (p.group === group ? [p.label] : [])).join(' → ')}`,
    ),
  ],
  'phase.entered': (d, { bold, phases }) => {
    const at = phases.findIndex((p) => p.phase === d.phase)
    const again = [...(d.attempt > 1 ? [`attempt ${d.attempt}`] : []), ...(AGAIN[d.reason] === undefined ? [] : [AGAIN[d.reason]])]
    return ['', bold(`▶ ${at < 0 ? '' : `${at + 1}/${phases.length} `}${d.label}`) + (again.length > 0 ? ` (${again.join(', ')})` : '')]
  },
  'phase.left': ({ phase, outcome, next }, { phases }) => {
    const [from, to] = [phase, next].map((id) => phases.findIndex((p) => p.phase === id))
    const label = phases[to ?? -1]?.label
    if (label === undefined || to === (from ?? 0) + 1) return [] // what comes next is told as it begins
    return [`  → ${outcome}: ${to !== undefined && to <= (from ?? 0) ? 'back' : 'on'} to “${label}”`]
  },
  plugin: ({ name, data }) =>
    name === 'told' ? ((data as { lines?: Lines } | null)?.lines ?? []).map((line) => `  · ${printable(line)}`) : [],
  'gate.opened': (d, { bold }) => [
    bold(`  ? ${d.title}`) + `: ${d.actions.join(', ')}${d.artifact === null ? '' : ` · ${d.artifact}${hashInWords(d.sha256)}`}`,
  ],
  'gate.decided': (d) => [`  → a person decided: ${d.action}${hashInWords(d.sha256)}`],
  'gate.closed': (d) => [`  → no longer asked: ${d.reason}`],
  'question.asked': (d, { bold }) => [
    ...(d.questions as readonly { question?: string }[]).map((q) => bold(`  ? the model asks: ${printable(q.question ?? '')}`)),
  ],
  'question.closed': (d) => [`  → ${d.how}: ${printable((d.answers as Lines[] | null)?.flat().join(', ') ?? d.reason ?? '')}`],
  'permission.asked': (d, { bold }) => [bold(`  ? the model asks for a permission: ${d.permission} ${printable(d.patterns.join(' '))}`)],
  'permission.closed': (d) => [`  → ${d.how}${d.reason === null ? '' : `: ${printable(d.reason)}`}`],
  'artifact.saved': (d, { dim }) => [dim(`  saved ${d.kind}, revision ${d.revision}${hashInWords(d.sha256)}`)],
  'artifact.edited': (d) => [`  ✎ a person edited ${d.kind}${hashInWords(d.sha256)}${d.back === null ? '' : `: back to ${d.back}`}`],
  'artifact.voided': (d) => [`  ✗ void by that: ${d.kind}, revision ${d.revision}${d.approved ? ', which was approved' : ''}`],
  'item.changed': (d) => {
    if (d.state === 'done') return [`  ● ${printable(d.title)}: done${d.commit === null ? '' : `, commit ${d.commit.slice(0, 10)}`}`]
    if (d.state === 'in_progress')
      return [`  ○ ${printable(d.title)} [${d.id}]${d.iteration > 1 ? `, try ${d.iteration} in a fresh session` : ''}`]
    return d.state === 'error' ? [`  ✘ ${printable(d.title)}: given up`] : []
  },
  'command.finished': (d, { bold }) => [
    bold(`  ${d.exitCode === 0 ? '✔' : '✘'} the server ran: ${printable(d.command)}`) +
      ` → ${d.timedOut ? 'ran into its time limit' : `exit ${d.exitCode ?? 'none'}`} in ${d.durationMs} ms`,
  ],
  'hooks.checked': (d, { bold }) => [
    ...d.ran.map((one) => {
      const end = one.timedOut ? 'ran into its time limit' : `exit ${one.exitCode ?? 'none'}`
      const last = one.exitCode === 0 ? '' : `: ${printable(one.output.trim().split('\n').at(-1) ?? '')}`
      return bold(`  ${one.exitCode === 0 ? '✔' : '✘'} git hook ${one.hook}`) + ` → ${end}${last}`
    }),
    ...d.left.map((one) => `  git hook ${one.hook} did not run: ${one.why}`),
    ...(d.changed.length > 0 ? [`  the hooks changed ${printable(d.changed.join(', '))}`] : []),
  ],
  'files.outside': (d) =>
    d.files.map((file) => `  ! ${file.written ? 'changed' : 'named'} outside the worktree, by ${file.tool}: ${printable(file.path)}`),
  'files.beside': (d) => (d.git.length > 0 ? [`  ! changed meanwhile in git itself: ${printable(d.git.join(', '))}`] : []),
  'prompt.invalid': (d) => [
    `  the answer did not validate: ${printable(d.problem.split('\n')[0] ?? '')}${d.again ? '; asking again' : ''}`,
  ],
  'prompt.recorded': (d, { dim }) => [
    ...(d.ok ? [] : [`  ✘ ${promptInWords(d.prompt)} has no answer: ${d.why ?? 'failed'}`]),
    ...(d.repairs.length > 0 ? [dim(`  read with care: ${printable(d.repairs.join('; '))}`)] : []),
  ],
  'attempt.failed': (d) => [`  ✘ attempt ${d.attempt} failed: ${printable(d.message)}${d.again === null ? '' : '; it is begun again'}`],
  'context.trimmed': (d) => [`  context trimmed: ${d.trims.map((t) => t.source).join(', ')}`],
  'session.status': (d) => [`  OpenCode waits for the provider: ${printable(d.message ?? d.status)}`],
  'limit.reached': (d) => [
    d.until === null
      ? `  the ${d.scope} may spend ${d.limit} (${d.unit}) and has spent ${d.used}: a person can raise it`
      : `  the provider's limit is used up until ${new Date(d.until).toISOString()}; it goes on by itself then`,
  ],
  'lease.waiting': (d) => [`  waits for the project's execution lease${d.holder === null ? '' : `, which ${d.holder} holds`}`],
  'ticket.proposed': (d) => [
    `  + ${d.proposed === null ? 'a draft that was deleted since' : `draft ticket ${d.proposed}`}: ${printable(d.title)}`,
  ],
  'ticket.blocked': (d, { bold }) => [bold(`  ✘ blocked (${d.code}): ${printable(d.message)}`), `    ${printable(d.hint)}`],
  'turn.uncertain': (d) => [`  what became of ${promptInWords(d.prompt)} cannot be told: ${printable(d.problem)}`],
  'turn.ran_twice': (d) => [`  OpenCode answered ${promptInWords(d.prompt)} ${d.chains} times`],
  recovered: (d) => [`  taken up after a restart: ${d.found}; ${d.did}`],
}
