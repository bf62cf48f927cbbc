/** The least that anybody who reads OpenCode's stream has to do: frames cut apart, parsed, counted by session. */
import { get } from 'node:http'
import { playRole, usage } from '../role.ts'

const counted = new Map<string, number>()

function open({ url }: { url: string }): Promise<void> {
  return new Promise((resolve) => {
    get(`${url}/global/event`, (response) => {
      let rest = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const frames = (rest + chunk).split('\n\n')
        rest = frames.pop() ?? ''
        for (const frame of frames) take(frame.slice('data: '.length))
        resolve()
      })
    })
  })
}

function take(frame: string): void {
  const { payload } = JSON.parse(frame) as { payload: { type: string; properties: { sessionID?: string } } }
  const { sessionID } = payload.properties
  if (payload.type === 'message.part.delta' && sessionID !== undefined) counted.set(sessionID, (counted.get(sessionID) ?? 0) + 1)
}

playRole({ open, usage, count: () => [...counted.values()].reduce((sum, n) => sum + n, 0) })

export type MinimalRole = { readonly open: typeof open; readonly usage: typeof usage; readonly count: () => number }
