/**
 * A store that dies: before or after the n-th use of one verb it throws a crash and from then on refuses everything, as
 * a killed process would. What was committed is in the database; a spec opens it again and looks.
 */
import type { Store } from '../../core/store/store.ts'

type VerbName = { [K in keyof Store]: Store[K] extends (...args: never[]) => Promise<unknown> ? K : never }[keyof Store]
export type KillableVerb = Exclude<VerbName, 'close'>

/** Every verb and whether it writes. A verb that is missing here, or gone from the port, does not compile. */
const WRITES: Record<KillableVerb, boolean> = {
  createTicket: true,
  editTicket: true,
  startTicket: true,
  advance: true,
  reattempt: true,
  park: true,
  wake: true,
  block: true,
  retryTicket: true,
  continueTicket: true,
  resolveTurn: true,
  cancelTicket: true,
  getTicket: false,
  listTickets: false,
  attempts: false,
  errors: false,
  claimLease: true,
  renewLeases: true,
  releaseLeases: true,
  lease: false,
  takeExclusive: true,
  releaseExclusive: true,
  exclusiveHolders: false,
  journal: false,
  beginStep: true,
  completeStep: true,
  completePrompt: true,
  spendBudget: true,
  items: false,
  putItem: true,
  addPhaseNote: true,
  phaseNotes: false,
  saveArtifact: true,
  editArtifact: true,
  artifact: false,
  artifacts: false,
  claimSlot: true,
  activateSession: true,
  endSession: true,
  adoptSession: true,
  pendingAborts: false,
  confirmAbort: true,
  sessionInSlot: false,
  sessions: false,
  openSessions: false,
  intendTurn: true,
  recordPost: true,
  admitTurn: true,
  markStopping: true,
  settleTurn: true,
  turnUncertain: true,
  turns: false,
  turn: false,
  openTurns: false,
  openGate: true,
  decideGate: true,
  openRequest: true,
  overdueRequests: false,
  declined: false,
  holdRequest: true,
  claimRequest: true,
  reopenRequest: true,
  closeRequest: true,
  storedAnswers: false,
  consumeAnswers: true,
  saveDraft: true,
  draft: false,
  inboxEntry: false,
  inbox: false,
  submitCommand: true,
  consumeCommand: true,
  dropCommand: true,
  pendingCommands: false,
  command: false,
  appendEvents: true,
  events: false,
  lastSeq: false,
  allEvents: false,
  lastPosition: false,
  deleteTicket: true,
  deletedTicket: false,
  untidyTickets: false,
  markTidied: true,
  holdTicket: true,
  pauseProject: true,
  projectPaused: false,
  dueNudges: false,
  claimNudge: true,
  endNudge: true,
  failedNudges: false,
  spentByTicket: false,
  ticketCaps: false,
  spentTurns: false,
  changeLimits: true,
  stats: false,
  settings: false,
  putSettings: true,
}
export const VERBS = Object.keys(WRITES) as readonly KillableVerb[]
/** Those with a before and an after that differ. */
export const WRITING_VERBS = VERBS.filter((verb) => WRITES[verb])

export interface Kill {
  readonly verb: KillableVerb
  readonly when: 'before' | 'after'
  /** 1 is the first use. */
  readonly nth: number
}
/** Chosen at the moment: what is to happen at this use of the verb. */
export type ChooseKill<Verb> = (verb: Verb, nth: number, args: readonly unknown[]) => Kill['when'] | null
export interface KillingStore {
  readonly store: Store
  /** It has come to the place and is dead. */
  readonly dead: boolean
  /** How often each verb was used: where a next kill can be placed. */
  readonly uses: Readonly<Partial<Record<KillableVerb, number>>>
  /** Resolves when it dies. */
  readonly died: Promise<void>
  /** It dies with its process, which was killed elsewhere. */
  end(): void
}

/** Thrown at the place and ever after. No code of the kernel may take it for a refusal. */
export class Crash extends Error {
  override readonly name = 'Crash'
}

export const isCrash = (error: unknown): boolean => error instanceof Crash

const chosen =
  (kill: Kill | null): ChooseKill<KillableVerb> =>
  (verb, nth) =>
    kill?.verb === verb && kill.nth === nth ? kill.when : null

export function killingStore(store: Store, kill: Kill | ChooseKill<KillableVerb> | null): KillingStore {
  const choose = typeof kill === 'function' ? kill : chosen(kill)
  const uses: Partial<Record<KillableVerb, number>> = {}
  let dead = false
  let announce = (): void => undefined
  const died = new Promise<void>((resolve) => (announce = resolve))
  const die = (verb: KillableVerb): never => {
    dead = true
    announce()
    throw new Crash(`killed at ${verb} number ${uses[verb] ?? 0}`)
  }
  const guarded =
    (verb: KillableVerb, run: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      if (dead) die(verb)
      const nth = (uses[verb] ?? 0) + 1
      uses[verb] = nth
      const here = choose(verb, nth, args)
      if (here === 'before') die(verb)
      const result = await run(...args)
      if (dead || here === 'after') die(verb)
      return result
    }
  const proxy = new Proxy(store, {
    get: (target, name, receiver) => {
      const value: unknown = Reflect.get(target, name, receiver)
      if (typeof value !== 'function' || !(name in WRITES)) return value
      return guarded(name as KillableVerb, (value as (...args: unknown[]) => Promise<unknown>).bind(target))
    },
  })
  return {
    store: proxy,
    get dead() {
      return dead
    },
    uses,
    died,
    end: () => {
      dead = true
      announce()
    },
  }
}
