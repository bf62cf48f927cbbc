/** What documents were made from, and what an edit of one makes void. */
export const PROJECT_004: readonly string[] = [
  // Content hashes of the artifacts that its context carried: a replay builds no context.
  "ALTER TABLE prompts ADD COLUMN sources TEXT NOT NULL DEFAULT '[]'",
  // The gate's phase: an edit of what was approved there takes a ticket back to what follows it.
  'ALTER TABLE artifacts ADD COLUMN approved_in TEXT',
  `UPDATE artifacts SET approved_in = (SELECT i.phase FROM commands c JOIN inbox i ON i.ticket_id = c.ticket_id AND i.id = c.target
     WHERE c.action_id = approved_by) WHERE approved_by IS NOT NULL`,
  // Of another content than the one that is there by now: kept, and read no more.
  'ALTER TABLE artifacts ADD COLUMN void_at INTEGER',
]
