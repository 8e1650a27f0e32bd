/**
 * Calls of tools as steps, one step for each tool, under its rule for crashes. A
 * call never fails its run: what goes wrong is told to the model as a result.
 */
import { Artifact } from "@fermata/core/Artifact"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Writer } from "@fermata/engine/Chunks"
import * as Step from "@fermata/engine/Step"
import * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AgentTool from "../AgentTool.ts"
import * as ToolOutput from "../ToolOutput.ts"
import * as Asks from "./mcp/Asks.ts"

/** What a step has recorded of a cut. Before there were artifacts, it was the number of characters alone. */
const RecordedCut = Schema.Union([AgentTool.Cut, Schema.Int]).pipe(
  Schema.decodeTo(
    Schema.toType(AgentTool.Cut),
    SchemaTransformation.transform({
      decode: (cut) => typeof cut === "number" ? { characters: cut } : cut,
      encode: (cut) => cut
    })
  )
)

/** What came of a call; `cut` where the model is shown less than all of its result, `files` what it is shown beside it. */
export const Outcome = Schema.Struct({
  isFailure: Schema.Boolean,
  result: Schema.Json,
  cut: Schema.optionalKey(RecordedCut),
  files: Schema.optionalKey(Schema.Array(Artifact)),
  /** Calls of the same answer that come after it are not made. */
  stopsOthers: Schema.optionalKey(Schema.Literal(true)),
  /** Where the call goes on in another step. */
  open: Schema.optionalKey(Asks.Open)
})
export type Outcome = typeof Outcome.Type

/** What a handler gives: results on the way, and the last one, which counts. */
export interface Given {
  readonly encodedResult: unknown
  readonly isFailure: boolean
  readonly preliminary: boolean
  readonly open?: Asks.Open | undefined
}

/** What a probe finds that knows more than a result. */
export class Found {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    this.outcome = outcome
  }
}

/** The tools of an agent with those who carry them out. Handlers bring what they need. */
export interface Kit {
  readonly tools: Readonly<Record<string, Tool.Any>>
  readonly carryOut: (
    name: string,
    params: Schema.Json,
    call: string
  ) => Effect.Effect<Stream.Stream<Given, unknown>, unknown>
  /** What the layer of a tool's handlers was built with. */
  readonly servicesOf: (name: string) => Context.Context<never>
  /** Why a tool cannot be called in this process, if it cannot. */
  readonly missing: (name: string) => string | undefined
  /** Opens what the step that this entry of the run has requested says while it works. */
  readonly writer: (entry: number) => Effect.Effect<Writer, never, Scope>
}

/** The tools that a step has the call of. */
export const CurrentKit: Context.Reference<Kit | undefined> = Context.Reference<Kit | undefined>(
  "@fermata/agent/CurrentKit",
  { defaultValue: () => undefined }
)

/** A call that did not come to be, or went wrong, as the model is told. */
export const failure = (error: string): Outcome => ({ isFailure: true, result: { error } })

/** How long it is, in characters, what a model is told of a tool. */
export const lengthOf = (tool: Tool.Any): number =>
  tool.name.length + (tool.description?.length ?? 0) + StoredJson.textOf(Tool.getJsonSchema(tool)).length

/** What there is for tools in a process, of which `given` is all that it has. */
export const servicesIn = (
  given: Context.Context<never>,
  tools: Readonly<Record<string, Tool.Any>>
): Pick<Kit, "servicesOf" | "missing"> => {
  const servicesOf = (name: string): Context.Context<never> => {
    const handler = given.mapUnsafe.get(tools[name]?.id ?? "") as
      | { readonly context?: Context.Context<never> }
      | undefined
    return handler?.context ?? Context.empty()
  }
  return {
    servicesOf,
    missing: (name) => {
      const own = servicesOf(name)
      const names = (Object.hasOwn(tools, name) ? AgentTool.requirementsOf(tools[name]!) : [])
        .filter((key) => !given.mapUnsafe.has(key) && !own.mapUnsafe.has(key))
      return names.length === 0
        ? undefined
        : `tool "${name}" requires ${names.join(" and ")}, which this process does not have`
    }
  }
}

