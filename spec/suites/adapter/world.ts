/** What a run of the adapter suite is given, and how its tests talk to it. */
import * as assert from 'uvu/assert'
import { LoopTroopError } from '../../../core/errors.ts'
import type { OpencodeAdapter, RemoteMessage, RemoteSession } from '../../../core/opencode/adapter.ts'
import type { PermissionRule } from '../../../plugins/contract.ts'
import { eventually } from '../../helpers/opencode.ts'

/** What the model does at one request, in words that both a scripted model and the fake's brain understand. */
export type Say =
  | { readonly kind: 'text'; readonly text: string; readonly chunks?: readonly string[] }
  /** Says "partial" and no more. */
  | { readonly kind: 'endless' }
  /** Writes the file in the session's directory. */
  | { readonly kind: 'write'; readonly file: string; readonly content: string }
  | { readonly kind: 'question'; readonly questions: readonly Question[] }
  /** Uses something that is asked for by default. */
  | { readonly kind: 'permission' }
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'rate_limit'; readonly waitMs: number }
export interface Question {
  readonly header: string
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
}
export type SuiteScript = (turn: { readonly text: string; readonly toolResults: readonly string[] }) => Say

export interface AdapterWorld extends AsyncDisposable {
  readonly adapter: OpencodeAdapter
  /** Two folders, real paths. */
  readonly directory: string
  readonly elsewhere: string
  readonly model: { readonly provider: string; readonly model: string }
  /** From now on. */
  script(script: SuiteScript): void
  modelRequests(): number
  /** A server address that refuses, for the failures of a call; null where there is no network. */
  readonly secret: string
}
export const sayOk: SuiteScript = () => ({ kind: 'text', text: 'ok' })

export type Setup = () => Promise<AdapterWorld>
let counter = 0
export const uniqueId = (prefix: string): string => `${prefix}_${Date.now().toString(36)}${(counter++).toString(36)}x`

export async function newSession(world: AdapterWorld, rules: readonly PermissionRule[] = []): Promise<RemoteSession> {
  return world.adapter.createSession({ directory: world.directory, title: 'suite', metadata: { nonce: 'n1' }, rules })
}
export async function send(world: AdapterWorld, session: RemoteSession, text: string, messageId = uniqueId('msg')): Promise<string> {
  const parts = [{ id: `prt_${messageId}`, type: 'text' as const, text }]
  await world.adapter.promptSession(session.id, session.directory, { messageId, parts, model: world.model })
  return messageId
}
export const answers = (messages: readonly RemoteMessage[] | null, messageId: string): readonly RemoteMessage[] =>
  (messages ?? []).filter((m) => m.role === 'assistant' && m.parentId === messageId)

/** Ended as the messages and the status say it. */
export async function settled(world: AdapterWorld, session: RemoteSession, messageId: string): Promise<RemoteMessage> {
  return eventually(async () => {
    const last = answers(await world.adapter.getSessionMessages(session.id), messageId).at(-1)
    const running = (await world.adapter.sessionStatuses(session.directory))[session.id]
    return last?.completedAt !== undefined && running === undefined ? last : null
  })
}
export const textOf = (message: RemoteMessage): string => message.parts.map((p) => (p.type === 'text' ? p.text : '')).join('')

export async function rejects(code: string, work: () => Promise<unknown>): Promise<LoopTroopError> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof LoopTroopError)) throw error
    assert.is(error.code, code)
    return error
  }
  throw new Error(`expected ${code}, but it was fulfilled`)
}
