/** A phase from outside. It knows LoopTroop by `looptroop/plugin` alone, and whatever copy of it is installed beside it. */
import { GiveUp, RetryAfter, definePhase, slices } from 'looptroop/plugin'

/** Any Standard Schema will do; this one is written by hand. */
const verdict = {
  '~standard': {
    version: 1,
    vendor: 'looptroop-plugin-licences',
    validate: (value) =>
      typeof value === 'object' && value !== null && typeof value.fine === 'boolean'
        ? { value }
        : { issues: [{ message: 'must be true or false', path: ['fine'] }] },
  },
}

export default definePhase({
  id: 'CHECKING_LICENCES',
  label: 'Checking licences',
  artifact: 'licences',
  outcomes: ['done', 'missing'],
  prompt: { task: 'Say whether the licences of this repository go together.' },
  context: slices('ticket_details', 'beads'),
  output: { schema: verdict, format: 'json', tag: 'LICENCES', example: { fine: true } },
  retry: { attempts: 3, on: [] },
  async run(phase) {
    const wanted = phase.ticket.title
    if (wanted === 'give up') throw new GiveUp('no licence can be read', { hint: 'Add a LICENSE file.' })
    if (wanted === 'come back' && phase.attempt === 1) throw new RetryAfter('the licence server sleeps', 0)
    if (wanted === 'break') throw new TypeError('x is not a function')
    const [file] = await phase.workspace.files('licence', ['LICENSE'], { maxChars: 1000 })
    if (!file?.content) return phase.done({ fine: false }, 'missing')
    const turned = await phase.prompt('licences')
    return phase.done(turned.ok ? turned.value : { fine: false })
  },
})
