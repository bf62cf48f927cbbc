/**
 * The router's only door: translation between the wire and the kernel, nothing else.
 *
 * Map: `server.ts` the server · `http.ts` and `sockets.ts` its two halves, `event-stream.ts` and `socket-streams.ts` their
 * subscriptions · `door.ts` what both ask first: `admission.ts` (Host and Origin), `token.ts`, `limits.ts`, `throttle.ts`,
 * `quota.ts`, `refusal.ts` what the refused are told ·
 * `app.ts` all procedures, one file per noun · `shapes.ts` and `ticket-shapes.ts` what goes in and out · `errors.ts` kernel
 * error → tRPC code · `client.ts` the typed client (its own entry point, without server code).
 */
export { startServer } from './server.ts'
export type { RunningServer, ServerOptions } from './server.ts'
export { parseLimits } from './limits.ts'
export type { Limits } from './limits.ts'
export { tokenOf } from './token.ts'
export type { TokenSource } from './token.ts'
export { appRouter } from './app.ts'
export type { AppRouter } from './app.ts'
export { createCallerFactory } from './trpc.ts'
export type { Ctx } from './trpc.ts'
export { createLoopTroopClient } from './client.ts'
export type { AttachedFile, ClientOptions, LoopTroopClient } from './client.ts'
export { applyBatch, emptyView } from './watch/apply.ts'
export type { WatchedPart, WatchedTicket } from './watch/view.ts'
