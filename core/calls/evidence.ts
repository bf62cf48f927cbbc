/** Files that a person attaches while a manual test waits for its results. */
import { fail } from '../errors.ts'
import type { EvidenceFiles, EvidenceView, Place } from '../evidence/evidence-files.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import type { GatePayload } from '../verbs/waiting-verbs.ts'

export interface EvidenceCalls {
  /** Only while a checklist waits for its results (EVIDENCE_CLOSED). The same content again is the file that is there. */
  add(input: { ticketId: string; name: string }, content: AsyncIterable<Uint8Array>): Promise<EvidenceView>
  list(ticketId: string): Promise<readonly EvidenceView[]>
  /** Where its bytes are. */
  find(input: { ticketId: string; sha256: string }): Promise<{ readonly view: EvidenceView; readonly path: string }>
  remove(input: { ticketId: string; sha256: string }): Promise<{ readonly ok: true }>
}

interface EvidenceEnv {
  readonly projects: Projects
  readonly files: EvidenceFiles
  readonly clock: Clock
}

export function evidenceCalls({ projects, files, clock }: EvidenceEnv): EvidenceCalls {
  const known = async (ticketId: string): Promise<{ project: OpenProject; place: Place }> => {
    const project = projects.ofTicket(ticketId)
    if (!(await project.store.getTicket(ticketId))) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
    return { project, place: { projectId: project.record.id, ticketId } }
  }
  /** What was handed in is evidence: it is not added to, nor taken away from. */
  const open = async (ticketId: string): Promise<Place> => {
    const { project, place } = await known(ticketId)
    const gates = await project.store.inbox({ ticketId, kinds: ['gate'] })
    if (!gates.some((gate) => (gate.payload as unknown as GatePayload).form.kind === 'checklist'))
      throw fail('EVIDENCE_CLOSED', { ticketId })
    return place
  }
  return {
    add: async ({ ticketId, name }, content) => files.add(await open(ticketId), { name, content, at: clock.now() }),
    list: async (ticketId) => files.list((await known(ticketId)).place),
    find: async ({ ticketId, sha256 }) => files.find((await known(ticketId)).place, sha256),
    remove: async ({ ticketId, sha256 }) => {
      await files.remove(await open(ticketId), sha256)
      return { ok: true }
    },
  }
}
