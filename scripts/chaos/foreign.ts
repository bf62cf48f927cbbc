/** Another client of the same OpenCode, which LoopTroop can neither prevent nor foresee: it deletes sessions and writes into them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createOpencode, systemChance, systemClock } from '#core'
import type { OpencodeHandle } from '#core'
import type { Stage } from './stage.ts'

/** By weight: a written line mostly comes to nothing, and an aim of its own sees to the rest. */
export const MEDDLINGS = { 'deleted the session': 3, 'wrote into the session': 1 } as const
/** What the other client asks; the model answers it as any message. */
export const FOREIGN_WORDS = 'Somebody else was here.'
export type Meddling = keyof typeof MEDDLINGS

/** What was done to which turn; null when none was under way, or OpenCode is away. */
export async function meddle(stage: Stage, meddling: Meddling): Promise<string | null> {
  const turn = await someTurn(stage)
  if (!turn || stage.opencodePid() === null) return null
  try {
    await using opencode = await attach(stage)
    const { adapter } = opencode.handle
    if (meddling === 'deleted the session') {
      stage.deleted.add(turn.sessionId)
      await adapter.deleteSession(turn.sessionId)
    } else {
      const id = systemChance.hex(12)
      const parts = [{ id: `prt_${id}`, type: 'text' as const, text: FOREIGN_WORDS }]
      const session = await adapter.getSession(turn.sessionId)
      const model = { provider: 'scripted', model: 'm1' }
      await adapter.promptSession(turn.sessionId, session?.directory ?? '', { messageId: `msg_${id}`, parts, model })
    }
    return `${meddling} of ${turn.ticketId}`
  } catch {
    // OpenCode went away meanwhile: nothing was done that counts.
    return null
  }
}

/** As any client would attach: by its address and password. */
export async function attach(stage: Stage): Promise<AsyncDisposable & { readonly handle: OpencodeHandle }> {
  const folder = path.join(stage.dataDir, 'opencode')
  const { port } = JSON.parse(readFileSync(path.join(folder, 'server.json'), 'utf8')) as { port: number }
  const password = readFileSync(path.join(folder, 'password'), 'utf8').trim()
  const env = { LOOPTROOP_OPENCODE_BASE_URL: `http://127.0.0.1:${port}`, OPENCODE_SERVER_PASSWORD: password }
  const handle = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir: stage.folder })
  return { handle, [Symbol.asyncDispose]: () => handle.stop() }
}

async function someTurn({ client }: Stage): Promise<{ readonly ticketId: string; readonly sessionId: string } | null> {
  for (const { id: ticketId } of (await client.tickets.list.query({ status: 'running' })).items) {
    const open = (await client.tickets.turns.query({ ticketId })).find((turn) => turn.receipt === 'admitted')
    if (open) return { ticketId, sessionId: open.sessionId }
  }
  return null
}
