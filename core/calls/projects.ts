/** The kernel's calls about projects. */
import type { Kernel } from '../kernel-api.ts'
import { projectView } from '../projects.ts'
import type { Projects } from '../projects.ts'

export const projectCalls = (projects: Projects): Omit<Kernel['projects'], 'pause' | 'resume' | 'costs'> => ({
  attach: async (input) => projectView(await projects.attach(input)),
  list: () => Promise.resolve(projects.open().map((p) => projectView(p.record))),
  get: async (projectId) => projectView((await Promise.resolve(projects.get(projectId))).record),
  update: async (input) => projectView(await projects.update(input)),
  detach: async (projectId) => {
    await projects.detach(projectId)
    return { detached: true }
  },
})
