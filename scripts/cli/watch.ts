/** `looptroop watch`: a ticket as it goes on, readable, across cuts and restarts of the server; with --json one event a line. */
import type { Command } from 'commander'
import { spentInWords, TICKET_STATUSES, type DurableEvent } from '#core'
import type { WatchedPart, WatchedTicket } from '#router'
import { EXIT, withSession, type Session } from './session.ts'

const [, , , blocked, completed, canceled] = TICKET_STATUSES
const ENDS: Readonly<Record<string, number>> = { [completed]: EXIT.done, [canceled]: EXIT.canceled, [blocked]: EXIT.blocked }

export function watchCommand(program: Command): void {
  program
    .command('watch <ticket>')
    .description('follow a ticket until it ends or is blocked')
    .option('--reasoning', "show the model's reasoning too")
    .option('--follow', 'stay when it is blocked')
    .action((ticketId: string, options: WatchOptions) =>
      withSession(program.opts(), (session) =>
        session.json ? printEvents(session, ticketId, options) : printViews(session, ticketId, options),
      ),
    )
}
interface WatchOptions {
  readonly reasoning?: boolean
  readonly follow?: boolean
}

const endOf = (status: string, { follow }: WatchOptions): number | undefined =>
  status === blocked && follow === true ? undefined : ENDS[status]

/** Number of the last event by now: only from there on a status is today's, and not one that the replay passes by. */
async function lastSeq({ client }: Session, ticketId: string): Promise<number> {
  let seq = 0
  for (let after: string | undefined; ;) {
    const { items, next } = await client.events.history.query({ ticketId, after, limit: 1_000 })
    seq = items.at(-1)?.seq ?? seq
    if (next === undefined) return seq
    after = next
  }
}

async function printEvents(session: Session, ticketId: string, options: WatchOptions): Promise<number> {
  const today = await lastSeq(session, ticketId)
  let status = ''
  return new Promise<number>((resolve, reject) => {
    const onData = ({ data }: { readonly data: { readonly events: readonly DurableEvent[] } }): void => {
      for (const event of data.events) {
        process.stdout.write(`${JSON.stringify(event)}\n`)
        if (event.type === 'ticket.status') status = event.data.status
        const end = event.type === 'ticket.deleted' ? EXIT.notFound : event.seq >= today ? endOf(status, options) : undefined
        if (end === undefined) continue
        subscription.unsubscribe()
        return resolve(end)
      }
    }
    const subscription = session.client.events.onTicket.subscribe(
      { ticketId },
      { onData: (batch) => onData(batch as Parameters<typeof onData>[0]), onError: reject },
    )
  })
}

async function printViews(session: Session, ticketId: string, options: WatchOptions): Promise<number> {
  const today = await lastSeq(session, ticketId)
  const pen = new Pen(options.reasoning === true)
  for await (const view of session.client.watch(ticketId)) {
    pen.draw(view)
    const seq = Number(view.id?.split('.').at(-1))
    const end = view.deleted ? EXIT.notFound : seq >= today ? endOf(view.status, options) : undefined
    if (end === undefined) continue
    pen.end(view)
    return end
  }
  return EXIT.done
}

/** Prints what is new in each view: whole lines, and texts as they grow. */
class Pen {
  readonly #reasoning: boolean
  readonly #said = new Set<string>()
  readonly #written = new Map<string, number>()
  #writing: string | null = null
  #paused: WatchedTicket['paused'] = null

  constructor(reasoning: boolean) {
    this.#reasoning = reasoning
  }

  draw(view: WatchedTicket): void {
    this.#once(`title:${view.title}`, `${view.ticketId}  ${view.title}`)
    if (view.paused !== this.#paused)
      this.#say(view.paused === null ? '   resumed' : `   paused (${view.paused}): nothing new begins until it is resumed`)
    this.#paused = view.paused
    for (const turn of view.turns) {
      const label = view.phases.find((row) => row.phase === turn.phase)?.label ?? turn.phase
      this.#once(`turn:${turn.turnId}`, `\n── ${label} · ${turn.prompt} · ${turn.model ?? ''}`)
      for (const part of turn.parts) this.#part(part)
      if (turn.note !== null) this.#once(`note:${turn.turnId}:${turn.note}`, `   … ${turn.note}`)
    }
    for (const { id, title, state } of view.beads) this.#once(`bead:${id}:${state}`, `   bead ${id} ${state}: ${title}`)
    for (const { kind, revision } of view.artifacts) this.#once(`artifact:${kind}:${revision}`, `   saved ${kind} (revision ${revision})`)
    for (const { id, kind } of view.waiting) {
      const how = kind === 'gate' ? `looptroop approve ${view.ticketId}` : `looptroop answer ${view.ticketId}`
      this.#once(`waiting:${id}`, `   waits for you: ${kind} ${id} → ${how}`)
    }
  }

  end({ status, blocked: why, spent, deleted }: WatchedTicket): void {
    this.#break()
    if (deleted) return void process.stdout.write('\ndeleted\n')
    const reason = why ? `: ${why.code} ${why.message}\n→ ${why.hint} (${why.actions.join(', ')})` : ''
    process.stdout.write(`\n${status}${reason} · ${spentInWords(spent)}\n`)
  }

  #part(part: WatchedPart): void {
    if (part.tool) {
      const { tool, state, title } = part.tool
      return this.#once(`tool:${part.partId}:${state}`, `   ${tool} ${state}${title === null ? '' : `: ${title}`}`)
    }
    if (part.kind === 'reasoning' && !this.#reasoning) return
    const from = this.#written.get(part.partId) ?? 0
    if (part.text.length <= from) return
    if (this.#writing !== part.partId) this.#break()
    this.#writing = part.partId
    this.#written.set(part.partId, part.text.length)
    process.stdout.write(plain(part.text.slice(from)))
  }

  #once(key: string, text: string): void {
    if (this.#said.has(key)) return
    this.#said.add(key)
    this.#say(text)
  }

  #say(text: string): void {
    this.#break()
    process.stdout.write(`${plain(text)}\n`)
  }

  #break(): void {
    if (this.#writing !== null) process.stdout.write('\n')
    this.#writing = null
  }
}

/** What a model writes may hold sequences that move the cursor or forge lines of the terminal. */
// eslint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
