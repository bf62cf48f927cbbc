/** Items of `work` phases: they belong to the ticket and survive attempts. */
import { ITEM_STATES } from '#plugins/contract'
import type { ItemState } from '#plugins/contract'
import type { Fence, JournalVerbs } from '../store.ts'
import { fencedBatch, type Batch, type Context } from './batch.ts'
import { encode, encodeOrNull, toItem } from './decode.ts'

type Verbs = Pick<JournalVerbs, 'items' | 'putItem'>

export const itemVerbs = (context: Context): Verbs => ({
  items: async (ticketId) =>
    (await context.database.all('SELECT * FROM items WHERE ticket_id = :ticketId ORDER BY rowid', { ticketId })).map(toItem),
  putItem: (fence, input) => putItem(context, fence, input),
})

/** What the event tells; `announced` keeps what the last one told, so that other changes are silent. */
const TOLD = "json_object('id', id, 'title', title, 'state', state, 'iteration', iteration, 'commit', commit_id)"

/** Who comes next begins what is not finished where the tree is by then. */
export function reopenItems(batch: Batch): Batch {
  batch.run('UPDATE items SET state = :pending, start_commit = NULL, updated_at = :at WHERE ticket_id = :ticketId AND state <> :done', {
    pending: ITEM_STATES[0],
    done: 'done' satisfies ItemState,
  })
  batch.appendEach('item.changed', { data: TOLD, from: `items WHERE ticket_id = :ticketId AND announced IS NOT ${TOLD}` })
  return batch.run(`UPDATE items SET announced = ${TOLD} WHERE ticket_id = :ticketId`)
}
const ITEM = 'ticket_id = :ticketId AND id = :id'

async function putItem(context: Context, fence: Fence, { at, id, patch }: Parameters<Verbs['putItem']>[1]): Promise<void> {
  const batch = fencedBatch(context, 'putItem', { fence, args: { at, id } })
  batch.run(
    `INSERT INTO items (ticket_id, id, title, state, priority, blocked_by, iteration, notes, data, updated_at)
     VALUES (:ticketId, :id, :id, :firstState, 1, '[]', 1, '[]', 'null', :at) ON CONFLICT (ticket_id, id) DO NOTHING`,
    { firstState: ITEM_STATES[0] },
  )
  batch.run(
    `UPDATE items SET title = COALESCE(:title, title), state = COALESCE(:state, state), priority = COALESCE(:priority, priority),
       blocked_by = COALESCE(:blockedBy, blocked_by), iteration = COALESCE(:iteration, iteration), start_commit = CASE WHEN :restarts THEN NULL ELSE COALESCE(:startCommit, start_commit) END,
       commit_id = COALESCE(:commit, commit_id), notes = COALESCE(:notes, notes), data = COALESCE(:data, data), updated_at = :at WHERE ${ITEM}`,
    {
      title: patch.title ?? null,
      state: patch.state ?? null,
      priority: patch.priority ?? null,
      blockedBy: encodeOrNull(patch.blockedBy),
      iteration: patch.iteration ?? null,
      startCommit: patch.startCommit ?? null,
      restarts: patch.startCommit === null ? 1 : 0,
      commit: patch.commit ?? null,
      notes: encodeOrNull(patch.notes),
      data: patch.data === undefined ? null : encode(patch.data),
    },
  )
  batch.appendEach('item.changed', { data: TOLD, from: `items WHERE ${ITEM} AND announced IS NOT ${TOLD}` })
  await batch.run(`UPDATE items SET announced = ${TOLD} WHERE ${ITEM}`).commit()
}
