/** Acts in histories: operations that are done on somebody's behalf, for the law of backends. */
import type { Op } from "@fermata/engine/Backend"
import * as fc from "fast-check"
import { act, asked } from "./Fixtures.ts"
import { keys, messages, runs } from "./Seen.ts"

/** Operations, some of them on somebody's behalf. */
export const perhapsActed = (ops: fc.Arbitrary<Op>): fc.Arbitrary<Op> =>
  fc.tuple(ops, fc.option(acts, { freq: 2 })).map(([op, by]) =>
    by === null || !mayBeActs.has(op.op) ? op : Object.assign({}, op, { act: by }) as Op
  )

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const key = fc.constantFrom(...keys)
const message = fc.constantFrom(...messages)

/** On somebody's behalf, now and a day later, perhaps asked for under a key. */
const acts = fc.record({
  target: fc.constantFrom(...runs),
  at: fc.constantFrom(0, 1_000, 86_400_000, 86_401_000),
  who: key,
  request: fc.option(fc.record({ caller: key, key: message, hash: key }), { nil: undefined })
}).map(({ at, request, target, who }) =>
  act(target, {
    at,
    who,
    ...(target.startsWith("acme~") ? { tenant: "acme" } : {}),
    ...(request === undefined ? {} : { request: asked(request.caller, request.key, request.hash) })
  })
)

const mayBeActs = new Set([
  "start",
  "inbox",
  "answer",
  "revoke",
  "issue",
  "withdraw",
  "publish",
  "define",
  "raise",
  "quota",
  "ingest",
  "source",
  "endpoint",
  "dropEndpoint",
  "schedule",
  "fire",
  "unschedule",
  "remove",
  "retain"
])
