/** The project's commands as its set-up found that they run: with the environment of the approved plan, prepared anew where needed. */
import { parse } from 'yaml'
import type { ExecResult, PhaseRun } from '../contract.ts'
import type { Environment } from '../documents/setup.ts'

interface Profile {
  readonly environment?: Environment
  readonly lock_files?: readonly string[]
  readonly project_commands?: { readonly prepare?: readonly string[] }
}
export interface ProjectCommands {
  /** Prefix of the names of its verbs. */
  readonly name: string
  readonly commands: readonly string[]
  /** The commit that the work began at: when a lock file differs from it, what was installed is out of date. */
  readonly since?: string | undefined
}

/** One after the other, up to the first that fails. Each result shows the command as it was given. */
export async function runProject(phase: PhaseRun, { name, commands, since }: ProjectCommands): Promise<readonly ExecResult[]> {
  const profile = parse((await phase.read('execution_setup_profile'))?.content ?? '') as Profile | null
  const environment = profile?.environment
  const run = async (verb: string, command: string): Promise<ExecResult> => ({
    ...(await phase.workspace.exec(verb, { command: inEnvironment(environment, command) })),
    command,
  })
  const results: ExecResult[] = []
  for (const [i, command] of (await preparation(phase, { name, profile, since })).entries()) {
    const result = await run(`${name}:prepare:${i}`, command)
    if (result.exitCode !== 0) return [result]
  }
  for (const [i, command] of commands.entries()) {
    const result = await run(`${name}:${i}`, command)
    results.push(result)
    if (result.exitCode !== 0) break
  }
  return results
}

/** In words; null when all ended well. */
export function commandFailure(results: readonly ExecResult[]): string | null {
  const failed = results.find((result) => result.exitCode !== 0)
  if (failed === undefined) return null
  const end = failed.timedOut ? 'ran into its time limit' : `ended with exit code ${failed.exitCode}`
  return `\`${failed.command}\` ${end}:\n${failed.output.slice(-4_000)}`
}

/** For `/bin/sh`. Without an environment the command is as it was. */
export function inEnvironment(environment: Environment | undefined, command: string): string {
  const variables = Object.entries(environment?.variables ?? {}).map(([key, value]) => `export ${key}=${quoted(value)}`)
  const folders = (environment?.path ?? []).toReversed().map((folder) => `export PATH="$PWD"/${quoted(folder)}:"$PATH"`)
  return [...variables, ...folders, command].join('\n')
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

async function preparation(
  phase: PhaseRun,
  { name, profile, since }: { name: string; profile: Profile | null; since: string | undefined },
): Promise<readonly string[]> {
  const commands = profile?.project_commands?.prepare ?? []
  const locks = profile?.lock_files ?? []
  if (since === undefined || commands.length === 0 || locks.length === 0) return []
  const changed = await phase.workspace.changed(`${name}:locks`, since)
  return locks.some((file) => changed.includes(file)) ? commands : []
}
