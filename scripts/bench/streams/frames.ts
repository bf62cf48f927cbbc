/** What went over a wire, taken apart again into the texts of its frames. */
export type Transport = 'sse' | 'ws'
export const TRANSPORTS: readonly Transport[] = ['sse', 'ws']

/** Of what a reader got, as latin1: one character is one byte. */
export const framesIn = (transport: Transport, text: string): readonly string[] => (transport === 'sse' ? eventsIn(text) : messagesIn(text))

const eventsIn = (text: string): readonly string[] => [...text.matchAll(/data: [^\n]+\nid: [^\n]+\n\n/g)].map(([frame]) => frame)

function messagesIn(text: string): readonly string[] {
  const messages: string[] = []
  for (let at = 0; at < text.length;) {
    const short = text.charCodeAt(at + 1)
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    let length = short
    if (head > 2) {
      length = 0
      for (let n = 2; n < head; n++) length = length * 256 + text.charCodeAt(at + n)
    }
    messages.push(text.slice(at + head, at + head + length))
    at += head + length
  }
  return messages.filter((message) => message.startsWith('{'))
}

interface Subscription {
  readonly path: string
  readonly hello: string | null
}
/** How a reader asks for a ticket's events. */
export function subscriptionTo(transport: Transport, ticketId: string): Subscription {
  const input = { ticketId }
  return transport === 'sse'
    ? { path: `/trpc/events.onTicket?input=${encodeURIComponent(JSON.stringify(input))}`, hello: null }
    : { path: '/trpc', hello: JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.onTicket', input } }) }
}
