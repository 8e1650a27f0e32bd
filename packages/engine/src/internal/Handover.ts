/**
 * Values on their way into a journal: each becomes text where it is handed over,
 * and one that cannot be stored is the fault of the one who gave it.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as ValueRefused from "@fermata/core/ValueRefused"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { RunRow } from "../Backend.ts"
import type { Scrub } from "./secrets/Scrub.ts"

/** The run in which a value is handed over, as errors name it. */
export const giver = (row: Pick<RunRow, "id" | "workflow">): ValueRefused.Giver => ({
  runId: row.id,
  workflow: row.workflow
})

/** Makes a value text, or says whose fault it is that it cannot be. */
export const value = (
  what: string,
  given: unknown,
  by?: ValueRefused.Giver
): Result.Result<StoredJson.StoredJson, ValueRefused.ValueRefused> =>
  Result.mapError(StoredJson.of(given), (problem) => ValueRefused.of(what, problem, by))

/** As `value`, in an effect that fails with the error. */
export const given = (
  what: string,
  json: unknown,
  by?: ValueRefused.Giver
): Effect.Effect<StoredJson.StoredJson, ValueRefused.ValueRefused> =>
  Effect.suspend(() => Effect.fromResult(value(what, json, by)))

/** Makes the value or the cause of an exit text. A value or a typed error that cannot be stored leaves a defect in its place. */
export const exitJson = (what: string, json: JournalEntry.ExitJson, by?: ValueRefused.Giver): JournalEntry.ExitJson => {
  if (json._tag === "Failure") return { _tag: "Failure", cause: causeJson(what, json.cause, by) }
  if (json.value === undefined) return json
  const stored = value(what, json.value, by)
  return Result.isSuccess(stored)
    ? { _tag: "Success", value: stored.success }
    : { _tag: "Failure", cause: died(stored.failure) }
}

/** As `exitJson`, of what was parsed just now and nobody else holds. */
export const received = (what: string, json: JournalEntry.ExitJson): JournalEntry.ExitJson => {
  if (json._tag === "Failure" || json.value === undefined) return exitJson(what, json)
  const stored = StoredJson.ofParsed(json.value)
  return Result.isSuccess(stored) ? { _tag: "Success", value: stored.success } : exitJson(what, json)
}

/** As `exitJson`, of an exit whose value and typed errors are JSON. */
export const exit = (what: string, exit: Exit.Exit<unknown, unknown>, by?: ValueRefused.Giver): JournalEntry.ExitJson =>
  exitJson(what, toJson(exit), by)

/** As `exit`, for one whose value and typed errors must be storable: fails with the error of the first that is not. */
export const givenExit = (
  what: string,
  exit: Exit.Exit<unknown, unknown>,
  by?: ValueRefused.Giver
): Effect.Effect<JournalEntry.ExitJson, ValueRefused.ValueRefused> =>
  Effect.suspend(() => {
    const given = Exit.isSuccess(exit)
      ? [exit.value ?? null]
      : exit.cause.reasons.flatMap((reason) => Cause.isFailReason(reason) ? [reason.error ?? null] : [])
    const refused = given.map((json) => value(what, json, by)).find(Result.isFailure)
    return refused === undefined ? Effect.succeed(exitJson(what, toJson(exit), by)) : Effect.fail(refused.failure)
  })

/** The cause of a recorded failure as text. */
export const cause = (what: string, cause: Cause.Cause<unknown>, by?: ValueRefused.Giver): StoredJson.StoredJson => {
  const json = toJson(Exit.failCause(cause))
  return causeJson(what, json._tag === "Failure" ? json.cause : [], by)
}

/** A copy of an exit that nobody else holds, out of text. */
export const copyOf = (json: JournalEntry.ExitJson): JournalEntry.ExitJson =>
  json._tag === "Failure"
    ? { _tag: "Failure", cause: StoredJson.copy(json.cause) }
    : json.value === undefined
    ? json
    : { _tag: "Success", value: StoredJson.copy(json.value) }

