/**
 * The kernel's only door.
 *
 * Map: `kernel.ts` puts the parts together · `kernel-api.ts` the calls · `worker.ts` rounds, leases, runs · `execute.ts` one
 * phase once · `phase-run.ts` and `verbs/` what a phase may do, recorded and replayed · `turns/` one message to the model and
 * what became of it (`verdict.ts` is the table) · `sessions/` who owns which OpenCode session · `inbox/` what waits for a
 * person · `events/` the durable log and what is live · `store/` the database behind one verb per transition ·
 * `opencode/` the port and its implementations · `workspace/` git and commands · `errors.ts` every error.
 */
export { createKernel } from './kernel.ts'
export type { KernelOptions } from './kernel.ts'
export type * from './kernel-api.ts'
export { LoopTroopError, asLoopTroopError, fail, isCode, messageOf, ERROR_CODES } from './errors.ts'
export type { ErrorCode, ErrorKind } from './errors.ts'
export { hideSecret, logLine, redact, redactDeep } from './redact.ts'
export { createOpencode } from './opencode/factory.ts'
export { laterOpencode } from './opencode/later.ts'
export type { LaterOpencode } from './opencode/later.ts'
export type { Opencode as OpencodeHandle, OpencodeOptions } from './opencode/factory.ts'
export { announceProcess, backUp, restore } from './backup/index.ts'
export { createFileStores } from './store/sql-store.ts'
export { systemClock, systemChance } from './ports.ts'
export type { Clock, Chance } from './ports.ts'
export { spentInWords } from './money.ts'
export { ModelSchema, SETTING_NAMES, modelName, parsePatch } from './settings.ts'
export type { Settings, SettingsPatch } from './settings.ts'
export { TICKET_STATUSES, WAITING_FOR, BLOCKED_ACTIONS, BRANCH_ENDS, PAUSED_BY } from './ticket.ts'
export type { TicketStatus, WaitingFor, BlockedAction } from './ticket.ts'
export { INBOX_KINDS, RECEIPTS } from './store/records.ts'
export type { DurableEvent, EventData, EventType } from './events/events.ts'
export type { LiveEvent } from './events/live.ts'
export type { Registry } from './pipeline.ts'
export type { RecoveryReport, RecoveryItem } from './recovery.ts'
export { inspectStores } from './inspect.ts'
export type { Inspection } from './inspect.ts'
export type { OpencodeAdapter } from './opencode/adapter.ts'
export { checkHealth } from './opencode/health.ts'
export { credentialsOf, DEFAULT_BASE_URL } from './opencode/factory.ts'
export { findOpencodeBinary, withoutPluginInstall } from './opencode/server-settings.ts'
export { endOrphans, inspectManaged } from './opencode/inspect-managed.ts'
export type { ManagedInspection } from './opencode/inspect-managed.ts'
export { removeWorktree } from './workspace/index.ts'
