/** Questions at a terminal, one after the other. What is typed or pasted ahead answers the next ones; who closes the terminal answers none. */
import { createInterface, type Interface } from 'node:readline'

export interface Asker {
  readonly ask: (question: string) => Promise<string>
  readonly close: () => void
}
/** The terminal was closed (Ctrl-D), or the question interrupted (Ctrl-C). */
export class NobodyAnswers extends Error {
  override readonly name = 'NobodyAnswers'
}

export function createAsker(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Asker {
  const ahead: string[] = []
  let reader: Interface | null = null
  let closed = false
  let refuse: ((error: Error) => void) | null = null
  const open = (): Interface => {
    const made = createInterface({ input, output })
    made.on('line', (line) => ahead.push(line))
    made.on('close', () => {
      closed = true
      refuse?.(new NobodyAnswers('nobody answers'))
    })
    return made
  }
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        const typed = ahead.shift()
        if (typed !== undefined) {
          output.write(`${question}${typed}\n`)
          return resolve(typed.trim())
        }
        if (closed) return reject(new NobodyAnswers('nobody answers'))
        refuse = reject
        reader ??= open()
        reader.question(question, (line) => {
          refuse = null
          resolve(line.trim())
        })
      }),
    close: () => {
      refuse = null
      reader?.close()
    },
  }
}
