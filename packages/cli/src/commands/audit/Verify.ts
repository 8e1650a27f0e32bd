import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { exitCodes } from "../../CommandFailed.ts"
import { document, exitWith, line, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata audit verify` */
export const commandAuditVerify = Command.make(
  "verify",
  {
    head: Flag.String("head").pipe(
      Flag.withMetavar("HASH"),
      Flag.withDescription("The head that an earlier look gave: says too whether lines were cut off the end"),
      Flag.filter((text) => /^[0-9a-f]{64}$/.test(text), (text) => `expected 64 hex digits, found ${text}`),
      Flag.optional
    )
  },
  ({ head }) =>
    withOperator(
      { command: "audit verify", readOnly: true, existing: true, absent: "no acts" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const verdict = yield* operator.refine(operator.audit.verify(Option.isSome(head) ? { head: head.value } : {}))
          yield* exitWith(verdict.intact ? exitCodes.completed : exitCodes.failed)
          if (json) return yield* document(verdict)
          if (verdict.fault !== undefined) return yield* line(verdict.fault.problem)
          yield* note(
            verdict.lines === 1
              ? "1 line is as it was written; its hash:"
              : `${verdict.lines} lines are as they were written; the hash of the last:`
          )
          yield* line(verdict.head)
        })
    )
).pipe(
  Command.withDescription(
    "Look through the whole audit for lines that were altered, taken out, put in or moved; exit code 1 names the first"
  ),
  Sides.either,
  Command.withExamples([
    { command: "fermata audit verify", description: "Print the head, to be noted elsewhere" },
    {
      command: "fermata audit verify --head 0000000000000000000000000000000000000000000000000000000000000000",
      description: "Whether the line with that hash, and all before it, are still there"
    }
  ])
)
