/** `looptroop watch`: a ticket as it goes on, readable, across cuts and restarts of the server; with --json one event a line. */
import type { Command } from 'commander'
import { spentInWords, TICKET_STATUSES, type DurableEvent } from '#core'
import { applyBatch, emptyView, type WatchedPart, type WatchedTicket } from '#router'
import { Narrator, promptInWords } from '../narrator.ts'
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

/** Event by event, so that a replay reads as it happened; texts as they grow. */
async function printViews(session: Session, ticketId: string, options: WatchOptions): Promise<number> {
  const today = await lastSeq(session, ticketId)
  const pen = new Pen(options.reasoning === true)
  let view = emptyView(ticketId)
  return new Promise<number>((resolve, reject) => {
    const onData = (id: string, { events, live }: Told): void => {
      if (live.some((one) => one.type === 'gap')) view = emptyView(ticketId)
      for (const event of events) {
        view = applyBatch(view, { id: event.id, events: [event], live: [] })
        pen.event(event, view)
      }
      const growing = live.filter((one) => one.type !== 'gap')
      view = applyBatch(view, { id, events: [], live: growing })
      for (const one of growing) pen.turn(view, one.turnId)
      const seq = events.at(-1)?.seq ?? 0
      const end = view.deleted ? EXIT.notFound : seq >= today ? endOf(view.status, options) : undefined
      if (end === undefined) return
      subscription.unsubscribe()
      pen.end(view)
      resolve(end)
    }
    const subscription = session.client.events.onTicket.subscribe(
      { ticketId },
      { onData: ({ id, data }) => onData(id, data as unknown as Told), onError: reject },
    )
  })
}
type Told = Omit<Parameters<typeof applyBatch>[1], 'id'>

/** Prints what is new: whole lines, and texts as they grow. */
class Pen {
  readonly #reasoning: boolean
  readonly #said = new Set<string>()
  readonly #written = new Map<string, number>()
  readonly #narrator = new Narrator({ bold: (text) => text, dim: (text) => text })
  #writing: string | null = null

  constructor(reasoning: boolean) {
    this.#reasoning = reasoning
  }

  event(event: DurableEvent, view: WatchedTicket): void {
    if (event.type === 'ticket.created') this.#say(`${view.ticketId}  ${event.data.title}`)
    if (event.type === 'ticket.paused') this.#say(`   paused (${event.data.by}): nothing new begins until it is resumed`)
    if (event.type === 'ticket.resumed') this.#say('   resumed')
    for (const line of this.#narrator.lines(event)) this.#say(line)
    if (event.type === 'gate.opened') this.#say(`    waits for you: gate ${event.data.gateId} → looptroop approve ${view.ticketId}`)
    if (event.type === 'question.asked' || event.type === 'permission.asked')
      this.#say(`    waits for you: ${event.type.split('.')[0]} ${event.data.requestId} → looptroop answer ${view.ticketId}`)
    if ('turnId' in event.data) this.turn(view, event.data.turnId)
  }

  turn(view: WatchedTicket, turnId: string): void {
    const turn = view.turns.find((one) => one.turnId === turnId)
    if (!turn) return
    this.#once(`turn:${turnId}`, `  asked ${turn.model ?? 'the model'}: ${promptInWords(turn.prompt, turn.model ?? '')}`)
    for (const part of turn.parts) this.#part(part, turn.prompt)
    if (turn.note !== null) this.#once(`note:${turnId}:${turn.note}`, `    … ${turn.note}`)
  }

  end({ status, blocked: why, spent, deleted }: WatchedTicket): void {
    this.#break()
    if (deleted) return void process.stdout.write('\ndeleted\n')
    const reason = why ? `: ${why.code} ${why.message}\n→ ${why.hint} (${why.actions.join(', ')})` : ''
    process.stdout.write(`\n${status}${reason} · ${spentInWords(spent)}\n`)
  }

  #part(part: WatchedPart, prompt: string): void {
    if (part.tool) {
      const { tool, state, title } = part.tool
      return this.#once(`tool:${part.partId}:${state}`, `  ⚙ ${tool} ${state}${title === null ? '' : `: ${title}`}`)
    }
    if (part.kind === 'reasoning' && !this.#reasoning) return
    const from = this.#written.get(part.partId) ?? 0
    if (part.text.length <= from) return
    if (this.#writing !== part.partId) {
      this.#break()
      // Several may speak at once: each is named when it begins, and when it goes on after another.
      if (prompt.includes('/')) process.stdout.write(`  ${prompt.split(':').at(-1)}: `)
    }
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
