/** The tables of tasks, as their migration made them: it is applied once, so it never changes. */

/** Tasks, their attempts, and what queues and lanes count of them. A task whose time has come is in one index, and one that waits for a time, that is leased or that has ended in another. */
export const taskTables = `
  CREATE TABLE tasks (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT,
    subject TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    priority INTEGER NOT NULL,
    not_before REAL NOT NULL,
    is_ready INTEGER NOT NULL,
    lane TEXT NOT NULL,
    adapter TEXT NOT NULL,
    profile TEXT,
    dedupe TEXT,
    payload TEXT NOT NULL,
    result TEXT,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER,
    owner TEXT,
    lease_until REAL,
    stop TEXT,
    run TEXT,
    waiter_run TEXT,
    waiter_step TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    ended_at REAL
  ) STRICT;
  CREATE INDEX tasks_ready ON tasks (queue, lane, adapter, priority DESC, key) WHERE is_ready = 1;
  CREATE INDEX tasks_later ON tasks (not_before, key) WHERE status = 'queued' AND is_ready = 0;
  CREATE INDEX tasks_leased ON tasks (lease_until, key) WHERE lease_until IS NOT NULL;
  CREATE INDEX tasks_ended ON tasks (ended_at, key) WHERE ended_at IS NOT NULL;
  CREATE INDEX tasks_dedupe ON tasks (queue, dedupe, status, key) WHERE dedupe IS NOT NULL AND ended_at IS NULL;
  CREATE INDEX tasks_stopping ON tasks (owner) WHERE stop IS NOT NULL;
  CREATE INDEX tasks_status ON tasks (queue, status, key);
  CREATE TABLE task_attempts (
    task INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    owner TEXT NOT NULL,
    at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (task, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE queues (
    name TEXT PRIMARY KEY,
    local TEXT NOT NULL,
    paused INTEGER NOT NULL,
    by TEXT,
    at REAL,
    concurrency INTEGER,
    per_lane INTEGER,
    rate_count INTEGER,
    rate_per_ms INTEGER,
    lane_rate_count INTEGER,
    lane_rate_per_ms INTEGER,
    max_queued INTEGER,
    retry TEXT,
    queued INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    running INTEGER NOT NULL,
    all_running INTEGER NOT NULL,
    served INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    tokens REAL,
    refilled_at REAL NOT NULL,
    opens_at REAL,
    is_open INTEGER GENERATED ALWAYS AS (
      ready > 0 AND paused = 0 AND opens_at IS NULL AND (concurrency IS NULL OR running < concurrency)
    ) VIRTUAL
  ) STRICT;
  CREATE INDEX queues_open ON queues (local, running, served) WHERE is_open = 1;
  CREATE INDEX queues_opening ON queues (opens_at) WHERE opens_at IS NOT NULL;
  CREATE TABLE lanes (
    queue TEXT NOT NULL,
    lane TEXT NOT NULL,
    adapter TEXT NOT NULL,
    ready INTEGER NOT NULL,
    running INTEGER NOT NULL,
    served INTEGER NOT NULL,
    tokens REAL,
    refilled_at REAL NOT NULL,
    opens_at REAL,
    PRIMARY KEY (queue, lane, adapter)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX lanes_open ON lanes (queue, running, served) WHERE ready > 0 AND opens_at IS NULL;
  CREATE INDEX lanes_open_adapter ON lanes (queue, adapter, running, served) WHERE ready > 0 AND opens_at IS NULL;
  CREATE INDEX lanes_opening ON lanes (opens_at) WHERE opens_at IS NOT NULL;
  CREATE TABLE task_servers (
    queue TEXT NOT NULL,
    owner TEXT NOT NULL,
    adapters TEXT,
    is_shared INTEGER NOT NULL,
    seen_at REAL NOT NULL,
    PRIMARY KEY (queue, owner)
  ) STRICT, WITHOUT ROWID;
  `
