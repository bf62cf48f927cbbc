/** Who sits in a council: the main model first, then the others, each model once. */
import type { Json, ModelRef } from '../contract.ts'

export interface Member {
  /** Owner of the member's sessions, and its name in the record. */
  readonly id: string
  readonly model: ModelRef
}

export function rosterOf(settings: Readonly<Record<string, Json>>): readonly Member[] {
  const main = settings['models.main'] as ModelRef | null
  const others = settings['models.members'] as readonly ModelRef[]
  const members = [...(main ? [main] : []), ...others].map((model) => ({ id: nameOf(model), model }))
  return members.filter((member, i) => members.findIndex((m) => m.id === member.id) === i)
}

/** Two by default; never more than there are. One that was configured was checked against the size when the ticket started. */
export const quorumOf = (settings: Readonly<Record<string, Json>>, size: number): number =>
  (settings['council.quorum'] as number | null) ?? Math.min(2, size)

const nameOf = ({ provider, model, variant }: ModelRef): string => `${provider}/${model}${variant === undefined ? '' : `#${variant}`}`
