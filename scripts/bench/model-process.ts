/** The scripted model as a process of its own: as a provider is, it takes no time of LoopTroop's. */
import { fork } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startScriptedModel } from '../scripted-model.ts'

export interface ModelProcess {
  readonly url: string
  close(): Promise<void>
}

/** It answers everything with this text, at once. */
export async function startModelProcess(text: string): Promise<ModelProcess> {
  const child = fork(fileURLToPath(import.meta.url), [text], { execArgv: ['--import', 'tsx'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(message as string))
    child.once('exit', (code) => reject(new Error(`the model ended with ${code}`)))
  })
  return {
    url,
    close: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = process.argv[2] ?? ''
  const { url } = await startScriptedModel({ script: () => ({ text }) })
  process.send?.(url)
  process.once('disconnect', () => process.exit(0))
}
