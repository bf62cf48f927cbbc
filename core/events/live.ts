/** What is live only: it has no number, is not stored, and is lost on a reconnect, because the finished text is durable. */
export type LiveEvent =
  /** Text of an open part; `offset` is the length of what came before it. A reader whose text has another length ignores it. */
  | {
      readonly type: 'delta'
      readonly turnId: string
      readonly partId: string
      readonly kind: 'text' | 'reasoning'
      readonly offset: number
      readonly text: string
    }
  /** The whole text so far of an open part: after a replay, or when deltas were dropped. */
  | {
      readonly type: 'part.snapshot'
      readonly turnId: string
      readonly partId: string
      readonly kind: 'text' | 'reasoning'
      readonly text: string
    }
  /** The presented id is of another database epoch: everything before is to be forgotten; the events that follow start at the first. */
  | { readonly type: 'gap'; readonly reason: string }
