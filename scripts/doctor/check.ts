/** One finding of doctor. The id is stable: scripts may look for it. */
export type Severity = 'ok' | 'warn' | 'fail'
export interface Check {
  readonly id: string
  readonly severity: Severity
  readonly message: string
  /** What to do; null when there is nothing to do. */
  readonly hint: string | null
  /** What it was concluded from. */
  readonly evidence?: unknown
  /** What `--fix` would do, in words; absent when doctor cannot mend it. */
  readonly fix?: string
}
/** A finding with its remedy. */
export interface Finding extends Check {
  readonly mend?: () => Promise<void>
}

export const check = (id: string, severity: Severity, message: string, hint: string | null = null): Finding => ({
  id,
  severity,
  message,
  hint,
})
