import { makeDirectory, startRealOpencode, SCRIPTED_MODEL, type RealOpencode } from '../helpers/opencode.ts'
import { asModelScript } from '../helpers/suite-script.ts'
import { adapterSuite, type SuiteScript } from '../suites/adapter-suite.ts'

/** One server for all tests (a start costs 2 s); each has folders and a script of its own. */
let shared: Promise<RealOpencode> | undefined
let script: SuiteScript = () => ({ kind: 'text', text: 'ok' })
let worlds = 0

adapterSuite('the SDK adapter on a real OpenCode', {
  setup: async () => {
    const real = await (shared ??= startRealOpencode({ model: asModelScript(() => script) }))
    const name = `world-${worlds++}`
    return {
      adapter: real.adapter,
      directory: await makeDirectory(real.dir, `${name}/one`),
      elsewhere: await makeDirectory(real.dir, `${name}/two`),
      model: SCRIPTED_MODEL,
      secret: 'scripted-key',
      script: (next) => void (script = next),
      modelRequests: () => real.model.requests.length,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  },
  finish: async () => (await shared)?.[Symbol.asyncDispose](),
})
