/** The ticket of a cell of the first table: one phase with one prompt, which may use tools and ask. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import * as v from 'valibot'
import { definePhase, definePipeline } from '#plugins'
import type { PhasePlugin } from '#plugins'
import type { Play } from './plays.ts'
import { POINTS } from './points.ts'
import { talkScript } from './talks.ts'
import type { Talk } from './talks.ts'
import { TABLE } from './table.ts'

const Said = v.object({ said: v.string() })
/** Kind of the artifact. */
export const SAID = 'said'
/** In the answer of every cell. */
export const WORDS = 'all of it'

/** With the talk about a permission, every command asks for one. */
const talking = (talk: Talk): PhasePlugin<v.InferOutput<typeof Said>> =>
  definePhase<v.InferOutput<typeof Said>>({
    id: 'TALKING',
    label: 'Talking',
    tools: talk === 'permission' ? [{ permission: 'bash', pattern: '*', action: 'ask' }] : 'default',
    questions: true,
    artifact: SAID,
    output: { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } },
    retry: { delay: 50 },
  })

export const talk: Play = {
  table: TABLE,
  phases: ({ point }) => [talking(POINTS[point].talk)],
  pipelines: [definePipeline({ name: 'talk', label: 'One prompt', rows: [{ phase: 'TALKING', group: 'all' }] })],
  settings: {},
  ticket: { title: 'Talk', pipeline: 'talk' },
  decide: null,
  makeRepository,
  script: ({ point }) => talkScript(POINTS[point].talk, () => ({ text: `<SAID>{"said": "${WORDS}"}</SAID>` })),
  place: () => null,
}

async function makeRepository(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'README.md'), 'hello\n')
  const git = (...args: string[]): Promise<unknown> =>
    promisify(execFile)('git', ['-c', 'user.name=Cell', '-c', 'user.email=cell@localhost', ...args], { cwd: folder })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '-m', 'base')
}
