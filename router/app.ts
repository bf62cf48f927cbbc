/** All procedures, by noun. */
import { eventsRouter } from './events.ts'
import { evidenceRouter } from './evidence.ts'
import { gatesRouter } from './gates.ts'
import { healthRouter } from './health.ts'
import { inboxRouter } from './inbox.ts'
import { modelsRouter } from './models.ts'
import { permissionsRouter } from './permissions.ts'
import { phasesRouter } from './phases.ts'
import { projectsRouter } from './projects.ts'
import { questionsRouter } from './questions.ts'
import { recoveryRouter } from './recovery.ts'
import { serverRouter } from './server-state.ts'
import { settingsRouter } from './settings.ts'
import { ticketsRouter } from './tickets.ts'
import { router } from './trpc.ts'

export const appRouter = router({
  health: healthRouter,
  models: modelsRouter,
  projects: projectsRouter,
  settings: settingsRouter,
  phases: phasesRouter,
  tickets: ticketsRouter,
  gates: gatesRouter,
  evidence: evidenceRouter,
  questions: questionsRouter,
  permissions: permissionsRouter,
  inbox: inboxRouter,
  events: eventsRouter,
  recovery: recoveryRouter,
  server: serverRouter,
})
export type AppRouter = typeof appRouter
