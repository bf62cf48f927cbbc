/** Runs the same spec files under node:test: `uvu` resolves to an adapter of ten lines (npm run test:node). */
import { register } from 'node:module'

const adapter = `
import { test } from 'node:test'
export const suite = (name) => {
  const tests = []
  const add = (title, handler) => tests.push({ title, handler })
  add.run = () => test(name, async (context) => {
    for (const { title, handler } of tests) await context.test(title, handler)
  })
  return add
}`
const hooks = `
export const resolve = (specifier, context, next) =>
  specifier === 'uvu' ? { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(adapter)}`)}, format: 'module', shortCircuit: true } : next(specifier, context)`

// eslint-disable-next-line -- untyped file
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
