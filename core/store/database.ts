/**
 * What the store's SQL needs of a database, and nothing more: atomic batches and reads, both asynchronous, so that a
 * driver for a libSQL server can take the place of the one for files. There is no interactive transaction.
 */
export type Value = string | number | null
/** Named arguments: `:name` in the SQL. A statement may use fewer than it is given, never more. */
export type Args = Readonly<Record<string, Value>>
export type Row = Readonly<Record<string, Value>>
export interface Statement {
  readonly sql: string
  readonly args: Args
}

export interface Database {
  /**
   * All statements or none, one writer at a time; the rows of each. StatementFailed names the one that failed. `soft`: survives
   * the end of the process at once, the end of the machine only with the next batch that is not soft.
   */
  batch(statements: readonly Statement[], options?: { readonly soft?: boolean }): Promise<readonly (readonly Row[])[]>
  all(sql: string, args?: Args): Promise<readonly Row[]>
  /** Waits for what is under way. */
  close(): Promise<void>
}

/** A statement broke a constraint or could not be run. The store turns it into the error of the guard at this index. */
export class StatementFailed extends Error {
  override readonly name = 'StatementFailed'
  readonly index: number
  /** SQLite's extended code, such as SQLITE_CONSTRAINT_CHECK. */
  readonly code: string
  constructor(index: number, code: string, cause: Error) {
    super(cause.message, { cause })
    this.index = index
    this.code = code
  }
  get constraint(): boolean {
    return this.code.startsWith('SQLITE_CONSTRAINT')
  }
}
