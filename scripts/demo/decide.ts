/** The person's part in the demo: the plan is shown and decided on, questions are answered. */
import { createInterface } from 'node:readline/promises'
import { parse } from 'yaml'
import type { LoopTroopClient } from '#router'
import type { DurableEvent } from '#core'
import type { Display } from './display.ts'

export interface Person {
  readonly client: LoopTroopClient
  readonly ticketId: string
  readonly display: Display
  /** Asks at the terminal; null decides by itself and says so. */
  readonly ask: ((question: string) => Promise<string>) | null
}

export function terminalAsk(yes: boolean): { ask: Person['ask']; close: () => void } {
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) return { ask: null, close: () => {} }
  const reader = createInterface({ input: process.stdin, output: process.stdout })
  return { ask: (question) => reader.question(question), close: () => reader.close() }
}

export async function decide(person: Person, event: DurableEvent): Promise<void> {
  if (event.type === 'gate.opened') await approvePlan(person, event.data)
  if (event.type === 'question.asked') await answer(person, event.data.requestId)
}

interface Plan {
  readonly beads?: readonly { readonly id: string; readonly title: string; readonly test_commands?: readonly string[] }[]
}

async function approvePlan(
  { client, ticketId, display, ask }: Person,
  gate: { gateId: string; artifact: string | null; title: string },
): Promise<void> {
  const artifact = gate.artifact === null ? null : await client.tickets.artifact.query({ ticketId, kind: gate.artifact })
  display.line()
  display.line(`  ${gate.title}:`)
  const plan = parse(artifact?.content ?? '') as Plan | null
  for (const [i, bead] of (plan?.beads ?? []).entries()) {
    display.line(`    ${i + 1}. ${bead.title}  [${bead.id}]`)
    display.line(`       proven by: ${(bead.test_commands ?? []).join(' && ')}`)
  }
  const reply = ask ? (await ask('  Approve? [Enter = yes, or say what to change] ')).trim() : ''
  const approve = reply === '' || /^y(es)?$/i.test(reply)
  display.line(approve ? '  → approved, by the hash of what was shown' : '  → changes requested')
  const actionId = `demo:${gate.gateId}`
  if (approve)
    await client.tickets.approve.mutate({
      ticketId,
      gateId: gate.gateId,
      actionId,
      ...(artifact ? { expectedContentSha256: artifact.contentSha256 } : {}),
    })
  else await client.tickets.requestChanges.mutate({ ticketId, gateId: gate.gateId, actionId, payload: { comment: reply } })
}

async function answer({ client, ticketId, display, ask }: Person, requestId: string): Promise<void> {
  const { items } = await client.questions.list.query({ ticketId })
  const asked = items.find((item) => item.requestId === requestId)
  if (!asked) return // answered elsewhere meanwhile
  const answers: string[][] = []
  for (const { question, options } of asked.questions) {
    display.line()
    display.line(`  The model asks: ${question}`)
    for (const [i, option] of options.entries()) display.line(`    ${i + 1}. ${option.label}: ${option.description}`)
    const reply = ask ? (await ask('  Your answer [number or your own words] ')).trim() : '1'
    const chosen = options[Number(reply) - 1]?.label ?? (reply === '' ? options[0]?.label : reply) ?? 'yes'
    display.line(`  → ${chosen}`)
    answers.push([chosen])
  }
  await client.questions.reply.mutate({ ticketId, requestId, answers })
}
