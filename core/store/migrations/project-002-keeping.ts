/** House-keeping of finished tickets, pauses, answer windows and nudges. */
export const PROJECT_002: readonly string[] = [
  // A deleted ticket leaves its row, emptied: its number and its ids are never given out again.
  'ALTER TABLE tickets ADD COLUMN deleted_at INTEGER',
  'ALTER TABLE tickets ADD COLUMN tidied_at INTEGER',
  'ALTER TABLE tickets ADD COLUMN paused INTEGER NOT NULL DEFAULT 0',
  // By whose pause it rests: the ticket's own, the project's or the server's.
  'ALTER TABLE tickets ADD COLUMN held_by TEXT',
  // When nobody has answered by then, the request is declined.
  'ALTER TABLE inbox ADD COLUMN deadline INTEGER',
  'ALTER TABLE inbox ADD COLUMN nudged_at INTEGER',
  'ALTER TABLE inbox ADD COLUMN nudge_tries INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE inbox ADD COLUMN nudge_after INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE inbox ADD COLUMN nudge_problem TEXT',
]
