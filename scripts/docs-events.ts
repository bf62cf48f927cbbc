/** `npm run docs:events`: writes EVENTS.md. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { eventsPage } from './docs/events-page.ts'

writeFileSync(path.resolve(import.meta.dirname, '..', 'EVENTS.md'), eventsPage())