/** What the model is told of a call that is made no more. */
export const given = ({ problem, result }: AgentTool.CallAgain): Outcome =>
  result === undefined ? failure(problem) : { isFailure: true, result }

/** The step of a tool's calls that have this rule for crashes. */
export const make = (name: string, tool: Tool.Any | undefined, onCrash: AgentTool.Rules["onCrash"]) => {
  const rules = tool === undefined ? undefined : AgentTool.rulesOf(tool)
  const probe = tool === undefined ? undefined : AgentTool.probeOf(tool)
  const definition = {
    input: { call: Schema.String, params: Schema.Json, on: Schema.optionalKey(Asks.Round) },
    success: Outcome,
    error: AgentTool.CallAgain,
    retry: again,
    label: "tool",
    stopsAtOnce: rules?.stopsAtOnce === true,
    run: ({ call, on, params }: Input, context: Step.StepContext) =>
      tool === undefined
        ? Effect.succeed(failure(`there is no tool "${name}" any more`))
        : limited(carryOut(name, params, call), rules!.timeoutMs, name).pipe(
          withAside((outcome: Outcome, beside) => beside(outcome)),
          Effect.provideService(AgentTool.CurrentCall, context),
          Effect.provideService(Asks.CurrentRound, on),
          Effect.provideServiceEffect(
            ToolOutput.CurrentWriter,
            Effect.map(CurrentKit, (kit) => kit?.writer(context.entry))
          ),
          Effect.catch((later) => context.attempt > later.retries ? Effect.succeed(given(later)) : Effect.fail(later)),
          Effect.flatMap((outcome) => cut(outcome, rules!.maxResult, context))
        )
  }
  if (probe === undefined) return Step.make(name, { ...definition, onCrash })
  return Step.make(name, {
    ...definition,
    onCrash: "probe",
    probe: ({ on, params }: Input, context: Step.StepContext) =>
      withParams(tool!, params, (decoded) => probe(decoded, context)).pipe(
        Effect.map(Option.map((found) => found instanceof Found ? found.outcome : stored(false, found))),
        withAside((found: Option.Option<Outcome>, beside) => Option.map(found, beside)),
        Effect.provideService(AgentTool.CurrentCall, context),
        Effect.provideService(Asks.CurrentRound, on),
        Effect.flatMap(Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (outcome) => Effect.asSome(cut(outcome, rules!.maxResult, context))
        }))
      )
  })
}

/** The step of a tool's calls. */
export type ToolStep = ReturnType<typeof make>

/** Carries out a call, and tells what came of it, or that it may be made again. Only an interruption of the caller stays one. */
export const carryOut = (
  name: string,
  params: Schema.Json,
  call: string
): Effect.Effect<Outcome, AgentTool.CallAgain> =>
  Effect.gen(function*() {
    const kit = yield* CurrentKit
    if (kit === undefined || !Object.hasOwn(kit.tools, name)) return failure(`there is no tool "${name}"`)
    const problem = kit.missing(name)
    if (problem !== undefined) return failure(problem)
    const results = yield* kit.carryOut(name, params, call)
    const last = yield* Stream.runLast(Stream.filter(results, ({ preliminary }) => !preliminary))
    return Option.match(last, {
      onNone: () => failure(`tool "${name}" gave no result`),
      onSome: ({ encodedResult, isFailure, open }) => {
        const outcome = stored(isFailure, encodedResult)
        return open === undefined ? outcome : { ...outcome, open }
      }
    })
  }).pipe(
    // An interruption of the caller does not come to this place; one of what a handler waits for does.
    Effect.catchCause((cause) => {
      const error = Cause.squash(cause)
      if (error instanceof AgentTool.CallAgain) return Effect.fail(error)
      return Effect.succeed(
        failure(Cause.hasInterruptsOnly(cause) ? `tool "${name}" was interrupted` : problemOf(cause))
      )
    })
  )

