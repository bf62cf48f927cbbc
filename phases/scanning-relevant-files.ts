/** Which files matter for the ticket; the server reads them itself, so that what later prompts see is what is there. */
import * as v from 'valibot'
import { PromptFailed, definePhase, slices } from '#plugins'

const MAX_FILES = 30
const MAX_CHARS = 160_000

const RelativePath = v.pipe(
  v.string(),
  v.minLength(1),
  v.check((p) => !p.startsWith('/') && !p.split('/').includes('..'), 'must be a path inside the repository'),
)
const RelevantFiles = v.object({
  files: v.pipe(
    v.array(
      v.object({
        path: RelativePath,
        rationale: v.string(),
        relevance: v.picklist(['high', 'medium', 'low']),
        likely_action: v.picklist(['read', 'modify', 'create']),
      }),
    ),
    v.minLength(1),
    v.maxLength(MAX_FILES),
  ),
})
type Scan = v.InferOutput<typeof RelevantFiles>

export default definePhase<Scan>({
  id: 'SCANNING_RELEVANT_FILES',
  label: 'Looking for relevant files',
  primitive: 'prompt',
  prompt: {
    role: 'You are a senior engineer who finds what matters in a code base before anybody changes it.',
    task: 'Find the files that matter for the ticket below: those that will change, and those one must have read to change them well.',
    steps: [
      'Look at the repository with your reading tools; do not guess paths.',
      `Name at most ${MAX_FILES} files, the most relevant first, each with one sentence why.`,
      'Say for each whether it will likely be read, modified or created.',
    ],
  },
  context: slices('ticket_details').about('ticket_details'),
  tools: 'read_only',
  output: {
    schema: RelevantFiles,
    format: 'yaml',
    tag: 'RELEVANT_FILES_RESULT',
    example: {
      files: [
        { path: 'src/example.ts', rationale: 'Holds the function that the ticket is about.', relevance: 'high', likely_action: 'modify' },
      ],
    },
    aliases: { rationale: ['reason', 'why'], likely_action: ['action'] },
  },
  async run(phase) {
    const turned = await phase.prompt('scan')
    if (!turned.ok) throw new PromptFailed(turned)
    const { files } = turned.value
    const read = await phase.workspace.files(
      'read',
      files.map((f) => f.path),
      { maxChars: MAX_CHARS },
    )
    const content = files.map((file, i) => ({ ...file, content: read[i]?.content ?? null, truncated: read[i]?.truncated ?? false }))
    await phase.save('relevant_files', { files: content })
    return phase.done(turned.value)
  },
})
