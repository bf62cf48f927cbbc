/** What documents were made from, and what an edit of one makes void. */
export const PROJECT_004: readonly string[] = [
  // Content hashes of the artifacts that its context carried: a replay builds no context.
  "ALTER TABLE prompts ADD COLUMN sources TEXT NOT NULL DEFAULT '[]'",
  // The gate's phase: an edit of what was approved there takes a ticket back to what follows it.
  'ALTER TABLE artifacts ADD COLUMN approved_in TEXT',
  // Of another content than the one that is there by now: kept, and read no more.
  'ALTER TABLE artifacts ADD COLUMN void_at INTEGER',
]