/** Gives something of a tool the arguments of a call as the tool's schema reads them, and the services of its handlers. */
export const withParams = <A>(
  tool: Tool.Any,
  params: Schema.Json,
  use: (params: unknown) => Effect.Effect<A, unknown, unknown>
): Effect.Effect<A, unknown> =>
  Effect.gen(function*() {
    const kit = yield* CurrentKit
    const schema = tool.parametersSchema as Schema.Codec<unknown>
    const decoded = Schema.isSchema(schema) ? yield* Schema.decodeUnknownEffect(schema)(params) : params
    return yield* Effect.updateContext(
      use(decoded) as Effect.Effect<A, unknown>,
      (given: Context.Context<never>) => kit === undefined ? given : Context.merge(kit.servicesOf(tool.name), given)
    )
  })

/** The first reason, without a stack: the model has no use for one, and a stack says where files lie. */
export const problemOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const text = error instanceof Error
    ? error.message
    : typeof error === "string"
    ? error
    : StoredJson.show(error, 2_000)
  return text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Input {
  readonly call: string
  readonly params: Schema.Json
  readonly on?: Asks.Round
}

/** The waits before further attempts, which are durable. How many there are is said by who asks for one. */
const again = Schedule.exponential(Duration.seconds(1)).pipe(
  Schedule.setInputType<AgentTool.CallAgain | Step.StepTimedOut>(),
  Schedule.while(({ input }) => input instanceof AgentTool.CallAgain),
  Schedule.modifyDelay(({ duration, input }) =>
    Effect.succeed(
      input instanceof AgentTool.CallAgain && input.afterMs !== undefined ? Duration.millis(input.afterMs) : duration
    )
  )
)

/** What comes of a call, in which there is an outcome, with what its handler or its probe has said beside it. */
const withAside =
  <A>(change: (came: A, beside: (outcome: Outcome) => Outcome) => A) =>
  <E, R>(came: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const aside: AgentTool.Aside = { files: [], stopsOthers: false }
      const beside = (outcome: Outcome): Outcome => ({
        ...outcome,
        ...(aside.files.length === 0 || outcome.isFailure ? {} : { files: [...aside.files] }),
        ...(aside.stopsOthers ? { stopsOthers: true } : {})
      })
      return Effect.map(Effect.provideService(came, AgentTool.CurrentAside, aside), (came) => change(came, beside))
    })

const limited = <E>(
  outcome: Effect.Effect<Outcome, E>,
  millis: number | undefined,
  name: string
): Effect.Effect<Outcome, E> =>
  millis === undefined
    ? outcome
    : Effect.timeoutOrElse(outcome, {
      duration: Duration.millis(millis),
      orElse: () => Effect.succeed(failure(`tool "${name}" did not end within ${millis} ms`))
    })

/** A result that can be stored, or what is wrong with it. */
const stored = (isFailure: boolean, result: unknown): Outcome => {
  // As a part of the outcome, which is one level deeper than the result alone.
  const made = StoredJson.of({ isFailure, result: result ?? null })
  return Result.isSuccess(made)
    ? made.success.read() as Pick<Outcome, "isFailure" | "result">
    : failure(`its result cannot be stored: ${made.failure.reason}`)
}

/** The result as far as the model is shown it. The whole is kept beside the outcome, and the model is told under what name. */
const cut = (outcome: Outcome, most: number, { keep, key }: Step.StepContext): Effect.Effect<Outcome> => {
  const { result } = outcome
  const isText = typeof result === "string"
  const text = isText ? result : StoredJson.textOf(result)
  if (text.length <= most) return Effect.succeed(outcome)
  const shown = (whole: Artifact | undefined): Outcome => ({
    ...outcome,
    result: `${text.slice(0, most)}\n[cut: ${most} of ${text.length} characters${
      whole === undefined ? "" : `; the whole is kept as ${StoredJson.quote(whole.name ?? whole.hash)}`
    }]`,
    cut: { characters: text.length, ...(whole === undefined ? {} : { whole }) }
  })
  return Effect.match(
    keep(text, { name: nameOf(key, isText), ...(isText ? {} : { mediaType: "application/json" }) }),
    { onSuccess: shown, onFailure: () => shown(undefined) }
  )
}

/** What the whole of a result is kept as. Tools of others may have any name. */
const nameOf = (key: string, isText: boolean): string =>
  `${key.slice(0, 190).toWellFormed().replaceAll(/\p{Cc}/gu, " ")}.${isText ? "txt" : "json"}`
