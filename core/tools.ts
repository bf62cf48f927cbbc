/**
 * Tool policy → OpenCode permission rules. In OpenCode the last matching rule wins, and a tool whose last match for
 * pattern `*` is a deny is not offered to the model at all. Sub-agents inherit the session's rules.
 */
import type { PermissionRule, ToolPolicy } from '#plugins/contract'

const allow = (permission: string): PermissionRule => ({ permission, pattern: '*', action: 'allow' })
const deny = (permission: string): PermissionRule => ({ permission, pattern: '*', action: 'deny' })

/** Nobody sits in front of OpenCode: everything is allowed silently, but nothing outside the worktree. */
const BASE = [allow('*'), deny('external_directory')]
/** What only looks. An allow-list: a tool that OpenCode adds tomorrow is denied until it is known. */
export const READING_TOOLS = ['read', 'glob', 'grep', 'list', 'lsp', 'codesearch'] as const

const POLICIES: Readonly<Record<Extract<ToolPolicy, string>, readonly PermissionRule[]>> = {
  read_only: [deny('*'), ...READING_TOOLS.map(allow)],
  disabled: [deny('*')],
  default: [deny('webfetch'), deny('websearch')],
  online: [],
}

/** The ordered rules of a session. Exactly one rule names `question`, and it is the last: no policy can open or close it. */
export function rulesFor(policy: ToolPolicy, options: { readonly questions: boolean }): readonly PermissionRule[] {
  const own = typeof policy === 'string' ? POLICIES[policy] : policy
  const question = options.questions && policy !== 'disabled' ? allow('question') : deny('question')
  return [...BASE, ...own, question].filter((rule, index, all) => rule.permission !== 'question' || index === all.length - 1)
}

/** OpenCode's tools that ask for a right of another name. */
const RIGHT_OF_TOOL: Readonly<Record<string, string>> = {
  write: 'edit',
  patch: 'edit',
  apply_patch: 'edit',
  multiedit: 'edit',
  todoread: 'todowrite',
}

/** Which of these tools the rules deny altogether. For tools that a turn completed: a refused call is a tool part with an error. */
export function deniedTools(rules: readonly PermissionRule[], toolNames: readonly string[]): readonly string[] {
  return [...new Set(toolNames)].filter((tool) => !isOffered(rules, RIGHT_OF_TOOL[tool] ?? tool))
}

function isOffered(rules: readonly PermissionRule[], right: string): boolean {
  const last = rules.findLast((rule) => matches(rule.permission, right))
  return last === undefined || last.pattern !== '*' || last.action !== 'deny'
}

/** OpenCode's wildcards: `*` is any run of characters, `?` any one. */
const matches = (pattern: string, name: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(name)
