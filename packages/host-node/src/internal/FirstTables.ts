/** The tables as the first build made them. `Migrations` says what became of them since. */
export const firstTables = `
  CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    owner TEXT,
    due_at REAL,
    takeovers INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL,
    reason TEXT,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    definition TEXT,
    root TEXT,
    parent TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    waits TEXT,
    ended TEXT,
    served TEXT GENERATED ALWAYS AS (CASE kind WHEN 'contract' THEN '' ELSE workflow || '@' || version END) VIRTUAL
  ) STRICT;
  CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX runs_due_served ON runs (served, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX runs_due_root ON runs (root, due_at) WHERE root IS NOT NULL AND due_at IS NOT NULL;
  CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;
  CREATE INDEX runs_told ON runs (owner) WHERE owner IS NOT NULL AND told > 0;
  CREATE INDEX runs_status ON runs (status);
  CREATE INDEX runs_reason ON runs (reason) WHERE reason IS NOT NULL;
  CREATE INDEX runs_root ON runs (root) WHERE root IS NOT NULL;
  CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;

  CREATE TABLE journal (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    entry TEXT NOT NULL,
    UNIQUE (run, seq)
  ) STRICT;

  CREATE TABLE blobs (
    hash TEXT PRIMARY KEY NOT NULL,
    data TEXT NOT NULL
  ) STRICT;

  CREATE TABLE listeners (
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    listener TEXT NOT NULL,
    PRIMARY KEY (run, listener)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE inbox (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at REAL NOT NULL,
    UNIQUE (run, id)
  ) STRICT;

  CREATE TABLE early (
    arrival INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at REAL NOT NULL,
    UNIQUE (run, id)
  ) STRICT;

  CREATE TABLE outbox (
    arrival INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL
  ) STRICT;

  CREATE TABLE approvals (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    key TEXT NOT NULL,
    workflow TEXT NOT NULL,
    prompt TEXT NOT NULL,
    approvers TEXT NOT NULL,
    question TEXT NOT NULL,
    requested_at REAL NOT NULL,
    deadline REAL,
    UNIQUE (run, key)
  ) STRICT;
  CREATE INDEX approvals_age ON approvals (requested_at);

  CREATE TABLE subscriptions (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    key TEXT NOT NULL,
    event TEXT NOT NULL,
    correlation TEXT,
    UNIQUE (run, key)
  ) STRICT;
  CREATE INDEX subscriptions_event ON subscriptions (event);

  CREATE TABLE owners (
    id TEXT PRIMARY KEY NOT NULL,
    expires_at REAL NOT NULL,
    worker INTEGER NOT NULL,
    info TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE definitions (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    kind TEXT NOT NULL,
    hash TEXT NOT NULL,
    schemas TEXT NOT NULL,
    document TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (name, version)
  ) STRICT;
  CREATE INDEX definitions_hash ON definitions (hash);
  `
