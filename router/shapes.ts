/** Building blocks of input and output schemas. */
import * as v from 'valibot'
import { ModelSchema } from '#core'

/**
 * The schema of a reply. Its keys are those of the kernel's view, no more and no less (the compiler holds that); anything
 * else an object carries does not leave.
 */
export const reply = <T extends object>(entries: { readonly [K in keyof T]-?: v.GenericSchema }): v.GenericSchema<T, T> =>
  v.object(entries) as unknown as v.GenericSchema<T, T>

export const listOf = <T>(item: v.GenericSchema<T, T>): v.GenericSchema<readonly T[], readonly T[]> =>
  v.array(item) as v.GenericSchema as v.GenericSchema<readonly T[], readonly T[]>

/** Already checked where it came from; here only a type. */
export const given = <T>(): v.GenericSchema<T, T> => v.unknown() as unknown as v.GenericSchema<T, T>

export const some = v.optional
export const orNull = v.nullable

const trimmed = (max: number): v.GenericSchema<string, string> => v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(max))
export const Id = trimmed(200)
export const Title = v.pipe(v.string(), v.trim(), v.minLength(1, 'must not be empty'), v.maxLength(500))
export const LongText = v.pipe(v.string(), v.maxLength(200_000))
export const ShortText = v.pipe(v.string(), v.maxLength(10_000))
export const Limit = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000))
export const Priority = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9))
/** Of an attempt or a revision. */
export const Version = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))
export const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be a sha256 in hexadecimal'))
export const Models = v.object({ main: v.optional(ModelSchema), members: v.optional(v.array(ModelSchema)) })

export const OfTicket = { ticketId: Id }
/** A repeated mutation with the same `actionId` does nothing twice. */
export const Acting = { ticketId: Id, actionId: v.optional(Id) }
export const NoInput = v.optional(v.object({}))

export const Failures = v.array(v.object({ projectId: v.string(), code: v.string(), message: v.string() }))
