/** The port of the app database, and the door to both kinds of databases. */
import type { Settings, SettingsPatch } from '../settings.ts'
import type { ProjectRecord } from './records.ts'
import type { At, Store } from './store.ts'

/** The app database: attached projects and app-wide settings. */
export interface AppStore {
  /** PROJECT_KEY_TAKEN. The same path again returns the record that is there. */
  attachProject(input: At & Omit<ProjectRecord, 'attachedAt'>): Promise<ProjectRecord>
  updateProject(input: At & { id: string; patch: Partial<Pick<ProjectRecord, 'name' | 'key' | 'defaultBranch'>> }): Promise<ProjectRecord>
  detachProject(input: At & { id: string }): Promise<void>
  getProject(id: string): Promise<ProjectRecord | null>
  listProjects(): Promise<readonly ProjectRecord[]>
  settings(): Promise<Partial<Settings>>
  putSettings(input: At & { patch: SettingsPatch }): Promise<void>
  /** Small values such as the server's own id. */
  meta(key: string): Promise<string | null>
  putMeta(key: string, value: string): Promise<void>
  close(): Promise<void>
}

/** Opens and migrates. DATABASE_CORRUPT, DATABASE_NEWER, DATABASE_BUSY. */
export interface StoreOpener {
  openApp(url: string): Promise<AppStore>
  /**
   * Creates it for a project that has none. PROJECT_KEY_TAKEN when the file belongs to another key. Directories under
   * `baseDir` (else the parent of the `.looptroop` that holds the file) are stored relative to it.
   */
  openProject(url: string, identity: { projectId: string; projectKey: string; baseDir?: string }): Promise<Store>
}
