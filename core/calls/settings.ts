/** Settings of the app, a project or a ticket, each with its source. */
import { TICKET_LIMITS } from '../caps.ts'
import { fail } from '../errors.ts'
import { toJson } from '../json.ts'
import type { Kernel } from '../kernel-api.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { assertOfTicket, assertQuorum, parsePatch, resolveSettings } from '../settings.ts'
import type { ResolvedSettings, Settings, SettingSource, SettingsPatch } from '../settings.ts'
import type { AppStore } from '../store/app-store.ts'
import { isDraft, isStarted } from '../ticket.ts'
import type { Ticket } from '../ticket.ts'

interface SettingEnv {
  readonly app: AppStore
  readonly projects: Projects
  readonly clock: Clock
  readonly config: Partial<Settings>
}
type Layer = readonly [SettingSource, Partial<Settings>]

export interface SettingServices {
  readonly calls: Kernel['settings']
  /** The app's own, as they are now. */
  readonly app: () => Settings
  readonly forProject: (project: OpenProject) => Promise<Settings>
  readonly forTicket: (project: OpenProject, ticket: Pick<Ticket, 'models' | 'own'>) => Promise<ResolvedSettings>
}

export async function settingCalls(env: SettingEnv): Promise<SettingServices> {
  const { app, projects, clock } = env
  let appValues = await app.settings()
  const appLayers = (): readonly Layer[] => [
    ['config', env.config],
    ['app', appValues],
  ]
  const projectLayers = async (project: OpenProject): Promise<readonly Layer[]> => [
    ...appLayers(),
    ['project', await project.store.settings()],
  ]
  const forTicket: SettingServices['forTicket'] = async (project, ticket) =>
    resolveSettings([...(await projectLayers(project)), ['ticket', ownOf(ticket)]])
  const needId = (id: string | undefined): string => {
    if (id === undefined) throw fail('INVALID_INPUT', { field: 'id', problem: 'is needed for this scope' })
    return id
  }
  const get: Kernel['settings']['get'] = async ({ scope, id }) => {
    if (scope === 'app') return resolveSettings(appLayers())
    if (scope === 'project') return resolveSettings(await projectLayers(projects.get(needId(id))))
    const project = projects.ofTicket(needId(id))
    const ticket = await project.store.getTicket(needId(id))
    if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId: id, field: 'id' })
    return pinned(ticket, await forTicket(project, ticket))
  }
  const layersOf = async (scope: 'app' | 'project', id: string | undefined): Promise<readonly Layer[]> =>
    scope === 'app' ? appLayers() : projectLayers(projects.get(needId(id)))
  const update: Kernel['settings']['update'] = async ({ scope, id, patch }) => {
    const parsed = parsePatch(patch)
    if (scope === 'ticket') {
      const project = projects.ofTicket(needId(id))
      await changeTicket(project, needId(id), { parsed, at: clock.now() }, forTicket)
      return get({ scope, id })
    }
    const read = whole(parsed, resolveSettings([...(await layersOf(scope, id)), [scope, parsed]]).values)
    if (scope === 'app') {
      await app.putSettings({ patch: read, at: clock.now() })
      appValues = await app.settings()
    } else await projects.get(needId(id)).store.putSettings({ patch: read, at: clock.now() })
    return get({ scope, id })
  }
  const forProject: SettingServices['forProject'] = async (project) => resolveSettings(await projectLayers(project)).values
  return { calls: { get, update }, app: () => resolveSettings(appLayers()).values, forProject, forTicket }
}

/** As it is stored: `provider/model` in its parts. What fits together only with what is stored already is looked at too. */
function whole(parsed: Partial<Settings>, values: Settings): SettingsPatch {
  // What is not chosen yet may come with the ticket: its start looks again.
  const known = values['models.main'] !== null && values['models.members'].length > 0
  if (known && Object.keys(parsed).some((name) => name.startsWith('models.') || name === 'council.quorum')) assertQuorum(values)
  return toJson(parsed) as SettingsPatch
}

/** Models have a place of their own: they can be given with the ticket. */
const ownOf = ({ models, own }: Pick<Ticket, 'models' | 'own'>): Partial<Settings> => ({
  ...own,
  ...(models?.main ? { 'models.main': models.main } : {}),
  ...(models?.members ? { 'models.members': [...models.members] } : {}),
})

/** A started ticket keeps what was pinned, and from where; but for what it may spend. */
function pinned(ticket: Ticket, resolved: ResolvedSettings): ResolvedSettings {
  if (isDraft(ticket) || ticket.settings === undefined) return resolved
  const { settings, sources = resolved.sources } = ticket
  const own = TICKET_LIMITS.filter((name) => (settings[name] ?? null) !== resolved.values[name])
  return { values: settings, sources: { ...sources, ...Object.fromEntries(own.map((name) => [name, 'ticket' as const])) } }
}

/** A draft's own settings, checked as a whole; of a started ticket what it may spend. */
async function changeTicket(
  project: OpenProject,
  ticketId: string,
  change: { parsed: Partial<Settings>; at: number },
  forTicket: SettingServices['forTicket'],
): Promise<void> {
  const ticket = await project.store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'id' })
  if (!isDraft(ticket)) return changeLimits(project, ticket, change)
  const { parsed, at } = change
  assertOfTicket(parsed)
  const { 'models.main': main, 'models.members': members, ...rest } = parsed
  const models = { ...ticket.models, ...(main ? { main } : {}), ...(members ? { members } : {}) }
  const patch = { ...(main || members ? { models } : {}), own: { ...ticket.own, ...rest } }
  const { values } = await forTicket(project, { models: patch.models ?? ticket.models, own: patch.own })
  whole(parsed, values)
  await project.store.editTicket({ ticketId, revision: ticket.revision, patch, at })
}

/** Everything else of a started ticket stays as it was pinned: what runs must not change under it. */
async function changeLimits(
  { store }: OpenProject,
  ticket: Ticket,
  { parsed, at }: { parsed: Partial<Settings>; at: number },
): Promise<void> {
  const other = Object.keys(parsed).find((name) => !(TICKET_LIMITS as readonly string[]).includes(name))
  if (other !== undefined)
    throw fail('INVALID_INPUT', {
      field: other,
      problem: `is pinned when a ticket starts; of a started one only ${TICKET_LIMITS.join(' and ')} change`,
    })
  const { id: ticketId, status } = ticket
  if (!isStarted(ticket)) throw fail('TICKET_WRONG_STATUS', { ticketId, status, action: 'a limit', needs: 'a ticket that is not over' })
  await store.changeLimits({ ticketId, limits: parsed, at })
}
