/** The app database: attached projects and settings. */
export const APP_001: readonly string[] = [
  `CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE,
    default_branch TEXT NOT NULL,
    database_url TEXT NOT NULL,
    attached_at INTEGER NOT NULL
  )`,
  'CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)',
]
