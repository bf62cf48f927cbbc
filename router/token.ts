/** The bearer token: always needed, kept in a file that only this user can read, compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fail, hideSecret } from '#core'

/** The token itself, or the file that keeps it (made when it is not there). */
export type TokenSource = { readonly value: string } | { readonly file: string }

const SHORTEST = 16

export async function tokenOf(source: TokenSource): Promise<string> {
  if ('value' in source) return checked(source.value, 'the given token')
  const kept = (await readKept(source.file)) ?? (await makeToken(source.file))
  return checked(kept, source.file)
}

function checked(token: string, where: string): string {
  if (token.length < SHORTEST) throw fail('CONFIG_INVALID', { problems: `${where} is shorter than ${SHORTEST} characters` })
  return token
}

async function readKept(file: string): Promise<string | null> {
  try {
    const token = (await readFile(file, 'utf8')).trim()
    await chmod(file, 0o600)
    return token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Written whole and then linked into place: of two servers that start at once, both end up with the first one's. */
async function makeToken(file: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true })
  const own = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(own, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await link(own, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(own, { force: true })
  }
  return (await readFile(file, 'utf8')).trim()
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export type TokenCheck = (presented: string | null | undefined) => boolean

/** How long an exchanged token may still be taken. */
const LOOK_AGAIN_MS = 250

/** A kept token may be exchanged while the server runs: write another one into the file. `onChange` is told when that was seen. */
export function tokenCheck(token: string, source: TokenSource, onChange: () => void = () => {}): TokenCheck {
  hideSecret(token)
  let expected = digest(token)
  const changed = 'file' in source ? watched(source.file) : () => null
  return (presented) => {
    if (typeof presented !== 'string') return false
    const found = digest(presented)
    const fresh = changed(!timingSafeEqual(found, expected))
    if (fresh !== null && !timingSafeEqual(digest(fresh), expected)) {
      hideSecret(fresh)
      expected = digest(fresh)
      onChange()
    }
    return timingSafeEqual(found, expected)
  }
}

/** What the file holds when it was written since the last look, else null. A file that is gone or too short changes nothing. */
function watched(file: string): (now: boolean) => string | null {
  let seen = stampOf(file)
  let looked = 0
  return (now) => {
    if (!now && performance.now() - looked < LOOK_AGAIN_MS) return null
    looked = performance.now()
    const stamp = stampOf(file)
    if (stamp === seen) return null
    seen = stamp
    return stamp === '' ? null : readAgain(file)
  }
}

function stampOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return found ? `${found.ino}:${found.mtimeMs}:${found.size}` : ''
}

function readAgain(file: string): string | null {
  try {
    const token = readFileSync(file, 'utf8').trim()
    chmodSync(file, 0o600)
    return token.length < SHORTEST ? null : token
  } catch {
    // Gone or not ours to read between two looks: the known token stays.
    return null
  }
}

/** `authorization: Bearer …` */
export const bearerOf = (header: string | undefined): string | null =>
  header?.startsWith('Bearer ') ? header.slice('Bearer '.length).trim() : null
