/** The demo's command line. */
import { parseArgs } from 'node:util'
import path from 'node:path'
import { fail } from '#core'

export interface DemoOptions {
  /** A person's own repository with their own OpenCode configuration; null: the sample, scripted. */
  readonly own: { readonly repo: string; readonly title: string; readonly description: string; readonly model: string } | null
  /** Decide without asking: approve the plan, take the first answer. */
  readonly yes: boolean
  readonly keep: boolean
  readonly pipeline: string
}

export const USAGE = `npm run demo                                   a sample repository and a scripted model on loopback
npm run demo -- --repo PATH --title "…" --model provider/model [--description "…"] [--yes]
                                               a ticket on your own repository, with your own OpenCode configuration
  --pipeline full   the whole way: a council of three, an interview, a specification, a manual test, a pull request
  --yes    approve the plan and take the first answer without asking
  --keep   leave the sample repository in place to look at`

export function readOptions(argv: readonly string[]): DemoOptions | 'help' {
  const { values } = parse(argv)
  if (values.help) return 'help'
  const { repo, title, model, description = '', yes = false, keep = false, pipeline = 'quick' } = values
  if (repo === undefined) {
    if (title !== undefined || model !== undefined)
      throw fail('INVALID_INPUT', { field: '--repo', problem: 'is needed with --title and --model' })
    return { own: null, yes, keep, pipeline }
  }
  if (title === undefined) throw fail('INVALID_INPUT', { field: '--title', problem: 'is needed with --repo' })
  if (model === undefined)
    throw fail('INVALID_INPUT', { field: '--model', problem: 'is needed with --repo (provider/model, see opencode models)' })
  return { own: { repo: path.resolve(repo), title, description, model }, yes, keep, pipeline }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...argv],
      options: { repo: text, title: text, description: text, model: text, pipeline: text, yes: flag, keep: flag, help: flag },
    })
  } catch (error) {
    throw fail('INVALID_INPUT', { field: 'arguments', problem: error instanceof Error ? error.message : String(error) }, error)
  }
}
