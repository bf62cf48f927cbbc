/** A list that follows its changes: the current one, then each later one that differs. */
import type { Kernel } from '#core'

export async function* changes<T>(kernel: Kernel, read: () => Promise<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const leaving = new AbortController()
  const nudges = kernel.inbox.changes(AbortSignal.any([signal, leaving.signal]))[Symbol.asyncIterator]()
  // Listening starts before the first reading, so that nothing falls between the two.
  let next = nudges.next()
  let last = ''
  try {
    for (let open = true; open && !signal.aborted; open = !(await next).done) {
      if (last !== '') next = nudges.next()
      const current = await read()
      const text = JSON.stringify(current)
      if (text !== last) yield current
      last = text
    }
  } finally {
    // A generator that waits for its next value takes no `return` before that: it has to be woken.
    leaving.abort()
    await nudges.return?.()
  }
}
