/**
 * Drives tickets: `tick()` does one round (renew leases, carry out people's commands, start what may run) and returns at
 * once; runs go on beside it. Specs call `tick()` and `idle()` and never sleep; a server loops over them.
 */
import type { Opencode } from './driving.ts'
import { carryOut } from './commands.ts'
import { execute } from './execute.ts'
import type { EvidenceFiles } from './evidence/evidence-files.ts'
import type { Leases } from './leases.ts'
import { messageOf } from './errors.ts'
import type { ModelList } from './opencode/models.ts'
import { mayRun } from './pick.ts'
import type { Registry } from './pipeline.ts'
import type { StartUp } from './start-up.ts'
import { AnswerWindows } from './inbox/answer-windows.ts'
import { assertMaySpend } from './caps.ts'
import { WorkGate } from './work-gate.ts'
import { Places } from './places.ts'
import type { Place } from './places.ts'
import type { Pauses } from './pauses.ts'
import type { Chance, Clock } from './ports.ts'
import type { OpenProject, Projects } from './projects.ts'
import type { Settings } from './settings.ts'
import type { Fence } from './store/store.ts'
import { DRIVEN_STATUSES, isDriven } from './ticket.ts'
import type { DrivenTicket, ListedTicket, StartedTicket } from './ticket.ts'
import { ticketPages } from './ticket-pages.ts'
import type { Workspace } from './workspace/index.ts'

export interface WorkerEnv {
  readonly projects: Projects
  readonly registry: Registry
  readonly opencode: Opencode
  readonly models: ModelList
  readonly clock: Clock
  readonly chance: Chance
  readonly leases: Leases
  readonly startUp: StartUp
  readonly pauses: Pauses
  readonly evidence: EvidenceFiles
  readonly appSettings: () => Settings
  readonly projectSettings: (project: OpenProject) => Promise<Settings>
  readonly workspaceOf: (project: OpenProject, ticket: Pick<StartedTicket, 'id' | 'branch' | 'baseCommit'>) => Workspace
  /** One line for the log of the server. */
  readonly log: (line: string) => void
}

interface Run {
  readonly controller: AbortController
  readonly fence: Fence
  readonly done: Promise<void>
}

const LOOP_MS = 1_000

export class Worker {
  readonly #env: WorkerEnv
  readonly #leases: Leases
  readonly #runs = new Map<string, Run>()
  readonly #locks = new Map<string, Promise<unknown>>()
  readonly #ticketPlaces: Places
  readonly #turnPlaces: Places
  readonly #gate: WorkGate
  readonly #windows: AnswerWindows
  #stopping = false
  #nudged = false
  #wake: () => void = () => {}

