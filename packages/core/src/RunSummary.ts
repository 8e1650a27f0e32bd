/**
 * Runs as a store lists them, without their journals.
 */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"
import { runStatuses, suspendReasons } from "./RunStatus.ts"
import { Wait } from "./Wait.ts"

/** A run in a list. Times are ms since the epoch. */
export const RunSummary = Schema.Struct({
  id: Schema.String,
  workflow: Schema.String,
  version: Schema.String,
  /** `program`, or the kind of its document, such as `contract`. */
  kind: Schema.String,
  /** Whose it is; absent where it is of no tenant. Its id says so too. */
  tenant: Schema.optionalKey(Schema.String),
  /** What the run is about, in a few words; absent where nothing says so. */
  title: Schema.optionalKey(Schema.String),
  /** Given at the start; absent where there are none. */
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  status: Schema.Literals(runStatuses),
  /** The most urgent of the waits; only when suspended. */
  reason: Schema.optionalKey(Schema.Literals(suspendReasons)),
  /** Empty unless suspended. */
  waits: Schema.Array(Wait),
  /** The run at the top of its tree; its own id for a top run. */
  root: Schema.String,
  parent: Schema.optionalKey(Schema.String),
  /** The process that has it now. */
  owner: Schema.optionalKey(Schema.String),
  /** When it is next taken up by itself; 0 for at once. */
  dueAt: Schema.optionalKey(Schema.Finite),
  /** Length of its journal. */
  entries: Schema.Int,
  /** What it has itself spent; what its children have is theirs. Absent where that is nothing. */
  spent: Schema.optionalKey(Amount),
  /** It is in doubt: the store was put back from a backup, which had its last commit then (ms since the epoch). */
  restored: Schema.optionalKey(Schema.Finite),
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite
})
export interface RunSummary extends Schema.Schema.Type<typeof RunSummary> {}

/** Which runs to list, the last started first. */
export const ListFilter = Schema.Struct({
  status: Schema.optionalKey(Schema.Array(Schema.Literals(runStatuses))),
  reason: Schema.optionalKey(Schema.Array(Schema.Literals(suspendReasons))),
  workflow: Schema.optionalKey(Schema.String),
  parent: Schema.optionalKey(Schema.String),
  root: Schema.optionalKey(Schema.String),
  /** Only runs that have all of these labels, with these values. */
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** Only runs that were asked for at this time or later, ms since the epoch. */
  since: Schema.optionalKey(Schema.Finite),
  /** Only runs that were asked for at this time or earlier, ms since the epoch. */
  until: Schema.optionalKey(Schema.Finite),
  /** Only runs that had ended at this time, ms since the epoch. */
  endedUntil: Schema.optionalKey(Schema.Finite),
  /** Only runs at the top of their trees. */
  top: Schema.optionalKey(Schema.Boolean),
  /** Only runs whose ids begin with this. */
  prefix: Schema.optionalKey(Schema.String),
  /** Only runs of this tenant. */
  tenant: Schema.optionalKey(Schema.String),
  /** Only open runs that are in doubt, since the store was put back from a backup. */
  restored: Schema.optionalKey(Schema.Boolean),
  /** Default 50. */
  limit: Schema.optionalKey(Schema.Int),
  /** Only runs started before this one, for paging. */
  before: Schema.optionalKey(Schema.String)
})
export interface ListFilter extends Schema.Schema.Type<typeof ListFilter> {}
