/**
 * The one place that takes secrets out of what is written down or shown: log lines, messages and details of errors,
 * ticket events, diagnostics. By their known values where we know them, else by their shape. The model's own text is left
 * as it is, to the byte.
 */
const HIDDEN = '***'

/** Secrets of this process: taken out wherever they turn up. */
const known = new Set<string>()
const SHORTEST = 8
export function hideSecret(value: string | undefined): void {
  if (value !== undefined && value.length >= SHORTEST) known.add(value)
}

/** Shapes of keys that providers and forges give out. */
const KEYS =
  /\b(?:sk-[\w-]{16,}|sk_(?:live|test)_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_\w{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+)/g
const HEADERS = /(authorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)[^\s"',]{4,}/gi
const CREDENTIALS = /\b(bearer|basic)(\s+)(?=\S*[\d=])[\w.~+/=-]{8,}/gi
const URLS = /\b([a-z][a-z0-9+.-]*:\/\/[^\s/@:"']*):[^\s/@"']+@/gi
/** `api_key=…`, `"password": "…"`; with a digit in the value, for a type in code is no secret. */
const NAMED =
  /((?:api[_-]?key|secret|password|passwd|(?:access|auth|refresh)[_-]?token)["']?\s*[:=]\s*["']?)(?=[^\s"',;&}]*\d)[^\s"',;&}]{6,}/gi

export function redact(text: string): string {
  let out = text
  for (const secret of known) out = out.replaceAll(secret, HIDDEN)
  return out
    .replace(URLS, `$1:${HIDDEN}@`)
    .replace(HEADERS, `$1${HIDDEN}`)
    .replace(CREDENTIALS, `$1$2${HIDDEN}`)
    .replace(KEYS, HIDDEN)
    .replace(NAMED, `$1${HIDDEN}`)
}

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY/
/** A line that holds a key, the head of a private one, or a password in an address. Names such as `password =` alone are no proof. */
export const looksSecret = (line: string): boolean => PRIVATE_KEY.test(line) || line.search(KEYS) >= 0 || line.search(URLS) >= 0

/** All texts of a value, however deep; what holds none is returned as it is. */
export function redactDeep<T>(value: T): T {
  if (typeof value === 'string') return redact(value) as T
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(redactDeep) as T
  const { constructor } = value
  if (constructor !== Object && constructor !== undefined) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redactDeep(inner)])) as T
}

/** One line for a log: what an agent or a tool says cannot look like a line of ours, nor move the cursor. */
export const logLine = (text: string): string =>
  redact(text)
    .replace(/[\r\n\u0085\u2028\u2029]+/g, ' ⏎ ')
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
