/** What was filled in at a form before the terminal was closed, or is filled in elsewhere. */
import type { Person } from './person.ts'

export interface FormDraft<T> {
  /** By the ids of what was asked. */
  readonly before: Readonly<Record<string, T>>
  readonly keep: (filled: Readonly<Record<string, T>>) => Promise<void>
}

/** Who sits there says whether it counts. One that another window saved meanwhile ends this one: nothing is put over it. */
export async function openDraft<T>({ client, ticketId, ask }: Person, gateId: string, ids: readonly string[]): Promise<FormDraft<T>> {
  if (ask === null) return { before: {}, keep: () => Promise.resolve() }
  const found = await client.gates.draft.query({ ticketId, gateId })
  let seen = found?.revision ?? 0
  const kept = (found?.content ?? {}) as Readonly<Record<string, T>>
  const before = Object.fromEntries(Object.entries(kept).filter(([id]) => ids.includes(id)))
  const count = Object.keys(before).length
  const anew =
    count > 0 && /^n/i.test(await ask(`  ${count} of ${ids.length} are filled in already. Go on from there? [Enter = yes, n = anew] `))
  return {
    before: anew ? {} : before,
    keep: async (filled) => {
      const { revision } = await client.gates.saveDraft.mutate({ ticketId, gateId, seen, content: filled as never })
      seen = revision
    },
  }
}
