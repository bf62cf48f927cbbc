/** A number of places; each that is taken is given back once. */
import { fail, type ErrorCode } from '#core'

export class Quota {
  taken = 0
  readonly #limit: number
  readonly #code: ErrorCode

  constructor(limit: number, code: ErrorCode) {
    this.#limit = limit
    this.#code = code
  }

  /** Throws when all are taken; else gives the way back, which may be called again. */
  take(): () => void {
    if (this.taken >= this.#limit) throw fail(this.#code, { limit: this.#limit })
    this.taken += 1
    let back = false
    return () => {
      if (!back) this.taken -= 1
      back = true
    }
  }
}
