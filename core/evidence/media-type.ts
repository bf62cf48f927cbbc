/** What a file is, by how it begins: an image that a page may show, a text, or bytes that are only handed out. */
import { open } from 'node:fs/promises'

const BEGINNING = 8_192
const starts = (bytes: Buffer, text: string, at = 0): boolean => bytes.subarray(at, at + text.length).toString('latin1') === text

const SIGNATURES: readonly (readonly [type: string, is: (bytes: Buffer) => boolean])[] = [
  ['image/png', (b) => starts(b, '\u0089PNG\r\n\u001a\n')],
  ['image/jpeg', (b) => starts(b, '\u00ff\u00d8\u00ff')],
  ['image/gif', (b) => starts(b, 'GIF87a') || starts(b, 'GIF89a')],
  ['image/webp', (b) => starts(b, 'RIFF') && starts(b, 'WEBP', 8)],
  ['image/avif', (b) => starts(b, 'ftypavif', 4) || starts(b, 'ftypavis', 4)],
  ['text/plain', isText],
]
export const mediaTypeOf = (bytes: Buffer): string => SIGNATURES.find(([, is]) => is(bytes))?.[0] ?? 'application/octet-stream'

export async function beginningOf(file: string, bytes = BEGINNING): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** UTF-8 without NUL; the last character may be cut off. */
function isText(bytes: Buffer): boolean {
  if (bytes.includes(0)) return false
  const text = bytes.toString('utf8')
  const broken = text.indexOf('\ufffd')
  return broken === -1 || broken >= text.length - 3
}
