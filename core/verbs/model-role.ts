/** Which model a role means for this ticket now. */
import * as v from 'valibot'
import { parse } from 'yaml'
import type { ModelRef, ModelRole } from '#plugins/contract'
import { fail } from '../errors.ts'
import { ModelSchema } from '../settings.ts'
import type { RunContext } from './run-context.ts'

const Council = v.object({ winner: v.object({ model: ModelSchema }) })

/** A council's record names its winner's model (see `ModelRole`); where there was no council the main model stands in. */
export async function modelFor({ driving, ticket }: RunContext, role: ModelRole | ModelRef): Promise<ModelRef> {
  if (typeof role === 'object' && 'provider' in role) return role
  const main = ticket.settings['models.main']
  if (!main) throw fail('MODEL_MISSING')
  if (typeof role === 'string') return main
  const record = await driving.store.artifact(ticket.id, { kind: `${role.winner}_council` })
  const council = v.safeParse(Council, record && parse(record.content))
  return council.success ? council.output.winner.model : main
}
