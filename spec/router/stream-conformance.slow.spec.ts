/** In full: a hundred cuts, a hundred thousand events to replay, ten seconds of not reading, five kills. */
import { describe } from '../helpers/suite.ts'
import { FULL, killedServerSuite, stoppedReaderSuite, streamSuite } from '../suites/stream-suite.ts'
import { SUBSCRIBERS } from '../suites/stream/subscribers.ts'

for (const subscriber of SUBSCRIBERS)
  describe(`streams in full: ${subscriber.name}`, (it) => {
    streamSuite(it, subscriber, FULL)
    killedServerSuite(it, subscriber, FULL)
  })
describe('streams in full: whoever reads', (it) => stoppedReaderSuite(it, FULL))
