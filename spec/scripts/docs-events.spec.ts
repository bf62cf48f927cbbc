import { readFileSync } from 'node:fs'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { EVENT_TYPES, EVENTS } from '../../core/events/index.ts'
import { eventsPage } from '../../scripts/docs/events-page.ts'
import { describe } from '../helpers/suite.ts'
import * as v from 'valibot'

describe('EVENTS.md', (it) => {
  it('is what `npm run docs:events` makes of the schemas', () => {
    assert.is(readFileSync(path.resolve(import.meta.dirname, '../../EVENTS.md'), 'utf8'), eventsPage())
  })
  it('says of every event what it means', () => {
    for (const type of EVENT_TYPES) assert.match(v.getDescription(EVENTS[type]) ?? '', /\w{3,}.*\.$/, type)
  })
})
