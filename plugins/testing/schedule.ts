/** In which order verbs that are open together complete: as they came, or shuffled by a seed. The same seed, the same order. */

export interface Schedule {
  /** Begins the work at once; its completion waits for its turn. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** The verb waits for a decision that never comes in this run. */
  park(name: string): Promise<never>
  readonly parked: readonly string[]
  /** Resolves when nothing but parked verbs is open. */
  whenParked(): Promise<void>
  /** Resolves when no verb is open that can still complete. */
  whenIdle(): Promise<void>
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** `pick` chooses the next of n that are ready. */
export function createSchedule(pick: (n: number) => number): Schedule {
  const ready: (() => void)[] = []
  const parked: string[] = []
  const waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []
  let working = 0
  const idle = (): boolean => working === 0 && ready.length === 0
  // Code between two verbs gets its turn first.
  const pump = (): void =>
    void setImmediate(() => {
      if (working === 0 && ready.length > 0) {
        for (const complete of ready.splice(pick(ready.length), 1)) complete()
        return pump()
      }
      for (const waiter of waiting.filter((w) => w.holds())) waiter.resolve()
    })
  const when = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ holds, resolve })
      pump()
    })
  return {
    async run(work) {
      working += 1
      try {
        return await work()
      } finally {
        working -= 1
        await new Promise<void>((complete) => {
          ready.push(complete)
          pump()
        })
      }
    },
    park(name) {
      parked.push(name)
      pump()
      return new Promise(() => {})
    },
    parked,
    whenParked: () => when(() => idle() && parked.length > 0),
    whenIdle: () => when(idle),
  }
}
