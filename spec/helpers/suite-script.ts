/** The adapter suite's words for what a model does, as a scripted model and as the fake's brain. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { Script } from '../../scripts/scripted-model.ts'
import type { SuiteScript } from '../suites/adapter-suite.ts'

export const asModelScript =
  (script: () => SuiteScript): Script =>
  (request) => {
    const say = script()({ text: request.lastUserText, toolResults: request.toolResults.map((r) => r.content) })
    switch (say.kind) {
      case 'text':
        return { text: say.text, ...(say.chunks ? { chunks: say.chunks } : {}) }
      case 'endless':
        return { chunks: ['partial', ...Array<string>(2_000).fill('.')], everyMs: 50 }
      case 'write':
        return { toolCalls: [{ name: 'write', args: { filePath: say.file, content: say.content } }] }
      case 'question':
        return { toolCalls: [{ name: 'question', args: { questions: say.questions } }] }
      case 'permission':
        return { toolCalls: [{ name: 'read', args: { filePath: '/etc/hostname' } }] }
      case 'unauthorized':
        return { status: 401, body: { error: { message: 'bad key', type: 'invalid_request_error' } } }
      case 'rate_limit':
        return { status: 429, headers: { 'retry-after-ms': String(say.waitMs) } }
    }
  }

export const asBrain =
  (script: () => SuiteScript): FakeBrain =>
  (turn) => {
    const say = script()({ text: turn.text, toolResults: turn.toolResults.map((r) => r.output) })
    const actions = (): FakeAction => {
      switch (say.kind) {
        case 'text':
          return { type: 'text', text: say.text, ...(say.chunks ? { chunks: say.chunks } : {}) }
        case 'endless':
          return { type: 'text', text: '', chunks: ['partial'], hold: new Promise(() => undefined) }
        case 'write':
          return {
            type: 'tool',
            tool: 'write',
            input: say,
            run: (directory) => (writeFileSync(join(directory, say.file), say.content), 'Wrote file successfully.'),
          }
        case 'question':
          return { type: 'question', questions: say.questions }
        case 'permission':
          return { type: 'permission', permission: 'external_directory', patterns: ['/etc/*'], run: () => 'read' }
        case 'unauthorized':
          return { type: 'error', name: 'APIError', message: 'bad key', statusCode: 401 }
        case 'rate_limit':
          return { type: 'retry', message: 'scripted 429', waitMs: say.waitMs }
      }
    }
    return [actions()]
  }
