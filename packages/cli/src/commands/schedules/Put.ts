import { catchUps, overlaps, read } from "@fermata/core/Schedule"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import * as JsonOption from "../../JsonOption.ts"
import { document, note } from "../../Output.ts"
import { refine } from "../../Refine.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

const length = (name: string, description: string) => Arguments.age(name, description).pipe(Flag.optional)

/** `fermata schedules put` */
export const commandSchedulesPut = Command.make(
  "put",
  {
    name: Argument.String("schedule").pipe(Argument.withDescription("Its name, new or known")),
    whole: Arguments.json("schedule", "The whole schedule, in place of all other options"),
    everyMs: length("every", "Once in so long"),
    cron: Arguments.text("cron", "EXPRESSION", "At the times of five fields, or of a name such as @daily"),
    zone: Arguments.text("zone", "ZONE", "The time zone of --cron, such as Europe/Berlin; UTC when absent"),
    workflow: Arguments.text("workflow", "NAME", "What is started: a workflow, a contract or an agent"),
    version: Arguments.text("version", "V", "Its version; the highest when absent"),
    input: Arguments.json("input", "What it is started with"),
    title: Arguments.title,
    event: Arguments.text("event", "NAME", "Or an event, which is published"),
    data: Arguments.json("data", "What the event says"),
    task: Arguments.json("task", "Or a task, which is added"),
    startAt: Arguments.time("start", "Nothing before this time"),
    endAt: Arguments.time("end", "Nothing behind this time"),
    delayMs: length("delay", "Nothing sooner than so long after it is made"),
    jitterMs: length("jitter", "Up to so much later, as follows from its name and the time"),
    overlap: Flag.Literals("overlap", overlaps).pipe(
      Flag.withDescription("What becomes of a time that comes while the last run goes on; skip when absent"),
      Flag.optional
    ),
    catchUp: Flag.Literals("catch-up", catchUps).pipe(
      Flag.withDescription("What becomes of times that passed while nothing was at work; coalesce when absent"),
      Flag.optional
    ),
    windowMs: length("window", "How late a time may be caught up with"),
    producer: Arguments.identity("producer", "KEY", "What it alone produces: a second schedule with it is refused"),
    note: Arguments.text("note", "TEXT", "For people")
  },
  ({ cron, data, event, everyMs, input, name, task, title, version, whole, workflow, zone, ...rest }) =>
    Effect.gen(function*() {
      const more = Arguments.given(rest)
      const named = Arguments.given({ cron, data, event, everyMs, input, task, title, version, workflow, zone })
      const problem = Option.isSome(whole)
        ? Object.keys({ ...more, ...named }).length > 0
          ? "--schedule is the whole schedule, and nothing else may say more of it"
          : undefined
        : Option.isSome(everyMs) === Option.isSome(cron)
        ? "nothing says when it fires, or two options do: give --every LENGTH or --cron EXPRESSION"
        : [workflow, event, task].filter(Option.isSome).length !== 1
        ? "nothing says what it starts, or several options do: give --workflow, --event or --task"
        : Option.isSome(zone) && Option.isNone(cron)
        ? "--zone is for --cron"
        : Option.isNone(workflow) && (Option.isSome(input) || Option.isSome(version) || Option.isSome(title))
        ? "--input, --version and --title are for --workflow"
        : Option.isSome(data) && Option.isNone(event)
        ? "--data is for --event"
        : undefined
      if (problem !== undefined) {
        return yield* refused("InvalidValue", problem, [`see: ${Commands.seeHelp(["schedules", "put"])}`])
      }
      const json = (option: string, value: Option.Option<string>) =>
        Option.isNone(value) ? Effect.succeed(undefined) : JsonOption.read(option, value.value)
      const [given, payload, asked] = [
        yield* json("--input", input),
        yield* json("--data", data),
        yield* json("--task", task)
      ]
      const options = Option.isSome(whole) ? yield* JsonOption.read("--schedule", whole.value) : {
        ...more,
        spec: Arguments.given(Option.isSome(everyMs) ? { everyMs } : { cron, zone }),
        target: Option.isSome(workflow)
          ? { ...Arguments.given({ workflow, version, title }), ...(given === undefined ? {} : { input: given }) }
          : Option.isSome(event)
          ? { event: { name: event.value, ...(payload === undefined ? {} : { payload }) } }
          : { task: asked }
      }
      // Read here already, so that a server is told only what may be.
      const said = yield* refine(Effect.fromResult(read(name, options)))
      yield* withOperator({ command: "schedules put", idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const { result, schedule } = yield* operator.refine(
            operator.schedules.put(name, said, { by: as })
          )
          if (json) return yield* document({ ...schedule, result })
          yield* note(`schedule ${schedule.name} is ${result === "same" ? "as it was" : result}: ${schedule.sentence}`)
        }))
    })
).pipe(
  Command.withDescription("Make a schedule, or have the one of this name be as is said here"),
  Sides.either,
  Command.withExamples([
    {
      command: "fermata schedules put nightly --cron \"30 2 * * *\" --zone Europe/Berlin --workflow report",
      description: "A run each night, by the clock on the wall"
    },
    {
      command: "fermata schedules put heartbeat --every 305s --task '{\"kind\":\"checkin\"}' --producer heartbeat",
      description: "A task every 5 min 5 s, which no other schedule adds"
    },
    {
      command: "fermata schedules put tick --every 1min --event clock.ticked --jitter 10s",
      description: "An event, up to ten seconds later each time"
    }
  ])
)
