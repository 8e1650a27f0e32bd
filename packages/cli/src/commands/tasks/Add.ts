import type { TaskRequest } from "@fermata/core/Task"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import * as JsonOption from "../../JsonOption.ts"
import { document, line, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata tasks add` */
export const commandTasksAdd = Command.make(
  "add",
  {
    kind: Argument.String("kind").pipe(
      Argument.withDescription("What kind of work it is, such as report"),
      Argument.optional
    ),
    task: Arguments.json("task", "The whole task, in place of the other options"),
    payload: Arguments.json("payload", "What is to be done"),
    queue: Arguments.text("queue", "NAME", "The queue; default when absent"),
    subject: Arguments.text("subject", "TEXT", "What it is about, for people"),
    source: Arguments.text("source", "TEXT", "Who has produced it; operator when absent"),
    lane: Arguments.text("lane", "TEXT", "In whose turn it is done"),
    adapter: Arguments.text("adapter", "NAME", "Only a worker that has this adapter takes it"),
    profile: Arguments.text("profile", "NAME", "The profile by which whoever does it goes"),
    priority: Flag.Int("priority").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("The larger is done first, in its lane; 0 when absent"),
      Flag.optional
    ),
    delay: Flag.Finite("delay").pipe(
      Flag.withMetavar("SECONDS"),
      Flag.withDescription("How long it waits before it may be done"),
      Flag.optional
    ),
    dedupe: Arguments.identity("dedupe", "KEY", "One that is queued or at work with this key is this one"),
    id: Arguments.identity("id", "ID", "Tasks with one id are one task; made up when absent")
  },
  ({ delay, kind, payload, task, ...texts }) =>
    Effect.gen(function*() {
      const named = Arguments.given(texts)
      const isWhole = Option.isSome(task)
      const isNamed = Object.keys(named).length > 0 || Option.isSome(payload) || Option.isSome(delay)
      if (isWhole === Option.isSome(kind) || (isWhole && isNamed)) {
        return yield* refused(
          "InvalidValue",
          isWhole
            ? "--task is the whole task, and nothing else may say more of it"
            : "nothing says what the task is",
          ["give a kind and options, or --task J alone", `see: ${Commands.seeHelp(["tasks", "add"])}`]
        )
      }
      const request = isWhole
        ? yield* JsonOption.read("--task", task.value)
        : {
          source: "operator",
          ...named,
          kind: Option.getOrElse(kind, () => ""),
          ...(Option.isNone(payload) ? {} : { payload: yield* JsonOption.read("--payload", payload.value) }),
          ...(Option.isNone(delay) ? {} : { delayMs: delay.value * 1_000 })
        }
      yield* withOperator({ command: "tasks add", idle: true }, (operator, { as, config, json }) =>
        Effect.gen(function*() {
          const asked = operator.here === undefined
            ? request as TaskRequest
            : yield* taken(request as TaskRequest, config)
          const added = yield* operator.refine(operator.tasks.enqueue(asked, { by: as }))
          if (json) {
            return yield* document(added)
          }
          const { id, queue } = added.task
          yield* line(id)
          yield* note(
            added.result === "added"
              ? `task ${id} is in queue ${queue}`
              : added.result === "joined"
              ? `task ${id} was there, and is this one`
              : `task ${id} waited, and is now this one`
          )
        }))
    })
).pipe(
  Command.withDescription("Add a task to a queue, and print its id"),
  Sides.either,
  Command.withExamples([
    {
      command: "fermata tasks add report --payload '{\"week\":12}' --queue reports --priority 5",
      description: "Have a worker of the queue do it, before others"
    },
    { command: "fermata tasks add --task @task.json", description: "A whole task, as the API takes it" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The task as the configuration has it done, where it says who does tasks. */
const taken = Effect.fnUntraced(function*(request: TaskRequest, file: string | undefined) {
  const { load } = yield* Effect.promise(() => import("../../Config.ts"))
  const { config: { dispatch } } = yield* load(file, [process.cwd()])
  return dispatch === undefined || typeof request !== "object" || request === null || typeof request.kind !== "string"
    ? request
    : yield* Effect.mapError(dispatch.intake(request), ({ message }) => refused("TaskRefused", message))
})
