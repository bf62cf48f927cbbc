/**
 * What every OpenCode adapter must do. Runs on the real server through the SDK, on the fake through the SDK, and on the
 * fake in this process: that the three agree is what makes the fake trustworthy.
 */
import { describe } from '../helpers/suite.ts'
import { aborts, persons } from './adapter/persons.ts'
import { server, sessions } from './adapter/sessions.ts'
import { resends, turns } from './adapter/turns.ts'
import type { AdapterWorld } from './adapter/world.ts'

export { sayOk, type AdapterWorld, type SuiteScript } from './adapter/world.ts'

export interface AdapterSuite {
  readonly setup: () => Promise<AdapterWorld>
  /** Runs as the last test. */
  readonly finish?: () => Promise<void>
}

export function adapterSuite(name: string, { setup, finish }: AdapterSuite): void {
  describe(name, (it) => {
    sessions(it, setup)
    turns(it, setup)
    resends(it, setup)
    persons(it, setup)
    aborts(it, setup)
    server(it, setup)
    if (finish) it('leaves nothing behind', finish)
  })
}
