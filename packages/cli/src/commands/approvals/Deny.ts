import * as Command from "effect/cli/Command"
import * as Option from "effect/Option"
import { answer } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import { approval, hash, note } from "./Answering.ts"

/** `fermata approvals deny` */
export const commandApprovalsDeny = Command.make(
  "deny",
  { approval, hash, note, noWait: Arguments.noWait },
  ({ approval, hash, note, noWait }) =>
    answer(approval, {
      decision: "deny",
      noWait,
      ...(Option.isSome(hash) ? { hash: hash.value } : {}),
      ...(Option.isSome(note) ? { note: note.value } : {})
    })
).pipe(
  Command.withDescription("Say no to what a run asks, and follow the run"),
  Sides.either,
  Command.withExamples([{
    command: "fermata deny 1f0c --as support-lead --note \"too much\"",
    description: "Refuse and say why"
  }])
)
