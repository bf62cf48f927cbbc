/** A cap on what runs at once. What waits for a person or a time keeps running but holds no place. */
export class Places {
  #held = 0
  readonly #queue: (() => void)[] = []
  readonly #limit: () => number
  constructor(limit: () => number) {
    this.#limit = limit
  }

  get free(): number {
    return Math.max(0, this.#limit() - this.#held)
  }

  /** Runs `work` once a place is free; `signal` gives the waiting up. `pause` frees the place while a person is asked. */
  async hold<T>(signal: AbortSignal, work: (place: Place) => Promise<T>): Promise<T> {
    await this.#take(signal)
    let paused = false
    const pause = (on: boolean): void => {
      if (on === paused) return
      paused = on
      this.#change(on ? -1 : 1)
    }
    try {
      return await work({ pause })
    } finally {
      if (!paused) this.#change(-1)
    }
  }

  /** A resumed holder goes on at once, so for a while there may be more than the limit; new ones wait. */
  #change(by: number): void {
    this.#held += by
    while (this.free > 0 && this.#queue.length > 0) this.#queue.shift()?.()
  }

  /** Counted before anything is awaited: of two that ask together only one gets the last free place. */
  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.free > 0) {
      this.#held += 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const grant = (): void => {
        signal.removeEventListener('abort', giveUp)
        this.#held += 1
        resolve()
      }
      const giveUp = (): void => {
        this.#queue.splice(this.#queue.indexOf(grant), 1)
        reject(signal.reason as Error)
      }
      this.#queue.push(grant)
      signal.addEventListener('abort', giveUp, { once: true })
    })
  }
}

export interface Place {
  pause(on: boolean): void
}
