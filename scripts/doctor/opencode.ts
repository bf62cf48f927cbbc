/** What can go wrong with OpenCode over a night, as far as it can be seen from outside. */
import { credentialsOf, endOrphans, inspectManaged, systemClock } from '#core'
import { check } from './check.ts'
import type { Finding } from './check.ts'

type Env = Readonly<Record<string, string | undefined>>
/** OpenCode never prunes its event rows; databases of many gigabytes were reported. */
const HUGE_DATABASE_BYTES = 2_000_000_000

export async function opencodeFindings(env: Env, dataDir: string): Promise<readonly Finding[]> {
  const managed = await inspectManaged(dataDir, systemClock)
  const { record, alive, stuck, orphans, databaseBytes } = managed
  const findings: Finding[] = []
  if (record && alive && stuck === null)
    findings.push(
      check('opencode.managed', 'ok', `managed OpenCode ${record.version} runs as process ${record.pid} on port ${record.port}`),
    )
  if (record && !alive)
    findings.push(
      check(
        'opencode.managed',
        'warn',
        `the managed OpenCode (process ${record.pid}) is gone without having been stopped`,
        'The next start replaces it; its open turns are looked at then.',
      ),
    )
  if (record && stuck !== null)
    findings.push({
      ...check(
        'opencode.stuck',
        'fail',
        `the managed OpenCode (process ${record.pid}) lives but does not answer: ${stuck}`,
        `Look at it, then kill ${record.pid}; the next start takes its turns up.`,
      ),
      evidence: managed,
    })
  if (orphans.length > 0)
    findings.push({
      ...check(
        'opencode.orphans',
        'warn',
        `${orphans.length} processes of an agent outlived their OpenCode: ${orphans.join(', ')}`,
        'They may still write into worktrees: end them (--fix).',
      ),
      evidence: orphans,
      fix: `end processes ${orphans.join(', ')}`,
      mend: () => Promise.resolve(endOrphans(orphans)),
    })
  if (databaseBytes > HUGE_DATABASE_BYTES)
    findings.push(
      check(
        'opencode.database',
        'warn',
        `the managed OpenCode's database has ${(databaseBytes / 1e9).toFixed(1)} GB`,
        'It is never pruned. With no ticket under way, stop LoopTroop and move the data folder away.',
      ),
    )
  return [...findings, ...(await attachedFindings(env))]
}

/** A server that somebody else configures: what we would have set, and they may not have. */
async function attachedFindings(env: Env): Promise<readonly Finding[]> {
  const baseUrl = env['LOOPTROOP_OPENCODE_BASE_URL']
  if (baseUrl === undefined) return []
  const auth = credentialsOf(env)
  const headers = auth ? { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` } : undefined
  const config = await readConfig(`${baseUrl.replace(/\/+$/, '')}/config`, headers)
  const findings: Finding[] = []
  if (!auth)
    findings.push(
      check(
        'opencode.unauthenticated',
        'warn',
        `${baseUrl} is used without a password`,
        'Whoever reaches it runs commands as its user: set OPENCODE_SERVER_PASSWORD on both sides.',
      ),
    )
  if (config && config.autoupdate !== false)
    findings.push(
      check(
        'opencode.autoupdate',
        'warn',
        `${baseUrl} may update itself`,
        'Set "autoupdate": false in its configuration: an update ends running turns.',
      ),
    )
  if (config && config.snapshot !== false)
    findings.push(check('opencode.snapshot', 'ok', `${baseUrl} keeps snapshots; turns take about twice as long as without`))
  return findings
}

interface OpencodeConfig {
  readonly autoupdate?: unknown
  readonly snapshot?: unknown
}
/** Null when it cannot be asked: `opencode.server` says why. */
async function readConfig(url: string, headers: Readonly<Record<string, string>> | undefined): Promise<OpencodeConfig | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(3_000), ...(headers ? { headers } : {}) })
    return response.ok ? ((await response.json()) as OpencodeConfig) : null
  } catch {
    return null // unreachable, stalled or no JSON: the server check reports it
  }
}
