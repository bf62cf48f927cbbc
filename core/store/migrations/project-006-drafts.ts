/** What a person has filled in at a gate and not sent yet. */
export const PROJECT_006: readonly string[] = [
  `CREATE TABLE gate_drafts (
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    gate_id TEXT NOT NULL,
    -- From 1, one more with each save: who saves names the one that was seen.
    revision INTEGER NOT NULL,
    content TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, gate_id)
  ) WITHOUT ROWID`,
]
