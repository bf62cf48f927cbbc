/** A draft's own settings, and of a started ticket where each pinned setting came from. */
export const PROJECT_005: readonly string[] = [
  'ALTER TABLE tickets ADD COLUMN own_settings TEXT',
  'ALTER TABLE tickets ADD COLUMN setting_sources TEXT',
]
