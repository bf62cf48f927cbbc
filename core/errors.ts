/**
 * Every error the kernel raises: its code, what happened, what to do about it. Callers choose by `code` or `kind`, never
 * by message text. `kind` is what the router maps to a tRPC code; nothing here knows HTTP.
 */
import { redact, redactDeep } from './redact.ts'

export type ErrorKind =
  | 'bad_input' // the caller sent something wrong; `field` says where
  | 'not_found'
  | 'conflict' // the state moved on, or somebody else was first
  | 'precondition' // right request, wrong moment
  | 'unauthorized'
  | 'forbidden'
  | 'too_large'
  | 'too_many' // more than this server takes on from one caller; passes
  | 'unavailable' // something outside does not answer; may pass
  | 'internal'

type Details = Readonly<Record<string, unknown>>
interface Wording {
  readonly kind: ErrorKind
  /** What happened. */
  readonly message: (d: Record<string, string>) => string
  /** What to do. */
  readonly hint: (d: Record<string, string>) => string
}

const say = (kind: ErrorKind, message: Wording['message'] | string, hint: Wording['hint'] | string): Wording => ({
  kind,
  message: typeof message === 'string' ? () => message : message,
  hint: typeof hint === 'string' ? () => hint : hint,
})

// A table: one row per code.
// prettier-ignore
const ERRORS = {
  // -- input and tickets
  INVALID_INPUT: say('bad_input', (d) => `\`${d.field}\` ${d.problem}`, 'Correct the named field and send it again.'),
  TICKET_UNKNOWN: say('not_found', (d) => `There is no ticket ${d.ticketId}.`, 'List the tickets with tickets.list; is its project attached?'),
  TICKET_WRONG_STATUS: say('precondition', (d) => `${d.ticketId} is ${d.status}; ${d.action} needs ${d.needs}.`, 'Read the ticket again: somebody or something moved it on.'),
  TICKET_AT_WORK: say('conflict', (d) => `${d.ticketId} is at work (${d.status}).`, 'Cancel it first, then delete it.'),
  TICKET_MOVED: say('conflict', (d) => `${d.ticketId} moved on while this was under way.`, 'Read the ticket again and decide anew.'),
  ACTION_CONSUMED: say('conflict', (d) => `Action ${d.actionId} was already used for another request.`, 'Use a fresh actionId for each decision.'),
  // -- leases
  LEASE_LOST: say('conflict', (d) => `Another kernel drives ${d.ticketId} now.`, 'Nothing to do: the new driver goes on from what is stored.'),
  LEASE_HELD: say('conflict', (d) => `${d.ticketId} is driven by ${d.holder}.`, 'Wait for the lease to end, or stop that process.'),
  EXCLUSIVE_HELD: say('precondition', (d) => `${d.holder} holds the execution lease of the project.`, 'The ticket waits and goes on by itself; or release the holder.'),
  // -- projects and settings
  PROJECT_UNKNOWN: say('not_found', (d) => `There is no project ${d.projectId}.`, 'Attach it first: projects.attach {path}.'),
  PROJECT_NOT_GIT: say('bad_input', (d) => `${d.path} is not the top folder of a git repository.`, 'Give the top folder of a repository (git rev-parse --show-toplevel), or run git init there.'),
  PROJECT_NO_COMMIT: say('bad_input', (d) => `${d.path} has no commit yet.`, 'Make a first commit; tickets branch from it.'),
  PROJECT_TRACKS_LOOPTROOP: say('bad_input', (d) => `.looptroop is tracked by git in ${d.path}.`, 'Run git rm -r --cached .looptroop and commit; LoopTroop keeps its database there.'),
  PROJECT_KEY_TAKEN: say('conflict', (d) => `The key ${d.key} belongs to ${d.path}.`, 'Choose another key: projects.attach {path, key}.'),
  PROJECT_KEY_FIXED: say('precondition', (d) => `${d.projectId} has tickets, so its key stays ${d.key}.`, 'Keep the key; change the name instead.'),
  PROJECT_BUSY: say('precondition', (d) => `${d.projectId} has tickets that are not finished: ${d.tickets}.`, 'Cancel or finish them first.'),
  BRANCH_UNKNOWN: say('precondition', (d) => `There is no branch or commit ${d.revision}.`, 'Correct it: projects.update {defaultBranch}.'),
  PROJECT_PATH_GONE: say('unavailable', (d) => `The folder of ${d.projectId} is gone: ${d.path}.`, 'Bring it back, or detach the project.'),
  SETTING_UNKNOWN: say('bad_input', (d) => `There is no setting ${d.field}.`, (d) => `Known settings: ${d.known}.`),
  MODEL_UNKNOWN: say('bad_input', (d) => `OpenCode does not offer ${d.model}.`, (d) => `Offered: ${d.known}. See models.list.`),
  MODEL_MISSING: say('bad_input', 'No main model is chosen.', 'Set models.main (provider/model) for the ticket, the project or the app.'),
  // -- plugins and pipelines
  CONFIG_INVALID: say('bad_input', (d) => `The configuration has mistakes:\n${d.problems}`, 'Correct all of them; each line names its plugin and field.'),
  PIPELINE_UNKNOWN: say('bad_input', (d) => `There is no pipeline ${d.pipeline}.`, (d) => `Known pipelines: ${d.known}.`),
  PHASE_VERSION_GONE: say('precondition', (d) => `Phase ${d.phase} was begun in version ${d.version}; loaded is ${d.loaded}.`, (d) => (d.loaded === 'none' ? 'Install the plugin again, then Retry; or cancel the ticket.' : `Retry begins this phase anew in version ${d.loaded}: what earlier phases made stays, finished items too.`)),
  PLUGIN_FAILED: say('internal', (d) => `[phase ${d.phase}] ${d.problem}`, 'See the cause. Retry opens a fresh attempt.'),
  PLUGIN_GAVE_UP: say('precondition', (d) => `[phase ${d.phase}] ${d.problem}`, (d) => d.todo ?? 'See what it says, then Retry.'),
  OUTCOME_UNKNOWN: say('internal', (d) => `[phase ${d.phase}] ended with outcome ${d.outcome}, which it does not declare.`, 'Add it to the plugin\'s `outcomes` and to the pipeline row.'),
  STEP_NAME_TWICE: say('internal', (d) => `[phase ${d.phase}] uses the name ${d.name} twice in one attempt.`, 'Give each verb a name of its own, such as `write:${item.id}`.'),
  REPLAY_INPUT_CHANGED: say('precondition', (d) => `[phase ${d.phase}] ${d.name} was recorded for another input.`, 'The phase changed since this attempt began. Retry begins it anew: what earlier phases made stays, finished items too.'),
  REPLAY_DIVERGED: say('precondition', (d) => `[phase ${d.phase}] finished without visiting what is recorded: ${d.names}.`, 'Retry for a fresh attempt; code outside verbs must be pure.'),
  VERB_IN_STEP: say('internal', (d) => `[phase ${d.phase}] calls ${d.verb} inside a step.`, 'Call verbs one after the other, outside a step\'s effect.'),
  NOT_JSON: say('bad_input', (d) => `[phase ${d.phase}] ${d.name}: ${d.problem}`, 'Record JSON values only.'),
  RECORD_TOO_LARGE: say('too_large', (d) => `[phase ${d.phase}] ${d.name} is ${d.size} bytes; the limit is ${d.limit}.`, 'Save large texts as artifacts, or cut them.'),
  ARTIFACT_MISSING: say('not_found', (d) => `${d.ticketId} has no artifact ${d.kind}.`, 'List what there is with tickets.artifacts.'),
  BEADS_INVALID: say('bad_input', (d) => `The bead list cannot be worked on: ${d.problem}`, 'Correct the named beads and approve again.'),
  // -- work
  ITEMS_STUCK: say('precondition', (d) => `No item can run: ${d.problem}`, 'Correct the dependencies, then Retry.'),
  ATTEMPTS_EXHAUSTED: say('precondition', (d) => `${d.what} failed ${d.attempts} times: ${d.problem}`, 'Read the notes, then Retry with a note for the model, or cancel.'),
  COMMAND_FAILED: say('precondition', (d) => `\`${d.command}\` ended with ${d.exit}:\n${d.output}`, 'Mend what it says, then Retry.'),
  // -- context
  CONTEXT_OVER_BUDGET: say('precondition', (d) => `The context of ${d.phase} needs ${d.tokens} tokens; the budget is ${d.limit}.`, 'Raise limits.contextTokens, or shorten the documents the phase is about.'),
  // -- gates, questions, edits
  ARTIFACT_NOT_APPROVED: say('precondition', (d) => `${d.kind} of ${d.ticketId} is not approved, nor decided on now.`, 'Wait for its gate, where it can be edited; what nobody approved is the work of a phase.'),
  GATE_UNKNOWN: say('not_found', (d) => `${d.ticketId} has no gate ${d.gateId}.`, 'List what waits with inbox.list.'),
  DRAFT_STALE: say('conflict', (d) => `What was filled in at gate ${d.gateId} is at revision ${d.current}, not ${d.seen}: somebody saved it elsewhere.`, 'Read gates.draft, show both to the person, and save over the revision that was shown.'),
  GATE_CLOSED: say('conflict', (d) => `Gate ${d.gateId} was already decided.`, 'Read the ticket again.'),
  GATE_ACTION_UNKNOWN: say('bad_input', (d) => `Gate ${d.gateId} has no action ${d.action}.`, (d) => `Possible: ${d.known}.`),
  GATE_HASH_MISSING: say('bad_input', (d) => `${d.action} approves ${d.artifact}; \`expectedContentSha256\` is missing.`, 'Read the artifact and send the contentSha256 that was shown to the person.'),
  GATE_HASH_STALE: say('conflict', (d) => `${d.artifact} is now ${d.current}, not ${d.expected}.`, 'Show the person the current content and let them decide again.'),
  QUESTION_UNKNOWN: say('not_found', (d) => `${d.ticketId} has no open question ${d.requestId}.`, 'List what waits with questions.list.'),
  QUESTION_ANSWERED: say('conflict', (d) => `${d.requestId} was already answered.`, 'Nothing to do.'),
  QUESTION_DECLINED: say('conflict', (d) => `${d.requestId} was declined: nobody answered in time.`, 'The model goes on without the answer; tell it what it should know with a Retry note.'),
  EVIDENCE_CLOSED: say('precondition', (d) => `${d.ticketId} has no checklist that waits for its results.`, 'Files are attached while a manual test waits; what was handed in stays as it is.'),
  EVIDENCE_TOO_LARGE: say('too_large', (d) => `The file is not taken: ${d.problem}.`, 'Attach a smaller one, such as the part of it that shows what you saw, or take another one away.'),
  EVIDENCE_UNKNOWN: say('not_found', (d) => `${d.ticketId} has no attached file ${d.sha256}.`, 'List what there is with evidence.list.'),
  // -- turns and sessions
  SLOT_TAKEN: say('conflict', (d) => `Another session is active for ${d.slot}.`, 'Wait for it, or retry the phase.'),
  SESSION_UNVERIFIED: say('unavailable', (d) => `OpenCode does not say what became of session ${d.sessionId}: ${d.problem}`, 'Bring OpenCode back and Continue (checks again); or Retry (gives the session up).'),
  SESSION_GONE: say('conflict', (d) => `Session ${d.sessionId} is gone, so its turn cannot go on.`, 'Retry: it begins afresh, finished items stay finished.'),
  SESSION_CREATE_FAILED: say('unavailable', (d) => `OpenCode created no session in ${d.tries} tries: ${d.problem}`, 'Look at OpenCode (npm run doctor), then Retry.'),
  TURN_UNCERTAIN: say('precondition', (d) => `It cannot be told what became of turn ${d.turnId}: ${d.problem}`, 'Look at the session, then tickets.resolveTurn {as: resend | adopt | abandon}.'),
  TURN_NOT_ADOPTABLE: say('conflict', (d) => `Turn ${d.turnId} cannot be adopted: ${d.problem}`, 'Choose resend or abandon.'),
  TURN_FAILED: say('unavailable', (d) => `The model's turn failed: ${d.problem}`, 'See the evidence; Continue goes on in the same session, Retry starts afresh.'),
  TURN_TIMED_OUT: say('unavailable', (d) => `The model's turn took longer than ${d.limit}.`, 'Raise the budget, or Retry.'),
  TURN_REJECTED: say('precondition', (d) => `The model's question or permission was rejected${d.reason ? `: ${d.reason}` : '.'}`, 'Retry, with a note that answers it.'),
  ANSWER_INVALID: say('precondition', (d) => `The model's answer to ${d.prompt} did not validate in ${d.tries} tries: ${d.problem}`, 'The raw answers are kept (tickets.turns). Retry, or choose another model.'),
  READ_ONLY_VIOLATED: say('precondition', (d) => `[phase ${d.phase}] is read-only but changed ${d.paths}.`, 'The change was undone. Retry, or look at the turn\'s tools.'),
  TOOLS_VIOLATED: say('precondition', (d) => `[phase ${d.phase}] used tools that its policy denies: ${d.tools}.`, 'Look at the turn; OpenCode may not have applied the session\'s rules.'),
  RUN_ABORTED: say('conflict', (d) => `The run of ${d.ticketId} was aborted.`, 'Nothing to do.'),
  BUDGET_EXCEEDED: say('precondition', (d) => `${d.what} has used ${d.used} of ${d.limit} (${d.setting}), so no further turn is sent${d.missing === '0' ? '' : `; the figures of ${d.missing} of its ${d.turns} turns are missing in that`}.`, (d) => `Raise ${d.setting} (settings.update {scope: ${d.scope}}; looptroop limit), null for none, then Continue: what is done stays done.`),
  // -- OpenCode
  OPENCODE_UNREACHABLE: say('unavailable', (d) => `No OpenCode answers at ${d.baseUrl}: ${d.problem}`, 'Start it, correct LOOPTROOP_OPENCODE_BASE_URL, or unset it for a managed one.'),
  OPENCODE_TIMEOUT: say('unavailable', (d) => `OpenCode at ${d.baseUrl} did not answer ${d.operation} in ${d.ms} ms.`, 'It may be frozen or overloaded; look at its process, then try again.'),
  OPENCODE_AUTH: say('unavailable', (d) => `OpenCode at ${d.baseUrl} refuses the password.`, 'Set OPENCODE_SERVER_USERNAME and OPENCODE_SERVER_PASSWORD as that server has them.'),
  OPENCODE_NOT_FOUND: say('not_found', (d) => `OpenCode does not know ${d.what}.`, 'It was deleted, or belongs to another OpenCode.'),
  OPENCODE_REFUSED: say('bad_input', (d) => `OpenCode refused ${d.operation}: ${d.problem}`, 'See the cause; the OpenCode version may differ from the one this was made for.'),
  OPENCODE_FAILED: say('unavailable', (d) => `OpenCode failed at ${d.operation}: ${d.problem}`, 'See its log (--print-logs), then Retry.'),
  OPENCODE_TOO_OLD: say('precondition', (d) => `OpenCode ${d.version} is too old; ${d.needs} or newer is needed.`, 'Upgrade opencode-ai, or set LOOPTROOP_OPENCODE_BIN.'),
  OPENCODE_STRANGER: say('conflict', (d) => `Something at ${d.baseUrl} answers, but it is no OpenCode: ${d.problem}`, 'Stop it, or set LOOPTROOP_OPENCODE_BASE_URL to the right address.'),
  OPENCODE_BINARY_MISSING: say('unavailable', (d) => `No opencode executable was found (${d.looked}).`, 'npm install opencode-ai, or set LOOPTROOP_OPENCODE_BIN.'),
  OPENCODE_START_FAILED: say('unavailable', (d) => `The managed OpenCode did not start: ${d.problem}`, 'See its output above; try `opencode serve` by hand.'),
  OPENCODE_LOCKED: say('conflict', (d) => `The managed OpenCode's data folder ${d.path} is in use by process ${d.pid}.`, 'Stop that process, or choose another data folder.'),
  // -- store
  DATABASE_CORRUPT: say('unavailable', (d) => `${d.path} is not a readable database: ${d.problem}`, 'Restore a backup, or move the file away to begin anew. Nothing was changed.'),
  DATABASE_NEWER: say('precondition', (d) => `${d.path} has schema ${d.found}; this program knows ${d.known}.`, 'Upgrade LoopTroop; an older program must not write it.'),
  DATABASE_BUSY: say('unavailable', (d) => `${d.path} was locked for ${d.ms} ms by another process.`, 'Try again; if it stays, look for a stuck process that holds it.'),
  BACKUP_INVALID: say('bad_input', (d) => `${d.file} cannot be used: ${d.problem}.`, 'Give a file that `looptroop backup` has made. Nothing was changed.'),
  DATA_FOLDER_IN_USE: say('conflict', (d) => `${d.what} (process ${d.pid}) uses ${d.dataDir}.`, 'Wait for it, or stop it first. Nothing was changed.'),
  STORE_CONFLICT: say('conflict', (d) => `${d.verb}: ${d.guard} does not hold any more.`, 'Read the state again and decide anew.'),
  // -- workspace
  GIT_FAILED: say('internal', (d) => `git ${d.args} ended with ${d.exit}: ${d.output}`, 'See the output; is the repository healthy (git fsck)?'),
  GIT_TIMEOUT: say('unavailable', (d) => `git ${d.args} took longer than ${d.ms} ms and was ended.`, 'Look for a lock or a credential prompt in the repository.'),
  GIT_MISSING: say('unavailable', 'No git was found.', 'Install git 2.31 or newer.'),
  WORKTREE_BROKEN: say('precondition', (d) => `The worktree of ${d.ticketId} is not usable: ${d.problem}`, 'Retry makes it anew from the branch.'),
  FORGE_FAILED: say('unavailable', (d) => `gh ${d.args} did not succeed: ${d.problem}`, 'Mend it at the forge (login, rights, the pull request itself), then Retry.'),
  SQUASH_CONFLICT: say('precondition', (d) => `The branch of ${d.ticketId} cannot be squashed: ${d.problem}`, 'The branch is as it was. Rebase it by hand, then Retry.'),
  NOTIFY_FAILED: say('unavailable', (d) => `${d.target} did not take the nudge: ${d.problem}`, 'It is tried again for a while; see the setting notify.'),
  // -- the door
  TOKEN_WRONG: say('unauthorized', 'The bearer token is missing or wrong.', 'Send `authorization: Bearer <token>`; the server printed where its token file is.'),
  HOST_REFUSED: say('forbidden', (d) => `Host ${d.host} is not served here.`, 'Use the address the server printed.'),
  ORIGIN_REFUSED: say('forbidden', (d) => `Origin ${d.origin} may not call this server.`, 'Serve the page from an allowed origin.'),
  RATE_LIMITED: say('too_many', (d) => `More ${d.what} per second than this server takes from one token.`, (d) => `Send it again in ${d.retryAfterMs} ms; the limit is ${d.limit} (LOOPTROOP_LIMITS).`),
  TOO_MANY_STREAMS: say('too_many', (d) => `${d.limit} streams of this token are open.`, 'Close some, or raise streams or subscriptions (LOOPTROOP_LIMITS).'),
  TOO_MANY_CONNECTIONS: say('unavailable', (d) => `${d.limit} connections are open.`, 'Close some, or raise connections (LOOPTROOP_LIMITS).'),
  PORT_IN_USE: say('unavailable', (d) => `${d.host}:${d.port} is in use.`, 'Stop what listens there, or set LOOPTROOP_PORT.'),
  SHUTTING_DOWN: say('unavailable', 'The server is shutting down.', 'Try again when it is back.'),
  INTERNAL: say('internal', (d) => d.problem ?? 'Something broke inside LoopTroop.', 'See the log; please report it with the output of npm run doctor.'),
} as const satisfies Record<string, Wording>

