import { startFakeOpencode, makeDirectory } from '../helpers/opencode.ts'
import { asBrain } from '../helpers/suite-script.ts'
import { adapterSuite, type SuiteScript } from '../suites/adapter-suite.ts'

adapterSuite('the in-process mock', {
  setup: async () => {
    let script: SuiteScript = () => ({ kind: 'text', text: 'ok' })
    const fake = await startFakeOpencode(asBrain(() => script))
    return {
      adapter: fake.adapter,
      directory: await makeDirectory(fake.dir, 'one'),
      elsewhere: await makeDirectory(fake.dir, 'two'),
      model: { provider: 'fake', model: 'm1' },
      secret: 'fake-secret-key',
      script: (next) => void (script = next),
      modelRequests: () => fake.server.requests.length,
      [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
    }
  },
})
