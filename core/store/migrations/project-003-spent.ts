/** The ledger of what turns took. It outlives its tickets: money that was spent stays spent. */
export const PROJECT_003: readonly string[] = [
  `CREATE TABLE spent (
    ticket_id TEXT NOT NULL REFERENCES tickets (id),
    at INTEGER NOT NULL,
    turn_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    member TEXT,
    item TEXT,
    model TEXT NOT NULL,
    -- Null: OpenCode did not tell.
    tokens_input INTEGER,
    tokens_output INTEGER,
    tokens_reasoning INTEGER,
    tokens_cache_read INTEGER,
    tokens_cache_write INTEGER,
    cost REAL,
    -- Requests to the model without figures.
    untold INTEGER NOT NULL,
    PRIMARY KEY (ticket_id, at, turn_id)
  ) WITHOUT ROWID`,
  // Turns of older programs: of one without figures it is not known whether it asked the model.
  `INSERT INTO spent
    SELECT t.ticket_id, t.settled_at, t.turn_id, t.phase, t.attempt, t.prompt, s.member_id, s.bead_id,
      s.model ->> '$.provider' || '/' || (s.model ->> '$.model'),
      t.settlement ->> '$.tokens.input', t.settlement ->> '$.tokens.output', t.settlement ->> '$.tokens.reasoning',
      t.settlement ->> '$.tokens.cacheRead', t.settlement ->> '$.tokens.cacheWrite', t.settlement ->> '$.cost',
      t.settlement ->> '$.tokens.input' IS NULL OR t.settlement ->> '$.cost' IS NULL
    FROM turns t JOIN sessions s ON s.nonce = t.session_nonce WHERE t.receipt = 'settled'`,
]
