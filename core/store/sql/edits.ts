/** An edit of an approved document, with all that it makes void. */
import { event } from '../../events/events.ts'
import type { Ticket } from '../../ticket.ts'
import type { ArtifactVerbs, Fence } from '../store.ts'
import { insertArtifact } from './artifacts.ts'
import { fencedBatch, guardChange, guardPhase, type Batch, type Context } from './batch.ts'
import { abandonSessions, closeEntries } from './closing.ts'
import { encode } from './decode.ts'
import { reopenItems } from './items.ts'
import { sayStatus } from './status.ts'
import { finish, openAttempt, setPhase } from './ticket-progress.ts'
import { consumeCommand, resolveErrors } from './ticket-stops.ts'

type Input = Parameters<ArtifactVerbs['editArtifact']>[1]

export const editVerbs = (context: Context): Pick<ArtifactVerbs, 'editArtifact'> => ({
  editArtifact: (fence, input) => editArtifact(context, fence, input),
})

export const NEWEST_LIVE = (column: 'id' | 'sha256'): string =>
  `SELECT ${column} FROM artifacts WHERE ticket_id = :ticketId AND kind = :artifactKind AND void_at IS NULL ORDER BY revision DESC LIMIT 1`

async function editArtifact(context: Context, fence: Fence, input: Input): Promise<Ticket> {
  const { at, from, to, artifact, edited, archives, consume } = input
  const args = { at, phase: from.phase, attempt: from.attempt, artifactKind: artifact.kind }
  const batch = guardPhase(guardChange(fencedBatch(context, 'editArtifact', { fence, args }), 'edit'))
  batch.guard('the edited revision', `:edited IS (${NEWEST_LIVE('sha256')})`, { edited: edited.sha256 })
  consumeCommand(batch, 'edit', consume)
  insertArtifact(batch, edited, artifact)
  batch.run('UPDATE artifacts SET approved_by = :consumed, approved_in = :gate WHERE id = :artifactId', {
    consumed: consume,
    gate: edited.phase,
    artifactId: artifact.id,
  })
  const { kind, sha256 } = artifact
  batch.append([event('artifact.edited', { kind, sha256, was: edited.sha256, back: to?.phase ?? null, archives, actionId: consume })])
  makeVoid(batch, input)
  if (to !== null) takeBack(batch, { ...input, to })
  return finish(context, batch)
}

function makeVoid(batch: Batch, { voids, archives }: Input): void {
  const named = 'artifacts WHERE ticket_id = :ticketId AND void_at IS NULL AND id IN (SELECT value FROM json_each(:voids))'
  const data =
    "json_object('phase', phase, 'attempt', attempt, 'kind', kind, 'revision', revision, 'sha256', sha256, 'approved', json(iif(approved_by IS NULL, 'false', 'true')))"
  batch.appendEach('artifact.voided', { data, from: named, args: { voids: encode(voids) } })
  batch.run(
    'UPDATE artifacts SET void_at = :at WHERE ticket_id = :ticketId AND void_at IS NULL AND id IN (SELECT value FROM json_each(:voids))',
    {
      voids: encode(voids),
    },
  )
  batch.run(
    `UPDATE attempts SET state = 'archived', counted = 0, ended_at = COALESCE(ended_at, :at) WHERE ticket_id = :ticketId
       AND (phase, attempt) IN (SELECT value ->> 'phase', value ->> 'attempt' FROM json_each(:archives))`,
    { archives: encode(archives) },
  )
}

function takeBack(batch: Batch, { to, artifact }: Input & { to: NonNullable<Input['to']> }): void {
  const reason = `${artifact.kind} was edited`
  resolveErrors(batch, 'edit')
  closeEntries(batch, { where: '1', how: 'edited', reason })
  abandonSessions(batch, { where: '1', reason })
  reopenItems(batch)
  if (!to.exclusive) batch.run('DELETE FROM execution_leases WHERE ticket_id = :ticketId')
  sayStatus(batch, 'edit')
  openAttempt(batch, { phase: to.phase, attempt: to.attempt, label: to.label, visits: 1, reason: 'edit' })
  setPhase(batch, 'edit', { phase: to.phase, attempt: to.attempt, visits: 1 })
}
