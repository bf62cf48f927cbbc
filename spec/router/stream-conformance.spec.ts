import { describe } from '../helpers/suite.ts'
import { stoppedReaderSuite, streamSuite } from '../suites/stream-suite.ts'
import { SUBSCRIBERS } from '../suites/stream/subscribers.ts'

for (const subscriber of SUBSCRIBERS) describe(`streams: ${subscriber.name}`, (it) => streamSuite(it, subscriber))
describe('streams: whoever reads', (it) => stoppedReaderSuite(it))
