/** Chance that can be had again: by its seed. */
export interface Dice {
  readonly seed: number
  /** In [0, 1). */
  next(): number
  below(limit: number): number
  one<T>(list: readonly T[]): T
}

/** Of this run, or the one to repeat: LOOPTROOP_FUZZ_SEED. */
export const chosenSeed = (): number => Number(process.env['LOOPTROOP_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

export function dice(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { seed, next, below, one: (list) => list[below(list.length)] as (typeof list)[number] }
}
