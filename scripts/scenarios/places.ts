/** The turns of a whole `full` ticket that a blow is aimed at: one of each kind of phase. */
import { tagOf } from '../chaos/full-script.ts'
import type { Talk } from './talks.ts'

/** A prompt as it goes to OpenCode, or as the model gets it. */
export interface AskedText {
  readonly text: string
  readonly model: string
}
export interface Place {
  /** Of its phase. */
  readonly label: string
  /** The name of its prompt, the first time that it is asked. */
  readonly prompt: string
  /** Requests to the model of its usual answer. */
  readonly requests: number
  readonly fits: (asked: AskedText) => boolean
  /** In words. */
  readonly what: string
}

const answers = (tag: string, { text }: AskedText): boolean => tagOf({ lastUserText: text }) === tag
/** Of a bead: what the server says to work that does not hold is another turn. */
const bead = (id: string, asked: AskedText): boolean => answers('BEAD_STATUS', asked) && asked.text.includes(`id: ${id}`)

export const PLACES = {
  draft: {
    label: 'Writing the specification',
    prompt: 'draft:scripted/m2',
    requests: 1,
    fits: (asked) => asked.model === 'm2' && answers('PRD', asked),
    what: 'the draft of a council member, while the others draft; cut off, it is asked again in the same attempt',
  },
  check: {
    label: 'Checking the interview',
    prompt: 'audit:1',
    requests: 1,
    fits: (asked) => answers('COVERAGE', asked) && asked.text.includes('whether an interview gives enough'),
    what: 'the check of the interview; cut off, it is asked again in the same attempt',
  },
  bead: {
    label: 'Coding',
    prompt: 'clean-slugs:2',
    requests: 5,
    fits: (asked) => bead('clean-slugs', asked) && !asked.text.includes('iteration: 1'),
    what: 'a bead in its second try, which reads, asks, edits and runs the tests; cut off, the tree is put back and a try follows that is not counted',
  },
  test: {
    label: 'Running the final test',
    prompt: '@final-test:1',
    requests: 1,
    fits: (asked) => answers('FINAL_TEST_COMMANDS', asked) && !asked.text.includes('The manual test failed'),
    what: 'the final test; cut off, as a bead',
  },
  checklist: {
    label: 'Preparing the manual test',
    prompt: 'checklist',
    requests: 1,
    fits: (asked) => answers('MANUAL_QA_CHECKLIST', asked) && !asked.text.includes('Not a word.'),
    what: 'the only prompt of its phase; cut off, the retry rules make a fresh attempt',
  },
  fixes: {
    label: 'Waiting for the manual test',
    prompt: 'fixes',
    requests: 2,
    fits: (asked) => answers('FIX_BEADS', asked),
    what: 'the plan of what a failed check by hand needs, for which it has to look; cut off, it is asked again and the person is not',
  },
  mend: {
    label: 'Coding',
    prompt: 'qa1-1:1',
    requests: 2,
    fits: (asked) => bead('qa1-1', asked),
    what: 'the bead of a failed check; cut off, as a bead',
  },
} as const satisfies Readonly<Record<string, Place>>
export type PlaceName = keyof typeof PLACES

const ANYWHERE = Object.keys(PLACES) as readonly PlaceName[]
/** Where a command may be run, and where a model may ask: no other phase lets it. */
const WHERE: Readonly<Record<Talk, readonly PlaceName[]>> = {
  plain: ANYWHERE,
  retry: ANYWHERE,
  tool: ['bead', 'test', 'mend'],
  permission: ['bead', 'test', 'mend'],
  question: ['bead', 'mend'],
}

/** So that each point and each blow meets every kind of turn that it can meet. */
export function placeOf(talk: Talk, place: { readonly point: number; readonly blow: number }): PlaceName {
  const names = WHERE[talk]
  return names[(place.point + place.blow) % names.length] ?? 'draft'
}
