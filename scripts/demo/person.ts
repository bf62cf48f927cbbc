/** Who decides in the demo. */
import type { LoopTroopClient } from '#router'
import type { Display } from './display.ts'

export interface Person {
  readonly client: LoopTroopClient
  readonly ticketId: string
  readonly display: Pick<Display, 'line'>
  /** Asks at the terminal; null decides by itself and says so. */
  readonly ask: ((question: string) => Promise<string>) | null
}
