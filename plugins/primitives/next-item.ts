/** Which item is next: what is in progress first, then the lowest priority number whose blockers are done. Pure. */
import type { Item } from '../contract.ts'

export type NextItem =
  { readonly do: 'work'; readonly item: Item } | { readonly do: 'finished' } | { readonly do: 'stuck'; readonly why: string }

export function nextItem(items: readonly Item[]): NextItem {
  const open = items.filter((item) => item.state !== 'done')
  if (open.length === 0) return { do: 'finished' }
  const done = new Set(items.filter((item) => item.state === 'done').map((item) => item.id))
  const ready = open.filter((item) => item.state !== 'error' && item.blockedBy.every((id) => done.has(id)))
  const [item] = ready.toSorted((a, b) => rank(a) - rank(b) || a.priority - b.priority)
  if (item) return { do: 'work', item }
  return {
    do: 'stuck',
    why: open
      .map((i) => `${i.id} (${i.state === 'error' ? 'failed' : `waits for ${i.blockedBy.filter((id) => !done.has(id)).join(', ')}`})`)
      .join('; '),
  }
}

const rank = (item: Item): number => (item.state === 'in_progress' ? 0 : 1)

/** What is wrong with a dependency graph, as sentences with the ids; empty when nothing is. */
export function graphProblems(items: readonly { readonly id: string; readonly blockedBy: readonly string[] }[]): readonly string[] {
  const ids = items.map((item) => item.id)
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id} is there twice`)
  const unknown = items.flatMap((item) =>
    item.blockedBy.filter((id) => !ids.includes(id)).map((id) => `${item.id} is blocked by ${id}, which does not exist`),
  )
  const cycle = findCycle(new Map(items.map((item) => [item.id, item.blockedBy])))
  return [...new Set(twice), ...unknown, ...(cycle ? [`a cycle: ${cycle.join(' → ')}`] : [])]
}

function findCycle(edges: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const finished = new Set<string>()
  const visit = (id: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id]
    if (finished.has(id)) return null
    for (const next of edges.get(id) ?? []) {
      const found = visit(next, [...path, id])
      if (found) return found
    }
    finished.add(id)
    return null
  }
  for (const id of edges.keys()) {
    const found = visit(id, [])
    if (found) return found
  }
  return null
}
