/** What is open now: the text so far of parts that the model is writing, tools at work, sessions that are busy. */
import type { LiveEvent, Progress } from './live.ts'

export interface OpenPart {
  readonly turnId: string
  readonly partId: string
  readonly kind: 'text' | 'reasoning'
  text: string
}

export class OpenParts {
  readonly #byTicket = new Map<string, Map<string, OpenPart>>()
  readonly #progress = new Map<string, Map<string, Progress>>()

  grow(ticketId: string, part: Readonly<OpenPart>): LiveEvent {
    const open = this.#byTicket.get(ticketId)?.get(part.partId) ?? this.#open(ticketId, part)
    const live: LiveEvent = { type: 'delta', ...part, offset: open.text.length }
    open.text += part.text
    return live
  }
  #open(ticketId: string, part: Readonly<OpenPart>): OpenPart {
    const parts = this.#byTicket.get(ticketId) ?? new Map<string, OpenPart>()
    const open = { ...part, text: '' }
    this.#byTicket.set(ticketId, parts.set(part.partId, open))
    return open
  }
  /** The latest of a part, or of a session's activity. */
  show(ticketId: string, live: Progress): void {
    const known = this.#progress.get(ticketId) ?? new Map<string, Progress>()
    const key = live.type === 'session.activity' ? `${live.turnId}:${live.owner ?? ''}` : live.partId
    if (live.type === 'session.activity' && live.status === 'idle') known.delete(key)
    else known.set(key, live)
    this.#progress.set(ticketId, known)
  }
  /** Nothing of the turn goes on. */
  closeTurn(ticketId: string, turnId: string): void {
    const known = this.#progress.get(ticketId)
    for (const [key, live] of known ?? []) if (live.turnId === turnId) known?.delete(key)
    if (known?.size === 0) this.#progress.delete(ticketId)
  }
  close(ticketId: string, partId: string): void {
    const parts = this.#byTicket.get(ticketId)
    parts?.delete(partId)
    this.#progress.get(ticketId)?.delete(partId)
    if (parts?.size === 0) this.#byTicket.delete(ticketId)
  }
  snapshots(ticketId: string): LiveEvent[] {
    const texts = [...(this.#byTicket.get(ticketId)?.values() ?? [])].map((part): LiveEvent => ({ type: 'part.snapshot', ...part }))
    return [...texts, ...(this.#progress.get(ticketId)?.values() ?? [])]
  }
}
