/** One call of a step, as its run is asked for it. */
import type { Giver } from "@fermata/core/ValueRefused"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Scope } from "effect/Scope"
import * as Handover from "./Handover.ts"
import { Reserved } from "./Reserved.ts"
import type { StepAttempt, StepDefinition } from "./run/Ask.ts"
import * as StepTitle from "./StepTitle.ts"

/** What all calls of a step share. */
export interface StepCode extends
  Pick<
    StepDefinition,
    "onCrash" | "label" | "retry" | "problemOf" | "errorProblemOf" | "sample" | "limit" | "notSynchronous"
  >
{
  readonly stopsAtOnce?: boolean | undefined
  readonly attempt: (call: StepCall, context: StepAttempt) => Effect.Effect<unknown, unknown, Scope>
  /** What it does, by its input. */
  readonly title: ((input: unknown) => string) | undefined
  readonly question:
    | ((call: StepCall, context: StepAttempt) => Effect.Effect<Option.Option<unknown>, unknown, Scope>)
    | undefined
}

/** One call of a step. A replay makes one for each that the journal holds, so it carries little. */
export class StepCall implements StepDefinition {
  readonly name: string
  readonly key: string | undefined
  readonly input: Handover.Input | undefined
  readonly nested: boolean
  readonly inside: string | undefined
  readonly asker: Context.Context<never>
  readonly by: Giver
  /** What the body of this very call came to: it has been read back already. */
  lived: Handover.Handed | undefined
  private readonly code: StepCode

  constructor(
    code: StepCode,
    name: string,
    key: string | undefined,
    input: Handover.Input | undefined,
    nested: boolean,
    inside: string | undefined,
    asker: Context.Context<never>,
    by: Giver
  ) {
    this.code = code
    this.name = name
    this.key = key
    this.input = input
    this.nested = nested
    this.inside = inside
    this.asker = asker
    this.by = by
    this.lived = undefined
  }

  get onCrash() {
    return this.code.onCrash
  }
  get label() {
    return this.code.label
  }
  get reserved() {
    return Context.get(this.asker, Reserved)
  }
  get title() {
    const { title } = this.code
    if (title === undefined) return undefined
    const input = this.own()
    return Exit.isSuccess(input) ? StepTitle.of(() => title(input.value)) : undefined
  }
  get stopsAtOnce() {
    return this.code.stopsAtOnce
  }
  get retry() {
    return this.code.retry
  }
  get problemOf() {
    return this.code.problemOf
  }
  get errorProblemOf() {
    return this.code.errorProblemOf
  }
  get sample() {
    return this.code.sample
  }
  get limit() {
    return this.code.limit
  }
  get notSynchronous() {
    return this.code.notSynchronous
  }
  get probe(): StepDefinition["probe"] {
    const { question } = this.code
    return question && ((context) => Effect.scoped(question(this, context)))
  }

  body(context: StepAttempt): Effect.Effect<unknown, unknown> {
    return Effect.scoped(this.code.attempt(this, context))
  }

  /** An input of its own for an attempt. */
  own(): Exit.Exit<unknown, unknown> {
    return this.input === undefined ? Exit.void : this.input.own()
  }

  /** Keeps what the body handed over, and gives on what is stored of it. What cannot be stored is a defect. */
  keep(handed: ReturnType<typeof Handover.through>): Effect.Effect<unknown> {
    if (Result.isFailure(handed)) return Effect.die(handed.failure)
    this.lived = handed.success
    return Effect.succeed(handed.success.stored)
  }
}
