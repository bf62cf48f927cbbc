/** Stored settings, in either database: one row per name. An `undefined` value takes the row away. */
import type { Settings, SettingsPatch } from '../../settings.ts'
import type { Database, Statement } from '../database.ts'
import { encode, toSettings } from './decode.ts'

export interface SettingVerbs {
  settings(): Promise<Partial<Settings>>
  putSettings(input: { readonly at: number; readonly patch: SettingsPatch }): Promise<void>
}

export const settingVerbs = (database: Database): SettingVerbs => ({
  settings: async () => toSettings(await database.all('SELECT name, value FROM settings')),
  putSettings: async ({ patch }) => {
    const statements = Object.entries(patch as Record<string, unknown>).map(([name, value]): Statement =>
      value === undefined
        ? { sql: 'DELETE FROM settings WHERE name = :name', args: { name } }
        : {
            sql: 'INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
            args: { name, value: encode(value) },
          },
    )
    await database.batch(statements)
  },
})
