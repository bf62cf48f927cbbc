/**
 * The schemas, as numbered steps that are never edited once released: a change is a new file and a new row here. A step
 * and the number that says it was done are one batch.
 */
import { APP_001 } from './app-001-projects.ts'
import { PROJECT_001 } from './project-001-tickets.ts'
import { PROJECT_002 } from './project-002-keeping.ts'
import { PROJECT_003 } from './project-003-spent.ts'
import { PROJECT_004 } from './project-004-edits.ts'
import { PROJECT_005 } from './project-005-ticket-settings.ts'
import { PROJECT_006 } from './project-006-drafts.ts'

export interface Schema {
  /** Kept in the file, so that one kind of database is not taken for the other. */
  readonly name: string
  /** Step n is at index n - 1. */
  readonly steps: readonly (readonly string[])[]
}

export const APP_SCHEMA: Schema = { name: 'looptroop-app', steps: [APP_001] }
export const PROJECT_SCHEMA: Schema = {
  name: 'looptroop-project',
  steps: [PROJECT_001, PROJECT_002, PROJECT_003, PROJECT_004, PROJECT_005, PROJECT_006],
}
