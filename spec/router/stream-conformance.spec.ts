import { describe } from '../helpers/suite.ts'
import { killedServerSuite, stoppedReaderSuite, streamSuite } from '../suites/stream-suite.ts'
import { SUBSCRIBERS } from '../suites/stream/subscribers.ts'

for (const subscriber of SUBSCRIBERS)
  describe(`streams: ${subscriber.name}`, (it) => {
    streamSuite(it, subscriber)
    killedServerSuite(it, subscriber)
  })
describe('streams: whoever reads', (it) => stoppedReaderSuite(it))
