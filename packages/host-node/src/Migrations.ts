/**
 * The tables, and how an older database becomes the current one.
 *
 * The version of a database is `PRAGMA user_version`: the number of migrations
 * that it has been through. Opening it runs the missing ones in one transaction.
 * A migration that was released is never edited; add another.
 */
import type { DatabaseSync } from "node:sqlite"
import { firstTables } from "./internal/FirstTables.ts"
import { retentionTables } from "./internal/RetentionTables.ts"
import { scheduleTables } from "./internal/ScheduleTables.ts"
import { taskTables } from "./internal/TaskTables.ts"

/** Marks a SQLite file as a Fermata database: "Ferm". */
export const applicationId = 0x4665726d

/**
 * Design notes:
 *
 * - A commit of entries writes one row to `journal` and nothing else: the entries,
 *   a line for each, and the `seq` of the last one. Rows lie in order of arrival, so
 *   one commit, or one transaction of many, fills a page after the other. Clustered
 *   by run, 50 concurrent runs took twice as long; with an index of its own that each
 *   commit wrote to, a sequential step took half as long again.
 * - `places` is that index, and is written in batches: `placed.upto` says up to which
 *   arrival. What has come since is few rows, and whoever reads looks through them.
 *   Rows of the journal are only ever added, so an arrival stays what it is.
 * - The number of a row of the journal is its place in the order of the commits: it
 *   is given inside the write transaction. So a reader of all runs reads a range of
 *   the primary key. `marks` has the commits that write no entry, and `events` what was
 *   published, each behind the row that was the newest then, and numbered together. A row
 *   of run 0 stands for one that was deleted.
 * - The length of a run is its last `seq` + 1, and `inbox_count` (`told` in older
 *   databases) counts its inbox rows, so that no commit scans.
 * - What goes without saying is not stored: `EntryLines` says how entries stand in a
 *   row, `ShortWaits` what of its waits a run has beside its reason. A suspended run
 *   with a small payload takes less than 735 bytes, its indexes among them.
 * - Times are `REAL`, in which SQLite stores whole numbers as integers and a
 *   fraction of a millisecond does no harm.
 * - `root` is null for a run that is its own root, so top runs need no index entry.
 * - Partial indexes hold only runs that are due, owned or have inbox rows: 100,000
 *   suspended runs without a timer are in none of these.
 */
