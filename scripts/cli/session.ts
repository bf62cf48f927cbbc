/** What every command of the terminal client needs: a server to talk to, a way to print, and an exit code for each end. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '#core'
import { createLoopTroopClient, type LoopTroopClient } from '#router'
import { dataFolder } from '../data-folder.ts'
import { NobodyAnswers, createAsker } from '../demo/asker.ts'

/** Documented in the README and by `looptroop --help`. */
export const EXIT = {
  done: 0,
  failed: 1,
  wrongUse: 2,
  noServer: 3,
  notAllowed: 4,
  notFound: 5,
  refused: 6,
  blocked: 10,
  canceled: 11,
  interrupted: 130,
} as const
export const EXIT_HELP = `
Exit codes: 0 done · 1 failed · 2 wrong use · 3 no server answers · 4 wrong token · 5 not found · 6 refused as things stand
(a conflict, or not the moment) · 10 watch: the ticket is blocked · 11 watch: the ticket was canceled · 130 interrupted`

export interface GlobalOptions {
  readonly url?: string
  readonly json?: boolean
}

export interface Session {
  readonly client: LoopTroopClient
  readonly json: boolean
  /** A person sits there and can be asked. */
  readonly interactive: boolean
  /** The value as JSON, or the lines for people. */
  readonly print: (value: unknown, lines: () => readonly string[] | string) => void
  readonly ask: (question: string) => Promise<string>
}

export class UsageError extends Error {}

export async function withSession(options: GlobalOptions, work: (session: Session) => Promise<number | void>): Promise<void> {
  const client = createLoopTroopClient({ url: urlOf(options), token: tokenNow })
  const asker = createAsker(process.stdin, process.stdout)
  try {
    process.exitCode = (await work(sessionOf({ client, ask: asker.ask }, options.json === true))) ?? EXIT.done
  } catch (error) {
    process.exitCode = explain(error, options)
  } finally {
    asker.close()
    await client.close()
  }
}

function sessionOf({ client, ask }: Pick<Session, 'client' | 'ask'>, json: boolean): Session {
  const interactive = !json && process.stdin.isTTY && process.stdout.isTTY
  return {
    ...{ client, json, interactive },
    print: (value, lines) => {
      const text = json ? JSON.stringify(value) : [lines()].flat().join('\n')
      process.stdout.write(`${text}\n`)
    },
    ask,
  }
}

function urlOf({ url }: GlobalOptions): string {
  const { env } = process
  return url ?? env['LOOPTROOP_URL'] ?? `http://${env['LOOPTROOP_HOST'] ?? '127.0.0.1'}:${env['LOOPTROOP_PORT'] ?? '4747'}`
}

/** Read each time, so that a changed token is taken up by a watch that runs for days. */
async function tokenNow(): Promise<string> {
  const { env } = process
  if (env['LOOPTROOP_TOKEN']) return env['LOOPTROOP_TOKEN']
  // No file: the server says what is wrong.
  return (await readFile(path.join(dataFolder(env), 'token'), 'utf8').catch(() => 'no-token-file-here')).trim()
}

interface Refusal {
  readonly message: string
  readonly data?: { readonly looptroopCode?: string; readonly hint?: string; readonly httpStatus?: number } | null
}
const BY_STATUS: Readonly<Record<number, number>> = {
  400: EXIT.wrongUse,
  401: EXIT.notAllowed,
  403: EXIT.notAllowed,
  404: EXIT.notFound,
  409: EXIT.refused,
  412: EXIT.refused,
}

/** Says what went wrong and what to do; with the exit code for it. */
function explain(error: unknown, options: GlobalOptions): number {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`)
    return EXIT.wrongUse
  }
  if (error instanceof NobodyAnswers) {
    process.stderr.write('\nNothing was decided.\n')
    return EXIT.interrupted
  }
  const { data } = error as Refusal
  const answered = data !== undefined && data !== null
  const message = answered ? messageOf(error) : `No LoopTroop answers at ${urlOf(options)}: ${messageOf(error)}`
  const hint = answered ? data.hint : 'Start one with `looptroop serve`, or name its address with --url or LOOPTROOP_URL.'
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ error: { code: data?.looptroopCode ?? 'NO_SERVER', message, hint } })}\n`)
  else process.stderr.write(`${message}\n→ ${hint ?? ''}\n`)
  return answered ? (BY_STATUS[data.httpStatus ?? 0] ?? EXIT.failed) : EXIT.noServer
}
