/** Reading the columns of a row. */
import type { Row } from '../database.ts'

export const text = (row: Row, name: string): string => row[name] as string
export const textOrNull = (row: Row, name: string): string | null => row[name] as string | null
export const int = (row: Row, name: string): number => row[name] as number
export const intOrNull = (row: Row, name: string): number | null => row[name] as number | null
export const json = <T>(row: Row, name: string): T => (row[name] === null ? null : JSON.parse(row[name] as string)) as T
