/**
 * What a turn changed beside the files that a commit takes, as events for the batch that settles it. A turn that called no tool
 * changed nothing, and looking costs some processes: then nothing is looked at.
 */
import { event } from '../events/events.ts'
import type { NewEvent } from '../events/events.ts'
import type { RemoteMessage } from '../opencode/adapter.ts'
import type { PhaseAt, TurnRecord } from '../store/records.ts'
import type { Marks, Workspace } from '../workspace/index.ts'
import { writtenOutside } from './outside.ts'

/** The same for all turns of a phase's run: members of a council share the worktree. */
export class SideEffects {
  readonly #effects: Workspace['effects']
  readonly #name: string
  #marks: Promise<Marks> | null = null

  constructor(effects: Workspace['effects'], { ticketId, phase, attempt }: PhaseAt & { readonly ticketId: string }) {
    this.#effects = effects
    this.#name = `${ticketId}/${phase}/${attempt}`
  }

  /** Before the first turn that may change something. While a turn is open, what an earlier process marked still counts. */
  async begin(isOpen: () => Promise<boolean>): Promise<void> {
    await (this.#marks ??= isOpen().then((keep) => this.#effects.mark(this.#name, { keep })))
  }

  /** One turn after the other: what the first was told of is not told of the second. */
  async of(turn: TurnRecord, messages: readonly RemoteMessage[]): Promise<readonly NewEvent[]> {
    if (!messages.some(calledTool)) return []
    const { turnId, phase, attempt, prompt, directory, intendedAt } = turn
    const at = { turnId, phase, attempt, prompt }
    const files = await writtenOutside(messages, { directory, since: intendedAt })
    const outside = files.length > 0 ? [event('files.outside', { ...at, files })] : []
    const { ignored, git, more } = await this.#since()
    const beside = ignored.length + git.length > 0 ? [event('files.beside', { ...at, ignored, git, more })] : []
    return [...outside, ...beside]
  }

  async #since(): ReturnType<Workspace['effects']['since']> {
    const before = this.#marks ?? this.#effects.mark(this.#name, { keep: true })
    const looked = before.then((marks) => this.#effects.since(marks))
    // One that failed is thrown to its turn; the next begins where it began.
    this.#marks = looked.then(
      ({ now }) => now,
      () => before,
    )
    this.#marks.catch(() => undefined)
    return looked
  }
}

const calledTool = ({ parts }: RemoteMessage): boolean => parts.some((part) => part.type === 'tool' && part.state !== 'pending')
