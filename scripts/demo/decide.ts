/** The person's part in the demo: the plan is shown and decided on, questions are answered. */
import { parse } from 'yaml'
import type { DurableEvent } from '#core'
import type { Person } from './person.ts'
import { createAsker } from './asker.ts'
import { fillIn, isForm } from './forms.ts'

export function terminalAsk(yes: boolean): { ask: Person['ask']; close: () => void } {
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) return { ask: null, close: () => {} }
  return createAsker(process.stdin, process.stdout)
}

export async function decide(person: Person, event: DurableEvent): Promise<void> {
  if (event.type === 'gate.opened') await (isForm(event.data.kind) ? fillIn(person, event.data) : approvePlan(person, event.data))
  if (event.type === 'question.asked') await answer(person, event.data.requestId)
}

const SHOWN_LINES = 14

interface Plan {
  readonly beads?: readonly { readonly id: string; readonly title: string; readonly test_commands?: readonly string[] }[]
}

interface Gate {
  readonly gateId: string
  readonly artifact: string | null
  readonly title: string
  readonly actions: readonly string[]
}

async function approvePlan(person: Person, gate: Gate): Promise<void> {
  const { client, ticketId, display, ask } = person
  const artifact = gate.artifact === null ? null : await client.tickets.artifact.query({ ticketId, kind: gate.artifact })
  display.line()
  for (const text of shown(artifact?.content ?? '')) display.line(`    ${text}`)
  const other = gate.actions.find((action) => action === 'request_changes' || action === 'regenerate')
  const reply = ask ? (await ask(`  Approve? [Enter = yes${other ? ', or say what to change' : ''}] `)).trim() : ''
  const approve = other === undefined || reply === '' || /^y(es)?$/i.test(reply)
  await client.gates.submit.mutate({
    ...{ ticketId, gateId: gate.gateId, actionId: `demo:${gate.gateId}` },
    ...(approve ? { action: 'approve' } : { action: other, payload: { comment: reply } }),
    ...(artifact ? { expectedContentSha256: artifact.contentSha256 } : {}),
  })
}

/** A plan as its beads, any other document as its first lines. */
function shown(content: string): readonly string[] {
  const plan = parse(content) as Plan | null
  if (!plan?.beads) return content.split('\n').slice(0, SHOWN_LINES)
  return plan.beads.flatMap((bead, i) => [
    `${i + 1}. ${bead.title}  [${bead.id}]`,
    `   proven by: ${(bead.test_commands ?? []).join(' && ')}`,
  ])
}

async function answer({ client, ticketId, display, ask }: Person, requestId: string): Promise<void> {
  const { items } = await client.questions.list.query({ ticketId })
  const asked = items.find((item) => item.requestId === requestId)
  if (!asked) return // answered elsewhere meanwhile
  const answers: string[][] = []
  for (const { options } of asked.questions) {
    for (const [i, option] of options.entries()) display.line(`    ${i + 1}. ${option.label}: ${option.description}`)
    const reply = ask ? (await ask('  Your answer [number or your own words] ')).trim() : '1'
    const chosen = options[Number(reply) - 1]?.label ?? (reply === '' ? options[0]?.label : reply) ?? 'yes'
    answers.push([chosen])
  }
  await client.questions.reply.mutate({ ticketId, requestId, answers })
}
