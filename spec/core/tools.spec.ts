import * as assert from 'uvu/assert'
import { deniedTools, READING_TOOLS, rulesFor } from '../../core/tools.ts'
import { TOOL_POLICIES, type PermissionRule } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

const KNOWN_TOOLS = [
  'bash',
  'edit',
  'write',
  'glob',
  'grep',
  'list',
  'lsp',
  'codesearch',
  'question',
  'read',
  'skill',
  'task',
  'todowrite',
  'webfetch',
  'websearch',
]
const line = (rule: PermissionRule): string => `${rule.permission} ${rule.pattern} ${rule.action}`

describe('tool rules', (it) => {
  it('begin with everything allowed and everything outside the worktree denied, whatever the policy', () => {
    for (const policy of TOOL_POLICIES) {
      assert.equal(rulesFor(policy, { questions: true }).slice(0, 2).map(line), ['* * allow', 'external_directory * deny'])
    }
  })

  it('read_only is an allow-list: a tool nobody knows yet is denied', () => {
    const rules = rulesFor('read_only', { questions: false })
    assert.equal(deniedTools(rules, READING_TOOLS), [])
    assert.equal(deniedTools(rules, ['bash', 'edit', 'write', 'task', 'tool_of_tomorrow']), [
      'bash',
      'edit',
      'write',
      'task',
      'tool_of_tomorrow',
    ])
    assert.ok(deniedTools(rules, ['external_directory']).length === 1)
  })

  it('disabled denies every tool, default all web tools, online none', () => {
    assert.equal(deniedTools(rulesFor('disabled', { questions: true }), KNOWN_TOOLS), KNOWN_TOOLS)
    assert.equal(deniedTools(rulesFor('default', { questions: true }), KNOWN_TOOLS), ['webfetch', 'websearch'])
    assert.equal(deniedTools(rulesFor('online', { questions: true }), KNOWN_TOOLS), [])
  })

  it('name question exactly once, last, also when the policy is a list that names it', () => {
    const policies = [...TOOL_POLICIES, [{ permission: 'question', pattern: '*', action: 'allow' } as const]]
    for (const policy of policies) {
      for (const questions of [true, false]) {
        const rules = rulesFor(policy, { questions })
        assert.is(rules.filter((rule) => rule.permission === 'question').length, 1)
        assert.is(rules.at(-1)?.permission, 'question')
        assert.is(rules.at(-1)?.action, questions && policy !== 'disabled' ? 'allow' : 'deny')
      }
    }
  })

  it('a deny of a pattern leaves the tool offered, since OpenCode fails only the matching call', () => {
    const rules = rulesFor([{ permission: 'bash', pattern: 'rm *', action: 'deny' }], { questions: false })
    assert.equal(deniedTools(rules, ['bash', 'bash', 'question']), ['question'])
  })
})
