import { http } from 'msw'
import { setupServer } from 'msw/node'
import { createFakeHandler } from '../../core/opencode/fake/handler.ts'
import { createSdkAdapter } from '../../core/opencode/sdk-adapter.ts'
import { makeDirectory, startFakeOpencode } from '../helpers/opencode.ts'
import { asBrain } from '../helpers/suite-script.ts'
import { adapterSuite, sayOk } from '../suites/adapter-suite.ts'

const auth = { username: 'opencode', password: 'secret' }
const baseUrl = 'http://opencode.test'

adapterSuite('the SDK adapter on the fake, by msw', {
  setup: async () => {
    let script = sayOk
    const fake = await startFakeOpencode(asBrain(() => script))
    const handle = createFakeHandler({ server: fake.server, auth })
    const network = setupServer(http.all(`${baseUrl}/*`, ({ request }) => handle(request)))
    network.listen({ onUnhandledRequest: 'error' })
    const adapter = createSdkAdapter({ baseUrl, opencodeId: 'fake', mode: 'attached', auth })
    return {
      adapter,
      directory: await makeDirectory(fake.dir, 'one'),
      elsewhere: await makeDirectory(fake.dir, 'two'),
      model: { provider: 'fake', model: 'm1' },
      secret: 'fake-secret-key',
      script: (next) => void (script = next),
      modelRequests: () => fake.server.requests.length,
      [Symbol.asyncDispose]: async () => {
        await adapter.close()
        network.close()
        await fake[Symbol.asyncDispose]()
      },
    }
  },
})
