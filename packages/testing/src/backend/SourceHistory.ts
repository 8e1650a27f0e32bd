/** What may come in from outside, and happen to its sources, in the law of backends. */
import type { Op } from "@fermata/engine/Backend"
import * as fc from "fast-check"
import { outboxRow } from "./Fixtures.ts"
import { keys, messages, times } from "./Seen.ts"
import { ingest } from "./SourceTests.ts"

const key = fc.constantFrom(...keys)
const message = fc.constantFrom(...messages)
const time = fc.constantFrom(...times)

/** One of their operations. */
export const sourceHistory: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      sensor: fc.constantFrom("mail", "acme~mail", "acme~chat"),
      dedupe: key,
      payload: message,
      refused: fc.constantFrom(null, null, "why"),
      at: time,
      outbox: fc.array(message.map(outboxRow), { maxLength: 2 })
    }).map(({ outbox, ...row }): Op => ingest(row, outbox))
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant("sweepSensors" as const), until: time, limit: fc.nat(2) })
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("source" as const),
      name: fc.constantFrom("k0", "acme~k0", "acme~k1"),
      change: fc.constantFrom({ declaration: "{}" }, { paused: true, note: "n" }, { paused: false, note: null }, null),
      by: key,
      at: time
    })
  }
)