/** What is encoded by a schema, when encoding may throw, as of a value that is too deep for it. */
export const guarded = (
  encode: (value: unknown) => Exit.Exit<unknown, unknown>,
  value: unknown
): Exit.Exit<unknown, unknown> => {
  try {
    return encode(value)
  } catch (error) {
    const stored = StoredJson.of(value)
    return Exit.fail(new Error(Result.isFailure(stored) ? stored.failure.reason : String(error)))
  }
}

/** The two directions of a schema. */
export interface Codec {
  readonly encode: (value: unknown) => Exit.Exit<unknown, unknown>
  readonly decode: (json: unknown) => Exit.Exit<unknown, unknown>
}

/** What was handed over: as it is stored, and as it is read. */
export interface Handed {
  /** Absent where the schema takes nothing and JSON has no form of it. */
  readonly stored: StoredJson.StoredJson | undefined
  /** What became text, as its schema made it: only to be compared, and only at once, since others may hold parts of it. */
  readonly json: unknown
  /** Made from the text, and held by nobody else. */
  readonly value: unknown
}

/**
 * Hands a value over through its schema. What it reads back from the text is
 * what is given on, at once as after a restart; where it reads nothing back,
 * that is found here and not when the journal is replayed.
 */
export const through = (
  what: string,
  noun: "input" | "outcome" | "value",
  codec: Codec,
  given: unknown,
  by: ValueRefused.Giver
): Result.Result<Handed, ValueRefused.ValueRefused> =>
  throughText(what, noun, codec.decode, guarded(codec.encode, given), by)

/** The second half of `through`, for what its schema has encoded. */
export const throughText = (
  what: string,
  noun: "input" | "outcome" | "value",
  decode: Codec["decode"],
  encoded: Exit.Exit<unknown, unknown>,
  by: ValueRefused.Giver
): Result.Result<Handed, ValueRefused.ValueRefused> => {
  const refused = (problem: string) => Result.fail(ValueRefused.of(what, { path: "", reason: problem }, by))
  if (Exit.isFailure(encoded)) return refused(`its schema refuses the ${noun}: ${lineOf(encoded.cause)}`)
  const stored = encoded.value === undefined ? undefined : value(what, encoded.value, by)
  if (stored !== undefined && Result.isFailure(stored)) return Result.fail(stored.failure)
  const decoded = guarded(decode, stored?.success.read())
  return Exit.isSuccess(decoded)
    ? Result.succeed({ stored: stored?.success, json: encoded.value, value: decoded.value })
    : refused(
      `its schema does not read the ${noun} back from the text that it made of it (${lineOf(decoded.cause)}); `
        + "give what is undefined there a value, or use a schema that reads what it writes"
    )
}

/**
 * The input of a step on its way through its schema. Its text, and what is read
 * back from it, are made when somebody needs them: a replay that finds the same
 * input recorded does not.
 */
export class Input {
  /** The step whose request records this very input, as far as is known before the step is asked for. */
  recordedBy: { readonly key: string } | undefined
  /** The number that the call has among those of its name, if that is the step; 0 where its key tells. */
  recordedAt = 0
  private readonly step: string
  private readonly codec: Codec
  private encoded: Exit.Exit<unknown, unknown>
  private readonly by: ValueRefused.Giver
  private made: Result.Result<Handed, ValueRefused.ValueRefused> | undefined
  private given = false

  /** `scrub`: what is cut out of it, where the asker was told secrets. */
  constructor(step: string, codec: Codec, value: unknown, by: ValueRefused.Giver, scrub?: Scrub) {
    this.step = step
    this.codec = codec
    this.by = by
    const encoded = guarded(codec.encode, value)
    this.encoded = scrub === undefined ? encoded : Exit.map(encoded, scrub.json)
  }