export type ErrorCode = keyof typeof ERRORS
export const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[]

export class LoopTroopError extends Error {
  override readonly name = 'LoopTroopError'
  readonly code: ErrorCode
  readonly kind: ErrorKind
  /** What to do. */
  readonly hint: string
  /** Named values of the message, for programs. `field` names the wrong input. */
  readonly details: Details
  constructor(code: ErrorCode, details: Details = {}, options: { cause?: unknown } = {}) {
    const words: Wording = ERRORS[code]
    const told = redactDeep(details)
    const shown = Object.fromEntries(Object.entries(told).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]))
    super(words.message(shown), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = words.kind
    this.hint = words.hint(shown)
    this.details = told
  }
}

/** `throw fail('TICKET_UNKNOWN', {ticketId})` */
export const fail = (code: ErrorCode, details?: Details, cause?: unknown): LoopTroopError =>
  new LoopTroopError(code, details, cause === undefined ? {} : { cause })

export const isCode = <C extends ErrorCode>(error: unknown, ...codes: readonly C[]): error is LoopTroopError & { code: C } =>
  error instanceof LoopTroopError && (codes as readonly string[]).includes(error.code)

/** Anything thrown, as one of ours; what we do not know is INTERNAL with its cause. */
export const asLoopTroopError = (error: unknown): LoopTroopError =>
  error instanceof LoopTroopError ? error : fail('INTERNAL', { problem: messageOf(error) }, error)

/** What it says, without secrets that a library or a server put into it. */
export const messageOf = (error: unknown): string => redact(error instanceof Error ? error.message : String(error))