export const migrations: ReadonlyArray<string> = [
  firstTables,
  // For workers that leave some contracts to others, and for the watchdog, whose index is empty in a healthy database.
  `
  CREATE INDEX runs_due_contract ON runs (definition, due_at) WHERE kind = 'contract' AND due_at IS NOT NULL;
  CREATE INDEX runs_stranded ON runs (status) WHERE owner IS NULL AND status IN ('queued', 'running', 'suspended') AND due_at IS NOT 0
    AND (told > 0 OR (status <> 'suspended' AND due_at IS NULL) OR (status = 'suspended'
      AND (reason IS NULL OR waits IS NULL OR waits = '[]' OR (reason = 'timer' AND due_at IS NULL))));

  CREATE TABLE findings (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    problem TEXT NOT NULL,
    length INTEGER NOT NULL,
    woken INTEGER NOT NULL,
    at REAL NOT NULL,
    UNIQUE (run, reason)
  ) STRICT;
  `,
  // One row for each commit, and an index that is written in batches: see the design notes.
  `
  ALTER TABLE journal RENAME TO journal_of_entries;
  CREATE TABLE journal (
    arrival INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    last INTEGER NOT NULL,
    entries TEXT NOT NULL
  ) STRICT;
  CREATE TABLE places (
    run INTEGER NOT NULL,
    last INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    PRIMARY KEY (run, last)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE placed (upto INTEGER NOT NULL) STRICT;
  INSERT INTO journal SELECT arrival, run, seq, entry FROM journal_of_entries ORDER BY arrival;
  INSERT INTO places SELECT run, seq, arrival FROM journal_of_entries ORDER BY run, seq;
  INSERT INTO placed SELECT coalesce(max(arrival), 0) FROM journal_of_entries;
  DROP TABLE journal_of_entries;
  `,
  // Runs that are stopped when nobody wants them any more: the keeper is the run that started it, or nobody (empty) once that one has left.
  `
  ALTER TABLE runs ADD COLUMN keeper TEXT;
  UPDATE runs SET keeper = parent
    WHERE EXISTS (SELECT 1 FROM listeners WHERE listeners.run = runs.key AND listeners.listener = runs.parent);
  CREATE INDEX listeners_listener ON listeners (listener);
  `,
  // Questions with their answers. Where those are null, the question is older than this, and its answers are in the journal.
  `
  ALTER TABLE approvals ADD COLUMN answers TEXT;
  ALTER TABLE approvals ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE approvals ADD COLUMN status TEXT NOT NULL DEFAULT 'open';
  `,
  // Events are kept once, and runs read what they wait for. A run that waited for a signal of the event's name finds its wait under that name until it has gone on.
  `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    correlation TEXT,
    source TEXT,
    at REAL NOT NULL
  ) STRICT;
  CREATE INDEX events_name ON events (name, position);

  CREATE TABLE event_paths (
    event TEXT NOT NULL,
    path TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (event, path)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE event_keys (
    event TEXT NOT NULL,
    path TEXT NOT NULL,
    value TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (event, path, value, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_keys_position ON event_keys (position);

  CREATE TABLE event_floors (
    event TEXT PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE event_waits (
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    key TEXT NOT NULL,
    event TEXT NOT NULL,
    path TEXT,
    value TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (run, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX event_waits_event ON event_waits (event, path, value);

  INSERT INTO event_waits SELECT run, 'event:' || event, event, NULL, NULL, 0 FROM subscriptions GROUP BY run, event;
  ALTER TABLE subscriptions RENAME TO subscriptions_to_signals;
  CREATE TABLE subscriptions (
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    event TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (run, event)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO subscriptions SELECT run, event, 0 FROM subscriptions_to_signals GROUP BY run, event;
  DROP TABLE subscriptions_to_signals;
  CREATE INDEX subscriptions_event ON subscriptions (event, since);
  `,
  // Runs of documents of any kind: served by their kind, and looked for by their document where some of these are left to others.
  `
  DROP INDEX runs_due_contract;
  DROP INDEX runs_due_served;
  ALTER TABLE runs DROP COLUMN served;
  ALTER TABLE runs ADD COLUMN
    served TEXT GENERATED ALWAYS AS (CASE kind WHEN 'program' THEN workflow || '@' || version ELSE kind END) VIRTUAL;
  CREATE INDEX runs_due_served ON runs (served, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX runs_due_document ON runs (kind, definition, due_at) WHERE kind <> 'program' AND due_at IS NOT NULL;
  `,
  // The count of a run's inbox rows says what it counts.
  `
  DROP INDEX runs_told;
  ALTER TABLE runs RENAME COLUMN told TO inbox_count;
  CREATE INDEX runs_with_inbox ON runs (owner) WHERE owner IS NOT NULL AND inbox_count > 0;
  `,
  // Entries and waits are stored shortly from here on (EntryLines, ShortWaits), which an older build could not read. What is due is found by what it is served as.
  `
  DROP INDEX runs_due;
  `,
  // What steps say while they work: `last` is the number of the last chunk of a row. Numbers of arrival are never used again, so that a reader of the newest misses none.
  `
  CREATE TABLE chunks (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    entry INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    chunks TEXT NOT NULL,
    UNIQUE (run, entry, last)
  ) STRICT;
  `,
  // What runs have spent, beside their rows, so that those that spend nothing have no byte of it. A run of an older build has its sum once it spends again; the sums of days begin here.
  `
  CREATE TABLE spent (
    run INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
    micros INTEGER NOT NULL,
    tokens INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE spending (
    workflow TEXT NOT NULL,
    day INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    reserved_micros INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    PRIMARY KEY (workflow, day)
  ) STRICT, WITHOUT ROWID;
  `,
  // Rules that people have let stand by an answer. They outlive the run that asked.
  `
  CREATE TABLE standing (
    arrival INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    workspace TEXT NOT NULL,
    rule TEXT NOT NULL,
    by TEXT NOT NULL,
    at REAL NOT NULL,
    run TEXT NOT NULL,
    key TEXT NOT NULL
  ) STRICT;
  CREATE INDEX standing_scope ON standing (agent, workspace);
  `,
  // Keys of entries, and times beside that of the line before, are stored shorter from here on (EntryLines), which an older build could not read.
  "",
  // What operators let workflows spend on days: each act, and its sum beside what was spent, which is told with that.
  `
  CREATE TABLE day_raises (
    arrival INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    day INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    raised_by TEXT NOT NULL,
    note TEXT,
    at REAL NOT NULL
  ) STRICT;
  ALTER TABLE spending ADD COLUMN raised_micros INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE spending ADD COLUMN raised_tokens INTEGER NOT NULL DEFAULT 0;
  `,
  // Positions for those who follow all runs: the id of the store, what changed a run without an entry, and the number of the newest row, which no later row gets although that one is deleted.
  `
  CREATE TABLE store (id TEXT NOT NULL) STRICT;
  INSERT INTO store VALUES (lower(hex(randomblob(6))));
  CREATE TABLE marks (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    arrival INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    status TEXT NOT NULL,
    reason TEXT,
    waits TEXT,
    at REAL NOT NULL
  ) STRICT;
  CREATE INDEX marks_arrival ON marks (arrival);
  CREATE TRIGGER journal_keeps_its_end AFTER DELETE ON journal
    WHEN old.arrival > coalesce((SELECT max(arrival) FROM journal), 0)
  BEGIN
    INSERT INTO journal (arrival, run, last, entries) VALUES (old.arrival, 0, -1, '');
  END;
  `,
  // What runs are about, labels by which they are found, and indexes for lists. One by workflow and status serves both, and each alone.
  `
  ALTER TABLE runs ADD COLUMN title TEXT;
  ALTER TABLE runs ADD COLUMN labels TEXT;
  CREATE TABLE run_labels (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    PRIMARY KEY (name, value, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX run_labels_run ON run_labels (run);
  DROP INDEX runs_status;
  CREATE INDEX runs_listed ON runs (workflow, status);
  CREATE INDEX runs_created ON runs (created_at);
  `,
  // Published events have a place among the commits, behind the row of the journal that was the newest then; marks and events share their numbers from here on. Marks say who made them.
  `
  ALTER TABLE marks ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE events ADD COLUMN arrival INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX events_arrival ON events (arrival);
  `,
  // Kinds of entries, rules for crashes and waits are stored shorter from here on (EntryLines, ShortWaits), which an older build could not read.
  "",
  // Tokens by which servers let callers in. What a login makes has the token that was shown as its parent.
  `
  CREATE TABLE access_tokens (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    groups TEXT NOT NULL,
    by TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    used_at REAL,
    parent TEXT
  ) STRICT;
  CREATE INDEX access_tokens_parent ON access_tokens (parent) WHERE parent IS NOT NULL;
  `,
  // Who did what, as a chain, and what was answered to requests that have a key.
  `
  CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    how TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_target ON audit (target);
  CREATE TABLE requests (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    route TEXT NOT NULL,
    hash TEXT NOT NULL,
    answer TEXT,
    at REAL NOT NULL,
    PRIMARY KEY (caller, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_at ON requests (at);
  `,
  // How far readers of changes have come whom all processes are together, and who of them reads.
  `
  CREATE TABLE bookmarks (name TEXT PRIMARY KEY, position TEXT, holder TEXT NOT NULL, until REAL NOT NULL)
    STRICT, WITHOUT ROWID;
  `,
  // What a database was put back from, and the runs that may have done more than it knows. A copy says when it was made.
  `
  CREATE TABLE restores (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    by TEXT NOT NULL,
    last_at REAL NOT NULL,
    at REAL NOT NULL
  ) STRICT;
  CREATE TABLE doubts (
    run INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
    restore INTEGER NOT NULL REFERENCES restores (key)
  ) STRICT;
  ALTER TABLE store ADD COLUMN copied_at REAL;
  `,
  // Tenants: whose a run or an event is, its id or its name says. Only what is of some has a place in the indexes.
  `
  ALTER TABLE runs ADD COLUMN tenant TEXT
    GENERATED ALWAYS AS (CASE WHEN instr(id, '~') > 1 THEN substr(id, 1, instr(id, '~') - 1) END) VIRTUAL;
  CREATE INDEX runs_tenant ON runs (tenant, status) WHERE tenant IS NOT NULL;
  CREATE TABLE quotas (
    tenant TEXT PRIMARY KEY,
    open_runs INTEGER,
    streams INTEGER,
    by TEXT NOT NULL,
    at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE access_tokens ADD COLUMN tenant TEXT;
  ALTER TABLE audit ADD COLUMN tenant TEXT;
  CREATE INDEX audit_tenant ON audit (tenant) WHERE tenant IS NOT NULL;
  `,
  // Lists of a tenant's runs by workflow and by reason, each from an index that has all that is asked for.
  `
  DROP INDEX runs_tenant;
  CREATE INDEX runs_tenant ON runs (tenant, workflow, status) WHERE tenant IS NOT NULL;
  CREATE INDEX runs_tenant_reason ON runs (tenant, reason) WHERE tenant IS NOT NULL AND reason IS NOT NULL;
  `,
  // What comes in from outside, by its key, and the sources that it comes from. Whose it is, the name of its sensor says.
  `
  CREATE TABLE sensors (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor TEXT NOT NULL,
    dedupe TEXT NOT NULL,
    event_id TEXT,
    ref TEXT,
    payload TEXT NOT NULL,
    outcome TEXT NOT NULL,
    refused TEXT,
    at REAL NOT NULL,
    tenant TEXT NOT NULL
      GENERATED ALWAYS AS (CASE WHEN instr(sensor, '~') > 1 THEN substr(sensor, 1, instr(sensor, '~') - 1) ELSE '' END) VIRTUAL
  ) STRICT;
  CREATE UNIQUE INDEX sensors_dedupe ON sensors (dedupe, tenant, (refused IS NOT NULL));
  CREATE INDEX sensors_sensor ON sensors (sensor);
  CREATE INDEX sensors_tenant ON sensors (tenant) WHERE tenant <> '';
  CREATE TABLE sources (
    name TEXT PRIMARY KEY,
    declaration TEXT NOT NULL,
    paused INTEGER NOT NULL,
    note TEXT,
    by TEXT NOT NULL,
    at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // Endpoints of webhooks, and the webhooks of single runs.
  `
  CREATE TABLE endpoints (
    name TEXT PRIMARY KEY,
    run TEXT,
    open INTEGER NOT NULL,
    settings TEXT NOT NULL,
    health TEXT NOT NULL,
    since TEXT,
    by TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    version INTEGER NOT NULL,
    tenant TEXT GENERATED ALWAYS AS (CASE WHEN instr(name, '~') > 1 THEN substr(name, 1, instr(name, '~') - 1) END) VIRTUAL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX endpoints_named ON endpoints (name) WHERE run IS NULL;
  CREATE INDEX endpoints_of_runs ON endpoints (run) WHERE run IS NOT NULL AND open = 1;
  `,
  scheduleTables,
  taskTables,
  retentionTables,
  // The task that a slot of a schedule has added.
  "ALTER TABLE firings ADD COLUMN task TEXT",
  // Lanes of the engine's own queues of which nothing is begun for a while.
  `
  CREATE TABLE lane_holds (
    queue TEXT NOT NULL,
    lane TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (queue, lane)
  ) STRICT, WITHOUT ROWID;
  `,
  // Tasks that a run waits for, which are looked for when it ends.
  `
  CREATE INDEX tasks_awaited ON tasks (waiter_run) WHERE waiter_run IS NOT NULL AND ended_at IS NULL;
  `
]

/** Why this build must not touch the database; null when it may. Changes nothing. */
export const refusal = (db: DatabaseSync, known: ReadonlyArray<string> = migrations): string | null =>
  transaction(db, "BEGIN", () => check(db, known))

/** Why the database cannot be read before `migrate` has written to it; null when it can. */
export const outdated = (db: DatabaseSync, known: ReadonlyArray<string> = migrations): string | null => {
  const version = pragma(db, "user_version")
  return version === known.length
    ? null
    : `it has version ${version} and must be brought to ${known.length} first, which needs write access`
}
/** Why a process of this build, which has had the database open, takes up nothing more in it: a newer build has brought it to this version. */
export const outrun = (version: number): string | null =>
  version <= migrations.length
    ? null
    : `a newer Fermata has brought the database to version ${version}, and this build knows versions up to ${migrations.length}; `
      + "start the newer one here too"

/** The number of migrations that the database has been through. */
export const versionOf = (db: DatabaseSync): number => pragma(db, "user_version")

/**
 * Brings the database to the current version in one transaction. Throws a
 * `Refused` or what SQLite throws; then nothing has changed.
 */
export const migrate = (db: DatabaseSync, known: ReadonlyArray<string> = migrations): void => {
  if (pragma(db, "user_version") === known.length) return
  transaction(db, "BEGIN IMMEDIATE", () => {
    // Checked again under the lock: another process may have been first.
    const problem = check(db, known)
    if (problem !== null) throw new Refused(problem)
    for (const sql of known.slice(pragma(db, "user_version"))) db.exec(sql)
    db.exec(`PRAGMA application_id = ${applicationId}`)
    db.exec(`PRAGMA user_version = ${known.length}`)
  })
}

/** A problem that is already a sentence for people. */
export class Refused extends Error {}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const pragma = (db: DatabaseSync, name: "application_id" | "user_version"): number =>
  Number(db.prepare(`PRAGMA ${name}`).get()?.[name])

const isEmpty = (db: DatabaseSync): boolean => db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined

const check = (db: DatabaseSync, known: ReadonlyArray<string>): string | null => {
  const id = pragma(db, "application_id")
  const version = pragma(db, "user_version")
  if (id === 0 && version === 0 && isEmpty(db)) return null
  if (id !== applicationId) return "it is the database of another program; choose another file"
  if (version > known.length) {
    return `it has version ${version} and this build knows versions up to ${known.length}; `
      + "use the newer Fermata that wrote it, or choose another file"
  }
  return null
}

const transaction = <A>(db: DatabaseSync, begin: "BEGIN" | "BEGIN IMMEDIATE", work: () => A): A => {
  db.exec(begin)
  try {
    const result = work()
    db.exec("COMMIT")
    return result
  } catch (cause) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw cause
  }
}
