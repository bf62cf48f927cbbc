import { startFakeOpencode, makeDirectory } from '../helpers/opencode.ts'
import { asBrain } from '../helpers/suite-script.ts'
import { adapterSuite, sayOk } from '../suites/adapter-suite.ts'

adapterSuite('the in-process mock', {
  setup: async () => {
    let script = sayOk
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
