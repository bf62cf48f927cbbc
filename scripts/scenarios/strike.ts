/** A ticket is led to the point, and the blow falls. */
import { systemClock } from '#core'
import type { Ended } from './child.ts'
import { waitUntil } from './lane.ts'
import type { Fired, Rule } from './proxy.ts'
import { isAimed, requestsOf, startChild } from './scene.ts'
import type { Child, Scene } from './scene.ts'
import { askedAt } from './table.ts'
import type { Cell } from './table.ts'

export interface Blowing {
  readonly cell: Cell
  /** How long OpenCode stands still. */
  readonly stoppedMs: number
}
/** The way on after the blow: what was held is let go or cut. */
type GoOn = (how: 'pass' | 'drop') => void

const MESSAGES = /^\/session\/[^/]+\/message$/

export async function struck(scene: Scene, blowing: Blowing): Promise<Ended> {
  const { at } = scene.point
  const met = 'wire' in at ? scene.lane.proxy.arm({ ...at.wire, ...ofAimed(scene), act: 'hold' }) : null
  const child = startChild(scene)
  const goOn = await atPoint(child, met)
  const asked = askedAt(blowing.cell)
  await waitUntil(() => requestsOf(scene).filter((request) => isAimed(scene, request)).length >= asked, 'the model was asked')
  return strike(scene, { child, goOn, blowing })
}

const ofAimed = ({ aimed }: Scene): Pick<Rule, 'sessions'> => (aimed ? { sessions: aimed } : {})

async function atPoint(child: Child, met: Promise<Fired> | null): Promise<GoOn> {
  const early = child.ended.then(() => Promise.reject(new Error('the ticket was over before the point was reached')))
  if (met) return (await Promise.race([met, early])).release
  await Promise.race([child.standing, early])
  return () => void child.process.send('go')
}

interface Strike {
  readonly child: Child
  readonly goOn: GoOn
  readonly blowing: Blowing
}

async function strike(scene: Scene, { child, goOn, blowing }: Strike): Promise<Ended> {
  const { lane, point } = scene
  const atWire = 'wire' in point.at
  switch (blowing.cell.blow) {
    case 'LoopTroop killed':
      await child.kill()
      if (atWire) goOn('pass')
      return restarted(scene)
    case 'OpenCode killed': {
      const up = lane.killOpencode()
      if (atWire) goOn('drop')
      await up
      if (!atWire) goOn('pass')
      return child.ended
    }
    case 'both killed': {
      const up = lane.killOpencode()
      await child.kill()
      if (atWire) goOn('drop')
      await up
      return restarted(scene)
    }
    case 'OpenCode stopped':
      lane.freeze()
      goOn('pass')
      await systemClock.sleep(blowing.stoppedMs)
      lane.thaw()
      return child.ended
    case 'reply lost':
      void lane.proxy.arm(
        atWire ? { on: 'reply', method: 'GET', path: MESSAGES, ...ofAimed(scene), act: 'drop' } : { on: 'reply', act: 'drop' },
      )
      goOn(atWire ? 'drop' : 'pass')
      return child.ended
  }
}

/** A killed LoopTroop was told nothing; bytes that it had sent are on their way all the same. */
function restarted(scene: Scene): Promise<Ended> {
  return startChild({ ...scene, config: { ...scene.config, standAt: null } }).ended
}
