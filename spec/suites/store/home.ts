/** What the store suite needs to stand on: an empty place for databases, and a started ticket in one of them. */
import type { StoreOpener } from '../../../core/store/app-store.ts'
import type { Fence, Store } from '../../../core/store/store.ts'
import { isRunning, type PinnedPipeline, type RunningTicket, type Ticket } from '../../../core/ticket.ts'
import { resolveSettings } from '../../../core/settings.ts'
import type { EventData, EventType } from '../../../core/events/events.ts'
import type { PhaseAt, Slot } from '../../../core/store/records.ts'

/** One empty place: an app database, and project databases by name. */
export interface StoreHome extends AsyncDisposable {
  readonly opener: StoreOpener
  readonly appUrl: string
  readonly projectUrl: string
  /** Absolute; what lies below is stored relative to it. */
  readonly baseDir: string
}
export type OpenHome = () => Promise<StoreHome>

export const PINNED: PinnedPipeline = {
  name: 'two',
  rows: [
    { phase: 'ONE', group: 'plan', version: 1, label: 'First' },
    { phase: 'TWO', group: 'work', version: 1, label: 'Second' },
  ],
}
export const ONE: PhaseAt = { phase: 'ONE', attempt: 1 }
export const IDENTITY = { projectId: 'p1', projectKey: 'KEY' }
const MODEL = { provider: 'fake', model: 'small' }

export class World implements AsyncDisposable {
  readonly home: StoreHome
  readonly store: Store
  readonly ticketId: string
  readonly fence: Fence
  #time = 1_000

  constructor(parts: { home: StoreHome; store: Store; fence: Fence }) {
    this.home = parts.home
    this.store = parts.store
    this.fence = parts.fence
    this.ticketId = parts.fence.ticketId
  }

  /** Each look is a millisecond later. */
  get at(): number {
    return this.#time++
  }
  get stale(): Fence {
    return { ticketId: this.ticketId, generation: this.fence.generation + 1 }
  }
  get slot(): Slot {
    return { ticketId: this.ticketId, phase: 'ONE', phaseAttempt: 1, memberId: null, beadId: null, iteration: null, step: null }
  }

  async ticket(): Promise<Ticket> {
    return (await this.store.getTicket(this.ticketId)) as Ticket
  }
  async running(): Promise<RunningTicket> {
    return (await this.ticket()) as RunningTicket
  }
  async events<T extends EventType>(type: T, ticketId = this.ticketId): Promise<readonly EventData[T][]> {
    return (await this.store.events(ticketId, 0, 10_000)).filter((e) => e.type === type).map((e) => e.data as EventData[T])
  }
  async seqs(ticketId = this.ticketId): Promise<readonly number[]> {
    return (await this.store.events(ticketId, 0, 10_000)).map((e) => e.seq)
  }
  async command(
    kind: 'retry' | 'continue' | 'cancel' | 'decide' | 'release' | 'edit',
    actionId: string,
    target: string | null = null,
  ): Promise<string> {
    await this.store.submitCommand({ actionId, ticketId: this.ticketId, kind, target, payload: null, at: this.at })
    return actionId
  }
  async activeSession(nonce = 'n1', slot: Partial<Slot> = {}): Promise<void> {
    const directory = `${this.home.baseDir}/.looptroop/worktrees/${this.ticketId}`
    await this.store.claimSlot(this.fence, {
      nonce,
      slot: { ...this.slot, ...slot },
      opencodeId: 'oc',
      directory,
      model: MODEL,
      prompt: { name: slot.memberId ?? 'answer', inputHash: 'h' },
      at: this.at,
    })
    await this.store.activateSession(this.fence, { nonce, sessionId: `ses_${nonce}`, directory, at: this.at })
  }
  async openTurn(turnId = 'msg_1', nonce = 'n1', more: { activate?: boolean } = {}): Promise<void> {
    await this.store.intendTurn(this.fence, {
      ...ONE,
      ...more,
      turnId,
      prompt: 'answer',
      ordinal: 1,
      reason: 'first',
      sessionNonce: nonce,
      sessionId: `ses_${nonce}`,
      opencodeId: 'oc',
      directory: this.home.baseDir,
      request: { messageId: turnId, parts: [{ id: `prt_${turnId}`, type: 'text', text: 'Do “it” ✓' }], model: MODEL },
      at: this.at,
    })
  }
  async question(id = 'que_1', sessionId = 'ses_n1'): Promise<void> {
    await this.store.openRequest(this.fence, {
      ...ONE,
      id,
      kind: 'question',
      sessionId,
      directory: this.home.baseDir,
      payload: { questions: [] },
      actions: ['reply', 'reject'],
      opened: { type: 'question.asked', data: { ...ONE, requestId: id, sessionId, questions: [] } },
      at: this.at,
    })
  }
  async gate(gateId = 'gate_1', name = 'approve'): Promise<void> {
    await this.store.openGate(this.fence, {
      ...ONE,
      gateId,
      name,
      inputHash: 'h',
      payload: { form: 'f' },
      actions: ['approve', 'reject'],
      opened: { type: 'gate.opened', data: { ...ONE, gateId, title: 't', kind: 'document', actions: [], artifact: 'plan', sha256: null } },
      at: this.at,
    })
  }
  async artifact(id: string, content: string): ReturnType<Store['saveArtifact']> {
    return this.store.saveArtifact(this.fence, {
      ...ONE,
      id,
      kind: 'plan',
      content,
      sha256: `sha-${content}`,
      derivedFrom: [],
      at: this.at,
    })
  }
  async block(errorId = 'err_1'): Promise<void> {
    const blocked = { code: 'TURN_FAILED', message: 'no', hint: 'retry', actions: ['retry', 'continue'] as const, errorId }
    await this.store.block(this.fence, {
      from: { phase: 'ONE', attempt: (await this.running()).attempt },
      blocked,
      kind: 'provider',
      evidence: { a: 1 },
      at: this.at,
    })
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
    await this.home[Symbol.asyncDispose]()
  }
}

/** A store with one ticket that runs in phase ONE, driven by `kernel-a`. */
export async function startedWorld(open: OpenHome): Promise<World> {
  const home = await open()
  const store = await home.opener.openProject(home.projectUrl, { ...IDENTITY, baseDir: home.baseDir })
  const ticketId = (await newTicket(store)).id
  const fence = { ticketId, generation: (await claim(store, ticketId)).generation }
  await start(store, fence)
  return new World({ home, store, fence })
}

export const newTicket = (store: Store, title = 'A ticket'): ReturnType<Store['createTicket']> =>
  store.createTicket({ title, description: '', priority: 2, pipeline: 'two', models: null, at: 1 })

export const claim = (
  store: Store,
  ticketId: string,
  more: Partial<Parameters<Store['claimLease']>[0]> = {},
): ReturnType<Store['claimLease']> =>
  store.claimLease({ ticketId, owner: 'kernel-a', host: 'here', pid: 1, startToken: 's', ttlMs: 1_000_000, at: 1, ...more })

export async function start(store: Store, fence: Fence): Promise<RunningTicket> {
  const ticket = await store.startTicket(fence, {
    phase: 'ONE',
    pinned: PINNED,
    settings: resolveSettings([]).values,
    branch: 'looptroop/KEY-1',
    baseBranch: 'main',
    baseCommit: 'abc',
    at: 2,
  })
  if (!isRunning(ticket)) throw new Error('it does not run')
  return ticket
}

/** Resolves with the code of what was thrown; fails when nothing was. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing was thrown'
}
