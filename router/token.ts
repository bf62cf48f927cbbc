/** The bearer token: always needed, kept in a file that only this user can read, compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fail } from '#core'

/** The token itself, or the file that keeps it (made when it is not there). */
export type TokenSource = { readonly value: string } | { readonly file: string }

export async function tokenOf(source: TokenSource): Promise<string> {
  if ('value' in source) return checked(source.value, 'the given token')
  const kept = (await readKept(source.file)) ?? (await makeToken(source.file))
  return checked(kept, source.file)
}

function checked(token: string, where: string): string {
  if (token.length < 16) throw fail('CONFIG_INVALID', { problems: `${where} is shorter than 16 characters` })
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

export function tokenCheck(token: string): TokenCheck {
  const expected = digest(token)
  return (presented) => typeof presented === 'string' && timingSafeEqual(digest(presented), expected)
}

/** `authorization: Bearer …` */
export const bearerOf = (header: string | undefined): string | null =>
  header?.startsWith('Bearer ') ? header.slice('Bearer '.length).trim() : null
