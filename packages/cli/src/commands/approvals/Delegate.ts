import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { delegate } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import { approval, note } from "./Answering.ts"

/** `fermata approvals delegate` */
export const commandApprovalsDelegate = Command.make("delegate", {
  approval,
  to: Flag.String("to").pipe(
    Flag.withMetavar("WHO"),
    Flag.withDescription("The person or the group who answers instead of you, and counts as you")
  ),
  note
}, ({ approval, note, to }) => delegate(approval, { to, ...(Option.isSome(note) ? { note: note.value } : {}) })).pipe(
  Command.withDescription("Hand on what a run asks you"),
  Sides.either,
  Command.withExamples([
    {
      command: "fermata approvals delegate 1f0c --to dana --note \"on holiday\"",
      description: "Let somebody else answer for you"
    },
    { command: "fermata approvals delegate 1f0c --to ann --as ann", description: "Take back what ann has handed on" }
  ])
)