  constructor(env: WorkerEnv) {
    this.#env = env
    this.#leases = env.leases
    this.#gate = new WorkGate(env)
    this.#windows = new AnswerWindows({
      ...env,
      adapter: env.opencode.adapter,
      claim: (project, ticketId) => this.claim(project, ticketId),
    })
    this.#ticketPlaces = new Places(() => env.appSettings()['limits.tickets'])
    this.#turnPlaces = new Places(() => env.appSettings()['limits.turns'])
  }

  async tick(): Promise<{ started: number; acted: number }> {
    await this.#renew()
    if (this.#stopping) return { started: 0, acted: 0 }
    const ready = await this.#gate.open()
    let started = 0
    let acted = 0
    if (ready) await this.#gate.retryAborts()
    for (const project of this.#env.projects.open()) {
      try {
        const commands = await project.store.pendingCommands()
        for (const ticketId of new Set(commands.map((c) => c.ticketId))) acted += await this.act(ticketId)
        if (ready) await this.#windows.round(project)
        if (ready) started += await this.#startRuns(project)
      } catch (error) {
        // One project's broken database must not stop the others; health and tickets.list show it.
        this.#env.log(`project ${project.record.key}: ${messageOf(error)}`)
      }
    }
    return { started, acted }
  }

  /** Resolves when no run is under way; a run that waits inside a model's question counts as under way. */
  async idle(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all([...this.#runs.values()].map((run) => run.done))
  }

  /** Carries out a ticket's pending commands now, when this process may drive it. How many. */
  act(ticketId: string): Promise<number> {
    return this.#locked(ticketId, async () => {
      const project = this.#env.projects.ofTicket(ticketId)
      const commands = (await project.store.pendingCommands()).filter((c) => c.ticketId === ticketId)
      if (commands.length === 0) return 0
      const fence = await this.#leases.claim(project.store, ticketId)
      if (!fence) return 0
      for (const command of commands) {
        // A decision goes to a run that waits for it; every other command takes the ticket out of the run's hands.
        if (command.kind !== 'decide') await this.#endRun(ticketId)
        const ticket = await project.store.getTicket(ticketId)
        const resetTree = async (held: StartedTicket): Promise<void> => {
          const workspace = this.#env.workspaceOf(project, held)
          await workspace.ensure()
          await workspace.reset(await workspace.head())
        }
        const commitTree = async (held: StartedTicket): Promise<void> => {
          await this.#env
            .workspaceOf(project, held)
            .commit({ message: `wip(${held.id}): released`, key: `${held.id}/release/${command.actionId}` })
        }
        const driving = this.#driving(project, fence, new AbortController().signal)
        if (ticket) await carryOut({ driving, commitTree, resetTree }, ticket, command)
      }
      this.nudge()
      return commands.length
    })
  }

  /** The fence of a ticket that this process drives now, or a claim on it; null when another process drives it. */
  claim(project: OpenProject, ticketId: string): Promise<Fence | null> {
    return this.#leases.claim(project.store, ticketId)
  }

  /** Nothing else of this process changes the ticket meanwhile. */
  exclusively<T>(ticketId: string, work: () => Promise<T>): Promise<T> {
    return this.#locked(ticketId, work)
  }

  /** Something may be runnable: the loop's next round comes at once. */
  nudge(): void {
    this.#nudged = true
    this.#wake()
  }

  async loop(): Promise<void> {
    while (!this.#stopping) {
      this.#nudged = false
      await this.tick()
      await this.#pause()
    }
  }

  /** Ends runs where they can be taken up again: turns stay alive in OpenCode. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.nudge()
    for (const run of this.#runs.values()) run.controller.abort()
    await Promise.all([this.idle(), this.#windows.idle()])
    for (const project of this.#env.projects.open()) await this.#leases.release(project.store)
  }

  get running(): readonly string[] {
    return [...this.#runs.keys()]
  }

  async #pause(): Promise<void> {
    if (this.#nudged) return
    const timer = new AbortController()
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([woken, this.#env.clock.sleep(LOOP_MS, timer.signal)])
    timer.abort()
  }

  async #renew(): Promise<void> {
    if (this.#runs.size > 0 && !this.#leases.sound) {
      this.#env.log('this process slept past its leases; its runs are taken up anew')
      await Promise.all([...this.#runs.keys()].map((ticketId) => this.#endRun(ticketId)))
    }
    if (!this.#leases.due) return
    const stores = this.#env.projects.open().map((p) => p.store)
    const held = await this.#leases.renew(stores)
    for (const ticketId of this.#runs.keys()) if (!held.has(ticketId)) await this.#endRun(ticketId)
  }

  async #startRuns(project: OpenProject): Promise<number> {
    const { store } = project
    const facts = {
      now: this.#env.clock.now(),
      exclusiveHolders: await store.exclusiveHolders(),
      exclusiveLimit: this.#env.appSettings()['limits.exclusiveTickets'],
    }
    const { by, wide } = await this.#env.pauses.of(project)
    const openTurns = new Set((await store.openTurns()).map((t) => t.ticketId))
    let started = 0
    const wanted = (ticket: ListedTicket): boolean => {
      const openTurn = openTurns.has(ticket.id)
      if (!isDriven(ticket) || this.#runs.has(ticket.id) || this.#ticketPlaces.free === 0) return false
      // A turn that is under way is seen to its end.
      return (by(ticket) === null || openTurn) && mayRun(ticket, { ...facts, openTurn })
    }
    for await (const page of ticketPages(store, { status: DRIVEN_STATUSES, due: { at: facts.now, pause: wide } }))
      for (const ticket of page) {
        await this.#env.pauses.show(project, ticket, by(ticket))
        if (wanted(ticket) && (await this.#locked(ticket.id, () => this.#start(project, ticket.id)))) started += 1
      }
    return started
  }

  async #start(project: OpenProject, ticketId: string): Promise<boolean> {
    if (this.#stopping || this.#runs.has(ticketId)) return false
    const fence = await this.#leases.claim(project.store, ticketId)
    if (!fence) return false
    const controller = new AbortController()
    const done = this.#ticketPlaces
      .hold(controller.signal, (place) => this.#run(project, { fence, controller, place }))
      .catch((error: unknown) => this.#env.log(`${ticketId}: ${messageOf(error)}`))
      .finally(() => {
        this.#runs.delete(ticketId)
        this.nudge()
      })
    this.#runs.set(ticketId, { controller, fence, done })
    return true
  }

  /** Phase after phase, until the ticket waits, is blocked or over, or is taken out of our hands. */
  async #run(
    project: OpenProject,
    { fence, controller, place }: { fence: Fence; controller: AbortController; place: Place },
  ): Promise<void> {
    const driving = this.#driving(project, fence, controller.signal)
    const { registry, workspaceOf, models, appSettings, projectSettings } = this.#env
    const rests = (): boolean => this.#env.pauses.holds(fence.ticketId)
    for (let first = true; first || !rests(); first = false) {
      const ticket = await project.store.getTicket(fence.ticketId)
      if (!ticket || !isDriven(ticket) || controller.signal.aborted) return
      const end = await execute(
        {
          driving,
          registry,
          place,
          rests,
          turnPlaces: this.#turnPlaces,
          workspaceOf: (driven: DrivenTicket) => workspaceOf(project, driven),
          assertMaySpend: () => assertMaySpend({ ...driving.fence, store: project.store, projectSettings: () => projectSettings(project) }),
          assertModel: (ref) => models.assertModelKnown(ref, { signal: controller.signal, patient: true }),
          evidence: (sha256s, options) =>
            this.#env.evidence.read({ projectId: project.record.id, ticketId: fence.ticketId }, sha256s, options),
          exclusiveLimit: appSettings()['limits.exclusiveTickets'],
        },
        ticket,
      )
      if (end !== 'again') return
    }
  }

  async #endRun(ticketId: string): Promise<void> {
    const run = this.#runs.get(ticketId)
    run?.controller.abort()
    await run?.done
  }

  #driving(project: OpenProject, fence: Fence, signal: AbortSignal): Parameters<typeof execute>[0]['driving'] {
    const { opencode, clock, chance } = this.#env
    return { store: project.store, feed: project.feed, fence, opencode, clock, chance, signal }
  }

  /** One change at a time per ticket from this process. */
  #locked<T>(ticketId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#locks.get(ticketId) ?? Promise.resolve()
    const mine = before.then(work, work)
    const settled = mine
      .catch(() => undefined)
      .finally(() => {
        if (this.#locks.get(ticketId) === settled) this.#locks.delete(ticketId)
      })
    this.#locks.set(ticketId, settled)
    return mine
  }
}
