import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { answer } from "../../Act.ts"
import * as JsonOption from "../../JsonOption.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import { approval, hash, note } from "./Answering.ts"

/** `fermata approvals approve` */
export const commandApprovalsApprove = Command.make("approve", {
  approval,
  always: Arguments.text(
    "always",
    "RULE",
    "A rule that stands from now on, so that the like is not asked again: one that the question offers, or its number"
  ),
  choice: Arguments.text("choice", "C", "One of the choices that the question offers"),
  edit: Arguments.json("edit", "The arguments as they should be, where they may be edited"),
  hash,
  note,
  noWait: Arguments.noWait
}, ({ always, approval, choice, edit, hash, note, noWait }) =>
  Effect.gen(function*() {
    const edited = Option.isNone(edit) ? {} : { edit: yield* JsonOption.read("--edit", edit.value) }
    yield* answer(approval, {
      decision: "approve",
      noWait,
      ...edited,
      ...(Option.isSome(always) ? { always: always.value } : {}),
      ...(Option.isSome(choice) ? { choice: choice.value } : {}),
      ...(Option.isSome(hash) ? { hash: hash.value } : {}),
      ...(Option.isSome(note) ? { note: note.value } : {})
    })
  })).pipe(
    Command.withDescription("Say yes to what a run asks, and follow the run"),
    Sides.either,
    Command.withExamples([
      { command: "fermata approve 1f0c --as support-lead", description: "Answer the one open question of a run" },
      {
        command: "fermata approve 1f0c --choice fast --edit @changed.json --note \"with less\"",
        description: "Choose, edit and explain"
      },
      { command: "fermata approve 1f0c --always 1", description: "Let the first rule stand that the question offers" }
    ])
  )
