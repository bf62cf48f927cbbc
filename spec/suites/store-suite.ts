/** What every driver of the store has to pass. `open` gives an empty place; it is emptied when the test ends. */
import { describe } from '../helpers/suite.ts'
import { databaseSuite } from './store/databases.ts'
import { editSuite } from './store/edits.ts'
import type { OpenHome } from './store/home.ts'
import { keepingSuite } from './store/keeping.ts'
import { spentSuite } from './store/spent.ts'
import { ticketSuite } from './store/tickets.ts'
import { inboxSuite, sessionSuite, turnSuite } from './store/turns.ts'
import { journalSuite, leaseSuite, logSuite } from './store/work.ts'

export function storeSuite(name: string, open: OpenHome): void {
  describe(`${name}: tickets`, (it) => ticketSuite(it, open))
  describe(`${name}: leases`, (it) => leaseSuite(it, open))
  describe(`${name}: journal and items`, (it) => journalSuite(it, open))
  describe(`${name}: artifacts and events`, (it) => logSuite(it, open))
  describe(`${name}: edits`, (it) => editSuite(it, open))
  describe(`${name}: sessions`, (it) => sessionSuite(it, open))
  describe(`${name}: turns`, (it) => turnSuite(it, open))
  describe(`${name}: inbox and commands`, (it) => inboxSuite(it, open))
  describe(`${name}: house-keeping`, (it) => keepingSuite(it, open))
  describe(`${name}: what is spent`, (it) => spentSuite(it, open))
  describe(`${name}: the whole database`, (it) => databaseSuite(it, open))
}
