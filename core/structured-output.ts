/** Asking for a value and reading it back: the one place where a model's text becomes typed data. */
export { describeOutput, retryText } from './structured/describe.ts'
export { parseAnswer, type AnswerFailure, type ParsedAnswer } from './structured/parse-answer.ts'
