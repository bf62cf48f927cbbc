/** Settings of the app, a project or a ticket, each with its source. */
import { TICKET_LIMITS } from '../caps.ts'
import { fail } from '../errors.ts'
import { toJson } from '../json.ts'
import type { Kernel } from '../kernel-api.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { assertQuorum, parsePatch, resolveSettings } from '../settings.ts'
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
  readonly forTicket: (project: OpenProject, models: Ticket['models']) => Promise<ResolvedSettings>
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
  const forTicket: SettingServices['forTicket'] = async (project, models) => {
    const own = {
      ...(models?.main ? { 'models.main': models.main } : {}),
      ...(models?.members ? { 'models.members': [...models.members] } : {}),
    }
    return resolveSettings([...(await projectLayers(project)), ['ticket', own]])
  }
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
    return pinned(ticket, await forTicket(project, ticket.models))
  }
  const layersOf = async (scope: 'app' | 'project', id: string | undefined): Promise<readonly Layer[]> =>
    scope === 'app' ? appLayers() : projectLayers(projects.get(needId(id)))
  const update: Kernel['settings']['update'] = async ({ scope, id, patch }) => {
    const parsed = parsePatch(patch)
    if (scope === 'ticket') {
      await changeLimits(projects.ofTicket(needId(id)), needId(id), { parsed, at: clock.now() })
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

/** A started ticket keeps what was pinned; the sources still say where each would come from now, but for what it may spend. */
function pinned(ticket: Ticket, resolved: ResolvedSettings): ResolvedSettings {
  if (isDraft(ticket) || ticket.settings === undefined) return resolved
  const { settings } = ticket
  const own = TICKET_LIMITS.filter((name) => (settings[name] ?? null) !== resolved.values[name])
  return { values: settings, sources: { ...resolved.sources, ...Object.fromEntries(own.map((name) => [name, 'ticket' as const])) } }
}

/** Everything else of a started ticket stays as it was pinned: what runs must not change under it. */
async function changeLimits(
  { store }: OpenProject,
  ticketId: string,
  { parsed, at }: { parsed: Partial<Settings>; at: number },
): Promise<void> {
  const other = Object.keys(parsed).find((name) => !(TICKET_LIMITS as readonly string[]).includes(name))
  if (other !== undefined)
    throw fail('INVALID_INPUT', {
      field: other,
      problem: `is pinned when a ticket starts; of a ticket only ${TICKET_LIMITS.join(' and ')} change`,
    })
  const ticket = await store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'id' })
  if (!isStarted(ticket))
    throw fail('TICKET_WRONG_STATUS', { ticketId, status: ticket.status, action: 'a limit', needs: 'a started ticket that is not over' })
  await store.changeLimits({ ticketId, limits: parsed, at })
}
