/** Which files a change should consist of: what is odd about one, who decides on it, and what was decided. Pure. */
import * as v from 'valibot'
import type { CandidateFile } from '../contract.ts'

/** `own`: LoopTroop's. `undeclared`: no work item said that it would touch it; told, but no reason to ask. */
export type FileFlag = 'own' | 'secret' | 'generated' | 'large' | 'binary' | 'link' | 'submodule' | 'undeclared'
export const VERDICTS = ['include', 'exclude', 'review'] as const
export type JudgedFile = {
  readonly path: string
  readonly status: CandidateFile['status']
  readonly bytes: number | null
  readonly flags: readonly FileFlag[]
  readonly verdict: (typeof VERDICTS)[number]
  readonly reason: string
}

const LARGE_BYTES = 1024 * 1024
const OWN = /^\.(looptroop|ticket)\//
/** What tools leave behind, by folder or by name. */
const LEFT_IN =
  /(^|\/)(node_modules|__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.tox|\.venv|venv|\.gradle|\.next|\.nuxt|\.turbo)\//
const BUILT_IN = /(^|\/)(dist|build|out|target|coverage|\.nyc_output|htmlcov|\.cache|tmp|temp)\//
const LEFT_AS =
  /(^|\/)(\.DS_Store|Thumbs\.db|\.coverage|npm-debug\.log[^/]*|core\.\d+)$|\.(pyc|pyo|class|o|obj|swp|swo|orig|rej|log|tsbuildinfo)$/
/** Where keys and passwords usually are. */
const SECRET_NAME =
  /(^|\/)(\.env(\.(?!example$|sample$|template$|dist$)[^/]+)?|\.netrc|\.npmrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(pem|key|p12|pfx|jks|keystore)|credentials(\.json)?)$/i

/** Left by a tool beyond doubt: an untracked one is not taken into a commit. */
export const isLeftover = ({ path, tracked, status }: CandidateFile): boolean =>
  !tracked && status === 'added' && (LEFT_IN.test(path) || LEFT_AS.test(path) || OWN.test(path))

export function flagsOf(file: CandidateFile, declared: readonly string[]): readonly FileFlag[] {
  const { path, status, kind } = file
  if (status === 'deleted') return isDeclared(path, declared) ? [] : ['undeclared']
  const added = status === 'added'
  const found: readonly (readonly [FileFlag, boolean])[] = [
    ['own', OWN.test(path)],
    ['secret', file.secrets.length > 0 || (added && SECRET_NAME.test(path))],
    ['generated', added && (LEFT_IN.test(path) || BUILT_IN.test(path) || LEFT_AS.test(path))],
    ['large', (file.bytes ?? 0) > LARGE_BYTES],
    ['binary', file.binary],
    ['link', kind === 'link'],
    ['submodule', kind === 'submodule'],
    ['undeclared', !isDeclared(path, declared)],
  ]
  return found.flatMap(([flag, holds]) => (holds ? [flag] : []))
}

/** By its own path or a folder above it. */
export const isDeclared = (path: string, declared: readonly string[]): boolean =>
  declared.some((name) => path === name || path.startsWith(`${name.replace(/\/+$/, '')}/`))

/** A model is asked about these. */
export const isOdd = ({ flags }: Pick<JudgedFile, 'flags'>): boolean => flags.some((flag) => flag !== 'undeclared' && flag !== 'own')

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
export const FileVerdicts = v.object({
  files: v.array(v.object({ path: Text, verdict: v.picklist(VERDICTS), reason: Text })),
})
export type FileVerdicts = v.InferOutput<typeof FileVerdicts>

/**
 * Before anybody is asked: LoopTroop's own files never go along, what may be a secret waits for a person, all else is in. With a
 * model's verdicts it is as they say, but for those two.
 */
export function judge(
  files: readonly CandidateFile[],
  { declared, verdicts }: { declared: readonly string[]; verdicts: FileVerdicts | null },
): readonly JudgedFile[] {
  return files.map((file) => {
    const flags = flagsOf(file, declared)
    const said = isOdd({ flags }) ? verdicts?.files.find((one) => one.path === file.path) : undefined
    const { path, status, bytes } = file
    return { path, status, bytes, flags, ...decided(file, { flags, said }) }
  })
}

type Decided = Pick<JudgedFile, 'verdict' | 'reason'>
function decided(file: CandidateFile, { flags, said }: { flags: readonly FileFlag[]; said: Decided | undefined }): Decided {
  if (flags.includes('own')) return { verdict: 'exclude', reason: 'LoopTroop keeps it there; it is no part of the change' }
  if (!flags.includes('secret')) return said ?? { verdict: 'include', reason: '' }
  const where = file.secrets.length > 0 ? `line ${file.secrets.join(', ')} looks like a secret` : 'such files hold secrets as a rule'
  if (said?.verdict === 'exclude') return { verdict: 'exclude', reason: said.reason }
  return { verdict: 'review', reason: said ? `${where}; the model: ${said.reason}` : where }
}
