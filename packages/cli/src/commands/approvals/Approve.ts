import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { answer } from "../../Act.ts"
import * as JsonOption from "../../JsonOption.ts"
import * as Arguments from "../Arguments.ts"
import { approval, hash, note } from "./Answering.ts"

/** `fermata approvals approve` */
export const commandApprovalsApprove = Command.make("approve", {
  approval,
  choice: Arguments.text("choice", "C", "One of the choices that the question offers"),
  edit: Arguments.json("edit", "The arguments as they should be, where they may be edited"),
  hash,
  note,
  noWait: Arguments.noWait
}, ({ approval, choice, edit, hash, note, noWait }) =>
  Effect.gen(function*() {
    const edited = Option.isNone(edit) ? {} : { edit: yield* JsonOption.read("--edit", edit.value) }
    yield* answer(approval, {
      decision: "approve",
      noWait,
      ...edited,
      ...(Option.isSome(choice) ? { choice: choice.value } : {}),
      ...(Option.isSome(hash) ? { hash: hash.value } : {}),
      ...(Option.isSome(note) ? { note: note.value } : {})
    })
  })).pipe(
    Command.withDescription("Say yes to what a run asks, and follow the run"),
    Command.withExamples([
      { command: "fermata approve 1f0c --as support-lead", description: "Answer the one open question of a run" },
      {
        command: "fermata approve 1f0c --choice fast --edit @changed.json --note \"with less\"",
        description: "Choose, edit and explain"
      }
    ])
  )
