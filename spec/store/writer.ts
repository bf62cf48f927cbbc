/** A process of its own that appends events to a ticket and prints each one once it is stored. */
import { systemChance, systemClock } from '../../core/ports.ts'
import { createFileStores } from '../../core/store/sql-store.ts'

const [url = '', ticketId = '', generation = '', name = '', count = ''] = process.argv.slice(2)
const store = await createFileStores({ clock: systemClock, chance: systemChance }).openProject(url, { projectId: 'p1', projectKey: 'KEY' })
process.stdout.write('open\n')
for (let n = 0; n < Number(count); n++) {
  const file = `${name}-${n}`
  await store.appendEvents({ ticketId, generation: Number(generation) }, { events: [{ type: 'file.edited', data: { file } }], at: n })
  process.stdout.write(`${file}\n`)
}
await store.close()
