/** A ticket's events as lines a person can follow; one status line at the bottom when the output is a terminal. */
import { spentInWords } from '#core'
import type { DurableEvent, EventBatch } from '#core'
import { NOTHING_SPENT, plus, spentBy } from '#core/events'
import type { Spent } from '#core/events'
import { Narrator, printable, promptInWords } from '../narrator.ts'
import type { Styles } from '../narrator.ts'

export interface Output {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}
export interface Display {
  show(batch: Pick<EventBatch, 'events' | 'live'>): void
  line(text?: string): void
  readonly counts: { events: number; turns: number; tools: number; spent: Spent }
  end(): void
}

const CSI = '\u001b['

export function createDisplay(out: Output, now: () => number = Date.now): Display {
  const tty = out.isTTY === true
  const style = (code: number, text: string): string => (tty ? `${CSI}${code}m${text}${CSI}0m` : text)
  const bold = (text: string): string => style(1, text)
  const dim = (text: string): string => style(2, text)
  const narrator = new Narrator({ bold, dim })
  const started = now()
  const counts = { events: 0, turns: 0, tools: 0, spent: NOTHING_SPENT }
  const state = { phase: '', stream: '', ended: false }
  const elapsed = (): string => `${((now() - started) / 1000).toFixed(1).padStart(5)}s`

  const clear = (): void => void (tty && out.write(`\r${CSI}K`))
  const line = (text = ''): void => {
    clear()
    out.write(`${text}\n`)
    status()
  }
  const status = (): void => {
    if (!tty || state.ended) return
    const words = ` ${elapsed()}  ${state.phase}  ${counts.tools} tools · ${spentInWords(counts.spent)}  ${printable(state.stream).slice(-60)}`
    out.write(`\r${CSI}K${dim(words.slice(0, (out.columns ?? 100) - 1))}`)
  }
  const print = (text: string): void => line(`${dim(elapsed())}  ${text}`)

  return {
    counts,
    line,
    show(batch) {
      for (const event of batch.events) {
        count(counts, event)
        if (event.type === 'phase.entered') state.phase = event.data.label
        for (const text of [...narrator.lines(event), ...describe(event, { bold, dim })]) print(text)
        if (event.type === 'text' || event.type === 'turn.settled') state.stream = ''
      }
      for (const live of batch.live) if (live.type === 'delta' && live.kind === 'text') state.stream += live.text
      status()
    },
    end: () => {
      state.ended = true
      clear()
    },
  }
}

function count(counts: Display['counts'], event: DurableEvent): void {
  counts.events += 1
  if (event.type === 'turn.settled') {
    counts.turns += 1
    counts.spent = plus(counts.spent, spentBy({ ...event.data, untold: event.data.untold ?? 0 }))
  }
  if (event.type === 'tool' && event.data.state !== 'running') counts.tools += 1
}

type Describe = {
  readonly [T in DurableEvent['type']]?: (data: Extract<DurableEvent, { type: T }>['data'], styles: Styles) => readonly string[]
}

/** What the model is asked and says; what happens to the ticket is the narrator's. */
const TURNS: Describe = {
  'turn.intended': (d, { dim }) => [
    dim(`  asked ${d.model}: ${promptInWords(d.prompt, d.model)}${d.reason === 'first' ? '' : ` (${d.reason.replaceAll('_', ' ')})`}`),
  ],
  text: (d) => firstLines(withoutBlocks(d.text), 3).map((l) => `  │ ${whoOf(d.prompt)}${l}`),
  tool: (d, { dim }) =>
    d.state === 'running'
      ? []
      : [
          `  ⚙ ${whoOf(d.prompt)}${d.tool} ${dim(printable(d.title ?? shortInput(d.input)))}${d.state === 'error' ? ` failed: ${firstLines(d.output ?? '', 1).join('')}` : ''}`,
        ],
}

function describe(event: DurableEvent, styles: Styles): readonly string[] {
  const lines = TURNS[event.type] as ((data: unknown, styles: Styles) => readonly string[]) | undefined
  return lines?.(event.data, styles) ?? []
}

/** Of several that speak at once. */
const whoOf = (prompt: string): string => (prompt.includes('/') ? `${prompt.split(':').at(-1)}: ` : '')

/** Machine-readable blocks are the server's to read. */
const withoutBlocks = (text: string): string => text.replace(/<([A-Z_]+)>[^]*?<\/\1>/g, '').trim()
const firstLines = (text: string, n: number): readonly string[] => {
  const lines = text
    .split('\n')
    .map(printable)
    .filter((l) => l.trim() !== '')
  return lines.length > n ? [...lines.slice(0, n), `… ${lines.length - n} more lines`] : lines
}
const shortInput = (input: unknown): string => JSON.stringify(input)?.slice(0, 80) ?? ''
