/**
 * A managed server that is started again when it dies by itself: same id, database, password and address, so adapter and
 * hub go on as they are. What became of its turns is read from the messages, as after any crash.
 */
import { messageOf } from '../errors.ts'
import { startManagedServer, type ManagedServer, type ManagedServerOptions } from './managed-server.ts'

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 30_000

export interface SupervisedServer {
  /** The one that runs now, or ran last. */
  current(): ManagedServer
  stop(): Promise<void>
}

export async function superviseServer(options: ManagedServerOptions): Promise<SupervisedServer> {
  const stopping = new AbortController()
  let reviving: Promise<void> = Promise.resolve()
  const onExit = (reason: string): void => {
    options.onExit?.(reason)
    options.onDiagnostic?.(`The managed OpenCode ${reason}; it is started again.`)
    reviving = revive()
  }
  let current = await startManagedServer({ ...options, onExit })

  async function revive(): Promise<void> {
    for (let delay = FIRST_DELAY_MS; !stopping.signal.aborted; delay = Math.min(LONGEST_DELAY_MS, delay * 2)) {
      await options.clock.sleep(delay, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        current = await current.restart()
        return
      } catch (error) {
        options.onDiagnostic?.(`The managed OpenCode could not be started again: ${messageOf(error)}`)
      }
    }
  }
  return {
    current: () => current,
    stop: async () => {
      stopping.abort()
      await reviving
      await current.stop()
    },
  }
}
