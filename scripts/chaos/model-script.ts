/** The demo's ticket, told slowly enough that a kill hits work. */
import { demoScript } from '../demo/model-script.ts'
import type { Script } from '../scripted-model.ts'

const PACE_MS = 70
const FIRST_BYTE_MS = 150

export const slowScript: Script = async (request) => {
  const reply = await demoScript(request)
  return 'hang' in reply || 'status' in reply ? reply : { ...reply, everyMs: PACE_MS, delayMs: FIRST_BYTE_MS }
}
