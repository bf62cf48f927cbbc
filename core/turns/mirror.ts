/**
 * The messages of a session as the stream's durable events told them: what a read-back would give, without asking. Whole
 * only from a moment at which nothing of the turn existed, and only while the stream was never interrupted since.
 */
import type { OpencodeEvent, RemoteMessage, RemotePart } from '../opencode/adapter.ts'

type Info = Omit<RemoteMessage, 'parts'>

export class Mirror {
  readonly #messages = new Map<string, { info: Info; readonly parts: Map<string, RemotePart> }>()
  /** False as soon as something may have been missed. */
  #whole: boolean

  constructor(whole: boolean) {
    this.#whole = whole
  }

  interrupted(): void {
    this.#whole = false
  }

  message({ message }: OpencodeEvent & { type: 'message.updated' }): void {
    const known = this.#messages.get(message.id)
    if (known) known.info = message
    else this.#messages.set(message.id, { info: message, parts: new Map() })
  }

  part({ messageId, part }: OpencodeEvent & { type: 'part.updated' }): void {
    const message = this.#messages.get(messageId)
    if (message) message.parts.set(part.id, part)
    else this.#whole = false // a part without its message: its beginning was missed
  }

  /** Oldest first; null when it may lack something, or does not hold the turn's own message. */
  messages(turnId: string): readonly RemoteMessage[] | null {
    if (!this.#whole || !this.#messages.has(turnId)) return null
    return [...this.#messages.values()].map(({ info, parts }) => ({ ...info, parts: [...parts.values()] }))
  }
}