  /**
   * Whether it is known, without its text, to be what the step has recorded.
   * From then on what is recorded counts: the code may change its own value
   * before a body that runs again wants it.
   */
  find(step: { readonly key: string; readonly input: unknown }, number: number): boolean {
    if (Exit.isFailure(this.encoded) || !StoredJson.isStoredAs(step.input, this.encoded.value ?? null)) return false
    if (this.encoded.value !== undefined) this.encoded = Exit.succeed(step.input)
    this.recordedBy = step
    this.recordedAt = number
    return true
  }

  /** Why its schema refuses it. */
  get refused(): ValueRefused.ValueRefused | undefined {
    return Exit.isFailure(this.encoded) && Result.isFailure(this.handed) ? this.handed.failure : undefined
  }

  /** As it is stored and read back, or why it cannot be. */
  get handed(): Result.Result<Handed, ValueRefused.ValueRefused> {
    return this.made ??= throughText(`input of step "${this.step}"`, "input", this.codec.decode, this.encoded, this.by)
  }

  /** For each attempt one of its own: for the first what was read back, for the others one made from the text. */
  own(): Exit.Exit<unknown, unknown> {
    if (Result.isFailure(this.handed)) return Exit.die(this.handed.failure)
    const { stored, value } = this.handed.success
    if (this.given) return this.codec.decode(stored?.read())
    this.given = true
    return Exit.succeed(value)
  }
}

/** An exit whose value or cause is text already, as a value of its own. */
export const plainExit = (exit: JournalEntry.ExitJson): JournalEntry.ExitJson =>
  exit._tag === "Success"
    ? exit.value instanceof StoredJson.StoredJson ? { _tag: "Success", value: exit.value.read() } : exit
    : exit.cause instanceof StoredJson.StoredJson
    ? { _tag: "Failure", cause: exit.cause.read() }
    : exit

/** The parts of an entry or message that are text already, as values of their own. */
export const plain = <A extends object>(parts: A): A => {
  let copy: Record<string, unknown> | undefined
  for (const [name, part] of Object.entries(parts)) {
    const read = part instanceof StoredJson.StoredJson
      ? part.read()
      : name === "exit" && typeof part === "object" && part !== null
      ? plain(part)
      : part
    if (read !== part) (copy ??= { ...parts } as Record<string, unknown>)[name] = read
  }
  return copy === undefined ? parts : copy as A
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lineOf = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause).split("\n")[0]!.replace(/^Error: /, "")

/** Defects may be anything, also something that cannot even be looked at. */
export const toJson = (exit: Exit.Exit<unknown, unknown>): JournalEntry.ExitJson => {
  try {
    return ExitJson.toJson(exit)
  } catch (error) {
    return ExitJson.toJson(Exit.die(new Error(`a defect that cannot be looked at (${StoredJson.show(error)})`)))
  }
}

/** Only plain text goes into it, so it can be stored. */
const died = (error: Error): StoredJson.StoredJson => StoredJson.list(ExitJson.causeToJson(Cause.die(error)))

const causeJson = (what: string, json: unknown, by: ValueRefused.Giver | undefined): StoredJson.StoredJson => {
  const whole = StoredJson.of(json)
  if (Result.isSuccess(whole)) return whole.success
  const reasons: ReadonlyArray<unknown> = Array.isArray(json) ? json : [json]
  return StoredJson.list(reasons.flatMap((reason): ReadonlyArray<unknown> => {
    if (Result.isSuccess(StoredJson.of(reason))) return [reason]
    if (Predicate.hasProperty(reason, "_tag") && reason._tag === "Fail" && "error" in reason) {
      const error = value(`error of the ${what}`, reason.error, by)
      return Result.isFailure(error) ? ExitJson.causeToJson(Cause.die(error.failure)) : [reason]
    }
    return ExitJson.causeToJson(
      Cause.die(
        new Error(
          `a defect that cannot be stored: ${
            StoredJson.show(Predicate.hasProperty(reason, "defect") ? reason.defect : reason)
          }`
        )
      )
    )
  }))
}
