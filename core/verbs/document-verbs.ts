/** `phase.read`, `phase.save` and `phase.items`: recorded under running numbers, since the contract leaves them unnamed. */
import type { ArtifactView, Item, ItemPatch, Json, PhaseRun } from '#plugins/contract'
import { stringify } from 'yaml'
import { toJson, sha256 } from '../json.ts'
import type { ArtifactRecord } from '../store/records.ts'
import type { RunContext } from './run-context.ts'

const view = (a: ArtifactRecord): ArtifactView => ({
  kind: a.kind,
  phase: a.phase,
  attempt: a.attempt,
  revision: a.revision,
  content: a.content,
  sha256: a.sha256,
})

/** What is recorded is the revision: artifacts are immutable, so a replay reads the same content. */
export async function readVerb(
  run: RunContext,
  kind: string,
  from: { phase?: string; attempt?: number } = {},
): Promise<ArtifactView | null> {
  const { journal, driving, ticket } = run
  const revision = await journal.record<number | null>({
    name: journal.numbered(`read:${kind}`),
    verb: 'read',
    input: { kind, ...from },
    effect: async () => (await driving.store.artifact(ticket.id, { kind, ...from }))?.revision ?? null,
  })
  const found = revision === null ? null : await driving.store.artifact(ticket.id, { kind, revision })
  if (found) run.sources.add(found.sha256)
  return found && view(found)
}

export async function saveVerb(
  run: RunContext,
  kind: string,
  document: { content: string | Json; derivedFrom: readonly string[] | null },
): Promise<ArtifactView> {
  const { journal, driving, ticket } = run
  const content = typeof document.content === 'string' ? document.content : stringify(document.content, { aliasDuplicateObjects: false })
  const revision = await journal.record<number>({
    name: journal.numbered(`save:${kind}`),
    verb: 'save',
    input: { kind, sha256: sha256(content) },
    effect: async () => {
      const { store, fence, clock, chance } = driving
      const derivedFrom = document.derivedFrom ?? [...run.sources]
      const artifact = { id: `art_${chance.hex(8)}`, kind, content, sha256: sha256(content), derivedFrom }
      return (await store.saveArtifact(fence, { ...journal.at, ...artifact, at: clock.now() })).revision
    },
  })
  const saved = (await driving.store.artifact(ticket.id, { kind, revision })) as ArtifactRecord // just recorded
  return view(saved)
}

export function itemVerbs(run: RunContext): PhaseRun['items'] {
  const { journal, driving, ticket } = run
  return {
    list: async () => {
      const items = await journal.record({
        name: journal.numbered('items'),
        verb: 'items.list',
        input: null,
        effect: async () => toJson(await driving.store.items(ticket.id)),
      })
      return items as unknown as readonly Item[]
    },
    put: async (id: string, patch: ItemPatch) => {
      await journal.record({
        name: journal.numbered(`item:${id}`),
        verb: 'items.put',
        input: toJson(patch),
        effect: async () => (await driving.store.putItem(driving.fence, { id, patch, at: driving.clock.now() }), null),
      })
    },
  }
}
