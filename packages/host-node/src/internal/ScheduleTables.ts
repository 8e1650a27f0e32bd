/** Schedules, and what became of their last slots. A name has its tenant before it, and those of one stand together. Never edited: a migration. */
export const scheduleTables = `
  CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    producer TEXT,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at REAL,
    version INTEGER NOT NULL,
    by TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX schedules_due ON schedules (due_at, name) WHERE due_at IS NOT NULL;
  CREATE UNIQUE INDEX schedules_producer ON schedules (producer) WHERE producer IS NOT NULL;
  CREATE TABLE firings (
    key INTEGER PRIMARY KEY,
    schedule TEXT NOT NULL,
    id TEXT NOT NULL,
    slot REAL NOT NULL,
    at REAL NOT NULL,
    cause TEXT NOT NULL,
    outcome TEXT NOT NULL,
    missed INTEGER NOT NULL,
    run TEXT,
    event TEXT,
    problem TEXT,
    by TEXT,
    UNIQUE (schedule, id)
  ) STRICT;
  CREATE INDEX firings_of ON firings (schedule, key);
`
