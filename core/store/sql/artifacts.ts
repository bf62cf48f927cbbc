/** Immutable revisions of documents. */
import type { ArtifactRecord, PhaseAt } from '../records.ts'
import type { ArtifactVerbs, NewArtifact } from '../store.ts'
import { fencedBatch, guardLive, type Batch, type Context } from './batch.ts'
import { toArtifact, toArtifactHead } from './decode.ts'

const OF_PHASE = 'ticket_id = :ticketId AND kind = :artifactKind AND phase = :ofPhase AND attempt = :ofAttempt'
const NEWEST = `SELECT * FROM artifacts WHERE ${OF_PHASE} ORDER BY revision DESC LIMIT 1`

export const artifactVerbs = (context: Context): Omit<ArtifactVerbs, 'editArtifact'> => ({
  saveArtifact: async (fence, input) => {
    const batch = fencedBatch(context, 'saveArtifact', { fence, args: { at: input.at, phase: input.phase, attempt: input.attempt } })
    guardLive(batch)
    saveArtifact(batch, input, input)
    const row = await batch.run(NEWEST, phaseArgs(input, input)).commitRow('artifact')
    return toArtifact(row)
  },
  artifact: (ticketId, query) => readArtifact(context, ticketId, query),
  artifacts: async (ticketId) => {
    const columns = 'id, kind, revision, phase, attempt, sha256, derived_from, created_at, approved_by, approved_in, void_at'
    const rows = await context.database.all(`SELECT ${columns} FROM artifacts WHERE ticket_id = :ticketId ORDER BY rowid`, { ticketId })
    return rows.map(toArtifactHead)
  },
})

/** A revision, unless the newest of this phase and attempt says the same. */
export const saveArtifact = (batch: Batch, at: PhaseAt, artifact: NewArtifact): Batch =>
  insertArtifact(batch, at, artifact, `:sha256 IS NOT (SELECT sha256 FROM artifacts WHERE ${OF_PHASE} ORDER BY revision DESC LIMIT 1)`)

export function insertArtifact(batch: Batch, at: PhaseAt, artifact: NewArtifact, when = '1'): Batch {
  const args = { ...phaseArgs(at, artifact), artifactId: artifact.id, content: artifact.content, sha256: artifact.sha256 }
  batch.run(
    `INSERT INTO artifacts (id, ticket_id, kind, revision, phase, attempt, content, sha256, derived_from, created_at)
     SELECT :artifactId, :ticketId, :artifactKind, COALESCE((SELECT MAX(revision) FROM artifacts WHERE ticket_id = :ticketId AND kind = :artifactKind), 0) + 1,
       :ofPhase, :ofAttempt, :content, :sha256, :derivedFrom, :at
     WHERE ${when}`,
    { ...args, derivedFrom: JSON.stringify(artifact.derivedFrom) },
  )
  return batch.appendEach('artifact.saved', {
    data: "json_object('phase', phase, 'attempt', attempt, 'kind', kind, 'revision', revision, 'sha256', sha256, 'bytes', LENGTH(CAST(content AS BLOB)))",
    from: 'artifacts WHERE id = :artifactId',
    key: "'artifact:' || id",
    args,
  })
}

const phaseArgs = (
  at: PhaseAt,
  { kind }: Pick<NewArtifact, 'kind'>,
): Record<'artifactKind' | 'ofPhase' | 'ofAttempt', string | number> => ({
  artifactKind: kind,
  ofPhase: at.phase,
  ofAttempt: at.attempt,
})

async function readArtifact(
  context: Context,
  ticketId: string,
  query: Parameters<ArtifactVerbs['artifact']>[1],
): Promise<ArtifactRecord | null> {
  const [row] = await context.database.all(
    `SELECT * FROM artifacts WHERE ticket_id = :ticketId AND kind = :kind AND (:phase IS NULL OR phase = :phase)
       AND (:attempt IS NULL OR attempt = :attempt) AND (:revision IS NOT NULL OR void_at IS NULL) AND (:revision IS NULL OR revision = :revision) ORDER BY revision DESC LIMIT 1`,
    { ticketId, kind: query.kind, phase: query.phase ?? null, attempt: query.attempt ?? null, revision: query.revision ?? null },
  )
  return row === undefined ? null : toArtifact(row)
}
