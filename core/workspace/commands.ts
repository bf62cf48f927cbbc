/** A command line in the ticket's worktree, for `/bin/sh -c`. */
import type { ExecResult } from '#plugins/contract'
import { fail, messageOf } from '../errors.ts'
import { cleanEnvironment } from './environment.ts'
import { OutputBuffer, runProcess } from './process.ts'

export interface CommandRequest {
  readonly cwd: string
  readonly command: string
  readonly timeoutMs: number
  /** Bytes of output that are kept, half of them from the end. */
  readonly maxOutput: number
  /** Beside the clean environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** A command that fails is a result. Rejects when it cannot be started, and with the signal's reason when that was aborted. */
export async function runCommand({ cwd, command, timeoutMs, maxOutput, env, signal }: CommandRequest): Promise<ExecResult> {
  const output = new OutputBuffer(maxOutput)
  const request = {
    file: '/bin/sh',
    args: ['-c', command],
    cwd,
    env: cleanEnvironment(env),
    timeoutMs,
    signal,
    onOutput: (_: unknown, chunk: Buffer) => output.add(chunk),
  }
  try {
    const { exitCode, timedOut, durationMs } = await runProcess(request)
    return { command, exitCode: timedOut ? null : exitCode, output: output.text(), durationMs, timedOut, truncated: output.truncated }
  } catch (error) {
    signal?.throwIfAborted()
    throw fail('COMMAND_FAILED', { command, exit: 'no start', output: messageOf(error) }, error)
  }
}
