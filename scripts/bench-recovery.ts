/**
 * `npm run bench:recovery [-- --rounds N] [--tickets 0,10,100,1000] [--events 1000,1000000] [--only startup|prompt|events]`:
 * start-up with many tickets whatever OpenCode does, the overhead of an owned prompt, the cost of a long log. Ratios are of
 * one run; the last line is one JSON object.
 */
import { parseArgs } from 'node:util'
import { benchEvents } from './bench/events.ts'
import { benchPrompt } from './bench/prompt-overhead.ts'
import { benchStartUp } from './bench/start-up.ts'

async function main(argv: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args: [...argv], options: { rounds: text, tickets: text, events: text, only: text } })
  const numbers = (given: string | undefined): readonly number[] | undefined => given?.split(',').map(Number)
  const wanted = (name: string): boolean => values.only === undefined || values.only === name
  const [few, many] = numbers(values.events) ?? [1_000, 1_000_000]
  const result = {
    ...(wanted('prompt') ? { prompt: await benchPrompt(Number(values.rounds ?? 100)) } : {}),
    ...(wanted('startup') ? { startUp: await benchStartUp(numbers(values.tickets)) } : {}),
    ...(wanted('events') ? { events: await benchEvents([few ?? 1_000, many ?? 1_000_000]) } : {}),
  }
  console.log(`\n${JSON.stringify(result)}`)
}

await main(process.argv.slice(2))
