/** One file that holds others: a plain tar (ustar), so that a backup can be looked into with any tar. Files stream through. */
import { createReadStream } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { fail } from '../errors.ts'

const BLOCK = 512
/** Of the size field: eleven octal digits. */
const LARGEST = 8 ** 11 - 1
const CHUNK = 1024 * 1024

export interface Entry {
  readonly name: string
  readonly path: string
}

/** Written beside, made durable, then put in the place of what was there. */
export async function writeArchive(file: FileHandle, entries: readonly Entry[], at: number): Promise<void> {
  for (const { name, path } of entries) {
    const { size } = await stat(path)
    if (size > LARGEST) throw fail('BACKUP_INVALID', { file: path, problem: `it has ${size} bytes; an archive takes up to ${LARGEST}` })
    await file.write(header(name, size, at))
    let written = 0
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
      await file.write(chunk as Buffer)
      written += (chunk as Buffer).length
    }
    if (written !== size) throw fail('BACKUP_INVALID', { file: path, problem: 'it changed while it was read' })
    await file.write(Buffer.alloc(padding(size)))
  }
  await file.write(Buffer.alloc(2 * BLOCK))
  await file.sync()
}

/** Each entry's name and content go to `take`, in order; what it does not read is passed over. */
export async function readArchive(
  path: string,
  take: (name: string, size: number, content: () => AsyncGenerator<Buffer>) => Promise<void>,
): Promise<void> {
  const bad = (problem: string): Error => fail('BACKUP_INVALID', { file: path, problem })
  const file = await open(path, 'r').catch((error: unknown) => {
    throw fail('BACKUP_INVALID', { file: path, problem: 'it cannot be read' }, error)
  })
  try {
    const found = await file.stat()
    if (!found.isFile()) throw bad('it is no file')
    const whole = found.size
    for (let at = 0; ;) {
      const block = Buffer.alloc(BLOCK)
      const { bytesRead } = await file.read(block, 0, BLOCK, at)
      if (bytesRead < BLOCK) throw bad('it ends too early')
      if (block.every((byte) => byte === 0)) return
      const { name, size } = parseHeader(block) ?? {}
      if (name === undefined || size === undefined) throw bad('it is no archive of LoopTroop')
      const begin = at + BLOCK
      if (begin + size > whole) throw bad('it ends too early')
      await take(name, size, () => slice(file, begin, size))
      at = begin + size + padding(size)
    }
  } finally {
    await file.close()
  }
}

async function* slice(file: FileHandle, begin: number, size: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < size;) {
    const chunk = Buffer.alloc(Math.min(CHUNK, size - done))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, begin + done)
    if (bytesRead === 0) return
    done += bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK
const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`
const sumOf = (block: Buffer): number => block.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0)

function header(name: string, size: number, at: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0, 100)
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7) + octal(0, 7), 108)
  block.write(octal(size, 11) + octal(Math.floor(at / 1_000), 11), 124)
  block.write('0', 156)
  block.write('ustar\u000000', 257)
  block.write(`${sumOf(block).toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

function parseHeader(block: Buffer): { name: string; size: number } | null {
  const field = (from: number, to: number): string => block.toString('utf8', from, to).replace(/\0.*$/, '').trim()
  if (field(257, 262) !== 'ustar' || Number.parseInt(field(148, 156), 8) !== sumOf(block)) return null
  return { name: field(0, 100), size: Number.parseInt(field(124, 136), 8) }
}
