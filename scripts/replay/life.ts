/** A ticket's events as lines for a person: pure. */
import type { DurableEvent, EventType } from '#core'

type Of<T extends EventType> = Extract<DurableEvent, { type: T }>
type Told = { readonly [T in EventType]?: (data: Of<T>['data']) => string }

/** Two levels: what happens to the ticket, and (indented) what happens within a phase. */
const TICKET: Told = {
  'ticket.created': (d) => `created: ${d.title} (pipeline ${d.pipeline})`,
  'ticket.started': (d) => `started on ${d.branch}: ${d.phases.map((p) => p.phase).join(' → ')}`,
  'ticket.status': (d) =>
    `${d.status}${d.waitingFor ? ` for ${d.waitingFor}` : ''}${d.until === undefined ? '' : ` until ${new Date(d.until).toISOString()}`}`,
  'ticket.blocked': (d) => `blocked in ${d.phase} #${d.attempt}: ${d.code}: ${d.message} (${d.actions.join(', ')})`,
  'ticket.command': (d) => `a person: ${d.kind}`,
  'phase.entered': (d) => `▶ ${d.phase} #${d.attempt} (${d.reason}, visit ${d.visits})`,
  'phase.left': (d) => `■ ${d.phase} #${d.attempt}: ${d.outcome} → ${d.next ?? 'the end'}`,
  'attempt.failed': (d) => `✘ ${d.phase} #${d.attempt}: ${d.kind}: ${d.message}${d.again === null ? '' : ' (again)'}`,
  recovered: (d) => `↻ restart: ${d.found}; ${d.did}`,
  'gate.decided': (d) => `a person decided: ${d.action}`,
}
const turn = (d: { readonly prompt: string; readonly turnId: string }): string => `${d.prompt} ${d.turnId.slice(-6)}`
const WITHIN: Told = {
  'session.created': (d) => `session ${d.sessionId}`,
  'session.ended': (d) => `session ${d.sessionId ?? '(never made)'} ${d.how}: ${d.reason}`,
  'turn.intended': (d) => `${turn(d)} intended (${d.reason}, ${d.model})`,
  'turn.sent': (d) => `${turn(d)} sent${d.post > 1 ? `, post ${d.post} by row ${d.row}` : ''}`,
  'turn.admitted': (d) => `${turn(d)} admitted`,
  'turn.rejoined': (d) => `↻ ${turn(d)} rejoined after a restart: ${d.status}`,
  'turn.settled': (d) => `${turn(d)} settled by row ${d.row ?? '–'}: ${d.how}${d.error ? ` (${d.error.message})` : ''} in ${d.ms} ms`,
  'turn.unverified': (d) => `${turn(d)} cannot be verified: ${d.problem}`,
  'turn.uncertain': (d) => `${turn(d)} uncertain: ${d.problem}`,
  'turn.ran_twice': (d) => `!! ${turn(d)} ran ${d.chains} times`,
  'prompt.invalid': (d) => `${d.prompt}: invalid answer: ${d.problem}`,
  'prompt.recorded': (d) => `${d.prompt} recorded${d.ok ? '' : `: ${d.why}`}`,
  'question.asked': (d) => `the model asks (${d.requestId})`,
  'question.closed': (d) => `question ${d.requestId} ${d.how}`,
  'question.detached': (d) => `question ${d.requestId} detached: ${d.reason}`,
  'permission.asked': (d) => `the model asks for ${d.permission} (${d.requestId})`,
  'permission.closed': (d) => `permission ${d.requestId} ${d.how}`,
  'gate.opened': (d) => `gate: ${d.title}`,
  'artifact.saved': (d) => `artifact ${d.kind} revision ${d.revision}`,
  'item.changed': (d) => `item ${d.id}: ${d.state}${d.commit ? ` in ${d.commit.slice(0, 8)}` : ''}`,
  'command.finished': (d) => `$ ${d.command} → ${d.timedOut ? 'timed out' : d.exitCode}`,
}

export function tellLife(events: readonly DurableEvent[], { all }: { readonly all: boolean }): readonly string[] {
  const lines = events.flatMap((event) => {
    const line = tell(event, all)
    return line === null ? [] : [`${String(event.seq).padStart(5)}  ${new Date(event.at).toISOString()}  ${line}`]
  })
  return [...lines, '', summary(events)]
}

function tell(event: DurableEvent, all: boolean): string | null {
  const ticket = TICKET[event.type] as ((data: unknown) => string) | undefined
  const within = WITHIN[event.type] as ((data: unknown) => string) | undefined
  if (ticket) return ticket(event.data)
  if (within) return `    ${within(event.data)}`
  return all ? `    ${event.type} ${JSON.stringify(event.data).slice(0, 200)}` : null
}

function summary(events: readonly DurableEvent[]): string {
  const many = (type: EventType): number => events.filter((e) => e.type === type).length
  const posts = events.filter((e) => e.type === 'turn.sent' && e.data.post > 1).length
  const attempts = many('attempt.failed')
  const span = ((events.at(-1)?.at ?? 0) - (events[0]?.at ?? 0)) / 1_000
  return [
    `${events.length} events in ${Math.round(span)} s`,
    `${many('phase.entered')} phases entered, ${attempts} attempts failed`,
    `${many('turn.intended')} turns, ${many('turn.settled')} settled, ${posts} posted again, ${many('turn.rejoined')} rejoined, ${many('turn.ran_twice')} ran twice`,
    `${many('recovered')} restarts that changed something`,
  ].join(' · ')
}
