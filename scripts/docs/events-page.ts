/** EVENTS.md, made of the schemas of the events, so that it cannot say anything else than what is checked. */
import * as v from 'valibot'
import { EVENTS, EVENTS_VERSION, LIVE_EVENTS } from '#core/events'

const HEAD = `# Events

Made by \`npm run docs:events\` of \`core/events/\`; a spec holds it up to date. Version ${EVENTS_VERSION}: it is raised when a field is taken away or changes its meaning; new types and new fields do not raise it, so skip a type that you do not know.

\`events.onTicket\` yields batches \`{ events, live }\`, each under the id \`<epoch>.<seq>\` of the last durable event that it has passed: give it back as \`lastEventId\` and you get every later event exactly once. \`looptroop/client\` exports the union as types (\`DurableEvent\`, \`LiveEvent\`) and as valibot schemas (\`DurableEventSchema\`, \`LiveEventSchema\`), and \`client.watch(ticketId)\`, which applies all of them for you.

A durable event is \`{ seq, id, type, at, data }\`: \`seq\` counts from 1 in each ticket, \`at\` is in epoch milliseconds. On \`events.onAll\` each also has \`ticketId\` and \`projectId\`. A question mark is a field that may be missing.
`

export function eventsPage(): string {
  return [
    HEAD,
    '## Durable: `data` of each type\n',
    ...Object.entries(EVENTS).map(([type, schema]) => section(type, schema)),
    '## Live: not numbered, not stored\n',
    ...Object.entries(LIVE_EVENTS).map(([type, schema]) => section(type, schema)),
  ].join('\n')
}

type Described = v.GenericSchema & { readonly entries: v.ObjectEntries }

function section(type: string, schema: Described): string {
  const fields = Object.entries(schema.entries).map(([name, field]) => `- \`${fieldText(name, field)}\``)
  return `### \`${type}\`\n\n${v.getDescription(schema) ?? ''}\n\n${fields.join('\n')}\n`
}

const fieldText = (name: string, field: Shape): string => `${name}${field.type === 'exact_optional' ? '?' : ''}: ${typeText(field)}`

/** What of a schema the text is made of. */
interface Shape {
  readonly type: string
  readonly wrapped?: Shape
  readonly item?: Shape
  readonly entries?: Readonly<Record<string, Shape>>
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

function typeText(shape: Shape): string {
  switch (shape.type) {
    case 'exact_optional':
      return typeText(shape.wrapped ?? shape)
    case 'nullable':
      return `${typeText(shape.wrapped ?? shape)} | null`
    case 'array':
      return `(${typeText(shape.item ?? shape)})[]`.replace(/^\((\w+)\)/, '$1')
    case 'object':
      return `{ ${Object.entries(shape.entries ?? {})
        .map(([name, field]) => fieldText(name, field))
        .join(', ')} }`
    case 'picklist':
      return (shape.options ?? []).map((option) => `'${String(option)}'`).join(' | ')
    case 'literal':
      return `'${String(shape.literal)}'`
    case 'unknown':
      return 'JSON'
    default:
      return shape.type
  }
}
