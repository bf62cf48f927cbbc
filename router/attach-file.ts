/** A file for a manual test, sent by the client: its bytes go as they are, which tRPC's JSON could not. */
import { TRPCClientError } from '@trpc/client'
import type { AppRouter } from './app.ts'

export interface AttachedFile {
  readonly sha256: string
  readonly name: string
  readonly bytes: number
  readonly type: string
  readonly addedAt: number
}
export interface FileToAttach {
  readonly name: string
  readonly content: Blob | ArrayBuffer | Uint8Array | string
}
interface Refused {
  readonly error?: { readonly code?: string; readonly message?: string; readonly hint?: string }
}

/** Fails as a call does: a TRPCClientError with `data.looptroopCode`, `data.hint` and `data.httpStatus`. */
export async function attachFile(
  { base, token, send }: { base: string; token: string; send: typeof fetch },
  ticketId: string,
  { name, content }: FileToAttach,
): Promise<AttachedFile> {
  const response = await send(`${base}/api/tickets/${encodeURIComponent(ticketId)}/evidence?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: content as NonNullable<RequestInit['body']>,
  })
  if (response.ok) return (await response.json()) as AttachedFile
  const { error = {} } = (await response.json().catch(() => ({}))) as Refused
  const data = { looptroopCode: error.code, hint: error.hint, httpStatus: response.status }
  const message = error.message ?? `the server answered ${response.status}`
  throw TRPCClientError.from<AppRouter>({ error: { code: -32_603, message, data } } as never)
}
