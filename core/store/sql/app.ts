/** The app database: attached projects, app-wide settings and small values of the server. */
import { fail, type LoopTroopError } from '../../errors.ts'
import { StatementFailed, type Database, type Statement } from '../database.ts'
import { setMeta } from '../migrate.ts'
import type { ProjectRecord } from '../records.ts'
import type { AppStore } from '../app-store.ts'
import { toProject } from './decode.ts'
import { settingVerbs } from './settings.ts'

/** Keys of `meta` that callers set are kept apart from the schema's own. */
const metaKey = (key: string): string => `value:${key}`

export const appStore = (database: Database): AppStore => ({
  ...settingVerbs(database),
  attachProject: (input) => attachProject(database, input),
  updateProject: (input) => updateProject(database, input),
  detachProject: async ({ id }) => {
    await database.batch([{ sql: 'DELETE FROM projects WHERE id = :id', args: { id } }])
  },
  getProject: (id) => getProject(database, id),
  listProjects: async () => (await database.all('SELECT * FROM projects ORDER BY attached_at, rowid')).map(toProject),
  meta: async (key) => {
    const [row] = await database.all('SELECT value FROM meta WHERE key = :key', { key: metaKey(key) })
    return row === undefined ? null : String(row['value'])
  },
  putMeta: async (key, value) => {
    await database.batch([setMeta(metaKey(key), value)])
  },
  close: () => database.close(),
})

async function getProject(database: Database, id: string): Promise<ProjectRecord | null> {
  const [row] = await database.all('SELECT * FROM projects WHERE id = :id', { id })
  return row === undefined ? null : toProject(row)
}

async function attachProject(database: Database, input: Parameters<AppStore['attachProject']>[0]): Promise<ProjectRecord> {
  const { id, key, name, path, defaultBranch, databaseUrl, at } = input
  const insert: Statement = {
    sql: `INSERT INTO projects (id, key, name, path, default_branch, database_url, attached_at)
          SELECT :id, :key, :name, :path, :defaultBranch, :databaseUrl, :at WHERE NOT EXISTS (SELECT 1 FROM projects WHERE path = :path)`,
    args: { id, key, name, path, defaultBranch, databaseUrl, at },
  }
  const results = await keyTaken(database, key, [insert, { sql: 'SELECT * FROM projects WHERE path = :path', args: { path } }])
  const row = results[1]?.[0]
  if (row === undefined) throw fail('INTERNAL', { problem: `project ${path} was not stored` })
  return toProject(row)
}

async function updateProject(database: Database, { id, patch }: Parameters<AppStore['updateProject']>[0]): Promise<ProjectRecord> {
  const update: Statement = {
    sql: 'UPDATE projects SET name = COALESCE(:name, name), key = COALESCE(:key, key), default_branch = COALESCE(:defaultBranch, default_branch) WHERE id = :id',
    args: { id, name: patch.name ?? null, key: patch.key ?? null, defaultBranch: patch.defaultBranch ?? null },
  }
  await keyTaken(database, patch.key ?? '', [update])
  const project = await getProject(database, id)
  if (project === null) throw fail('PROJECT_UNKNOWN', { projectId: id })
  return project
}

/** The schema holds keys unique; this says it in our words. */
async function keyTaken(database: Database, key: string, statements: readonly Statement[]): ReturnType<Database['batch']> {
  try {
    return await database.batch(statements)
  } catch (error) {
    if (!(error instanceof StatementFailed && error.constraint)) throw error
    throw (await keyOwner(database, key)) ?? fail('INTERNAL', { problem: error.message }, error)
  }
}

async function keyOwner(database: Database, key: string): Promise<LoopTroopError | null> {
  const [row] = await database.all('SELECT path FROM projects WHERE key = :key', { key })
  return row === undefined ? null : fail('PROJECT_KEY_TAKEN', { key, path: row['path'] })
}
