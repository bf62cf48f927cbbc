/** A ticket's events as lines a person can follow; one status line at the bottom when the output is a terminal. */
import { spentInWords } from '#core'
import type { DurableEvent, EventBatch } from '#core'
import { NOTHING_SPENT, plus, spentBy } from '#core/events'
import type { Spent } from '#core/events'

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
        for (const text of describe(event, { bold, dim })) print(text)
        if (event.type === 'text') state.stream = ''
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

interface Styles {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
}
type Describe = {
  readonly [T in DurableEvent['type']]?: (data: Extract<DurableEvent, { type: T }>['data'], styles: Styles) => readonly string[]
}

/** What a person wants to read; every other event is counted only. */
const LINES: Describe = {
  'ticket.started': (d) => [`branch ${d.branch}, ${d.phases.length} phases: ${d.phases.map((p) => p.label).join(' → ')}`],
  'phase.entered': (d, { bold }) => ['', bold(`▶ ${d.label}`) + (d.attempt > 1 ? ` (attempt ${d.attempt})` : '')],
  'turn.sent': (d, { dim }) => [dim(`  asked the model: ${d.prompt}`)],
  text: (d) => firstLines(withoutBlocks(d.text), 3).map((l) => `  │ ${l}`),
  tool: (d, { dim }) =>
    d.state === 'running'
      ? []
      : [
          `  ⚙ ${d.tool} ${dim(printable(d.title ?? shortInput(d.input)))}${d.state === 'error' ? ` failed: ${firstLines(d.output ?? '', 1).join('')}` : ''}`,
        ],
  'command.finished': (d, { bold }) => [
    bold(`  ${d.exitCode === 0 ? '✔' : '✘'} the server ran: ${d.command}`) + ` → exit ${d.exitCode ?? 'none'} in ${d.durationMs} ms`,
  ],
  'item.changed': (d) => (d.commit ? [`  ● ${d.title}: ${d.state}, commit ${d.commit.slice(0, 10)}`] : []),
  'prompt.invalid': (d) => [`  the answer did not validate: ${firstLines(d.problem, 1).join('')}; asking again`],
  'attempt.failed': (d) => [`  attempt ${d.attempt} failed: ${d.message}`],
  'context.trimmed': (d) => [`  context trimmed: ${d.trims.map((t) => t.source).join(', ')}`],
  'session.status': (d) => [`  OpenCode waits for the provider: ${d.message ?? d.status}`],
  'ticket.blocked': (d, { bold }) => [bold(`  ✘ blocked (${d.code}): ${d.message}`), `    ${d.hint}`],
}

function describe(event: DurableEvent, styles: Styles): readonly string[] {
  const lines = LINES[event.type] as ((data: unknown, styles: Styles) => readonly string[]) | undefined
  return lines?.(event.data, styles) ?? []
}

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
/** Agent output cannot move the cursor or forge lines. */
// oxlint-disable-next-line no-control-regex -- control characters are what it takes out
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
