/** The second door of the kernel: the union of ticket events, light enough for a browser (no server code comes with it). */
export { EVENTS, EVENTS_VERSION, EVENT_TYPES, DurableEventSchema, readEvent } from './events.ts'
export type { DurableEvent, EventData, EventType } from './events.ts'
export { LIVE_EVENTS, LiveEventSchema } from './live.ts'
export type { LiveEvent } from './live.ts'
export { NOTHING_SPENT, plus, spentBy } from '../money.ts'
export type { Spent } from '../money.ts'
export { TICKET_STATUSES } from '../ticket.ts'
export type { BlockedAction, PausedBy, TicketStatus, WaitingFor } from '../ticket.ts'
