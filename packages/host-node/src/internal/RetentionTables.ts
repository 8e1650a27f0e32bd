/**
 * What the deletion of runs needs.
 *
 * - A row of the journal of run 0 says that runs were deleted, to other connections, which keep the keys of runs.
 *   `store.said` is its number: the one before it goes with the next.
 * - `last_run` is the largest key that a deleted run has had, so that no later run has it. What an older build would
 *   start under one is refused.
 * - `removals` are trees that are too large to go at once, and `gone` runs whose journals are.
 * - `blob_uses` says which runs name a blob, up to the row of the journal `blobs_seen`: an index that is written when
 *   blobs are to be deleted, so that no commit pays for it, whichever build has made it. `loose_blobs` are those that
 *   deleted runs have named, and that others may name.
 */
export const retentionTables = `
  ALTER TABLE store ADD COLUMN said INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE store ADD COLUMN last_run INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE store ADD COLUMN blobs_seen INTEGER NOT NULL DEFAULT 0;
  CREATE TRIGGER runs_keep_their_keys AFTER INSERT ON runs WHEN new.key <= (SELECT last_run FROM store)
  BEGIN
    SELECT RAISE(ABORT, 'a newer Fermata has deleted runs, whose keys no other run may have');
  END;
  CREATE TABLE removals (root INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE) STRICT;
  CREATE TABLE gone (run INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE blob_uses (
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    PRIMARY KEY (run, hash)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_uses_hash ON blob_uses (hash);
  CREATE TABLE loose_blobs (hash TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE retention (
    tenant TEXT NOT NULL,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    max_age REAL,
    max_count INTEGER,
    by TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (tenant, workflow, status)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX marks_run ON marks (run);
  CREATE INDEX runs_open_below ON runs (root) WHERE root IS NOT NULL AND status IN ('queued', 'running', 'suspended');
  CREATE INDEX runs_ended ON runs (workflow, status, coalesce(tenant, ''), updated_at)
    WHERE root IS NULL AND status IN ('completed', 'failed', 'cancelled');
  `
