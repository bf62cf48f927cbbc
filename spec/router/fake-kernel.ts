/** A kernel of which only the given calls exist; any other one is a mistake of the spec. */
import type { Kernel } from '../../core/index.ts'

type Partially<T> = { readonly [K in keyof T]?: T[K] extends (...args: never[]) => unknown ? T[K] : Partially<T[K]> }

export const fakeKernel = (given: Partially<Kernel>): Kernel => missing('kernel', given) as Kernel

function missing(name: string, given: object): object {
  return new Proxy(given, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key)
      if (typeof key === 'symbol' || key === 'then') return value
      if (value === undefined) throw new Error(`${name}.${key} is not faked`)
      return typeof value === 'object' && value !== null && !Array.isArray(value) && name === 'kernel'
        ? missing(`${name}.${key}`, value)
        : value
    },
  })
}

export const HEALTH = {
  status: 'ok' as const,
  version: '1.2.3',
  opencode: { reachable: true, mode: 'mock', baseUrl: 'mock' },
  store: { ok: true },
  recovery: {},
}
