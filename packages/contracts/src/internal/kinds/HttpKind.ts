/** The `http` step: asks a service in its body. What it asks is rendered before, and recorded as its input. */
import type { DocumentCrashRule } from "@fermata/core/CrashRule"
import * as HttpRequest from "@fermata/engine/HttpRequest"
import * as HttpService from "@fermata/engine/HttpService"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mismatches } from "../../JsonShape.ts"
import { allowed, recorded, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import { http } from "./Http.ts"

const run = (step: StandardStep<"http">, { contract }: Tools): Execute => {
  const { method, service } = step
  const asking = (onCrash: DocumentCrashRule) =>
    recorded({
      step,
      onCrash,
      body: Effect.fnUntraced(function*(_, input, context) {
        yield* allowed(contract, { kind: "http:request", service, method })
        const asked = yield* Effect.mapError(decode(input), wrong)
        const services = yield* HttpService.CurrentServices
        const reply = yield* Effect.mapError(
          HttpRequest.request(services, { ...asked, service, method }, context),
          failed
        )
        if (reply.status >= 400) {
          const retryable = reply.status >= 500 && onCrash !== "ask"
          return yield* answered(`service "${service}" answered with status ${reply.status}`, reply, retryable)
        }
        const [first] = step.output === undefined ? [] : mismatches(step.output, reply.body)
        if (first === undefined) return reply as Schema.Json
        return yield* answered(
          `what service "${service}" answered does not have the shape that was asked for: ${
            first.path === "" ? "it" : first.path
          } must be ${first.expected}`,
          reply,
          false
        )
      })
    })
  const made = new Map<DocumentCrashRule, ReturnType<typeof asking>>()
  const { body, headers, path, query } = step
  const texts = {
    path,
    ...(query === undefined ? {} : { query }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body })
  }
  return Effect.fnUntraced(function*({ scope }) {
    const onCrash = step.onCrash ?? HttpService.crashRule(yield* HttpService.CurrentServices, step)
    const ask = made.get(onCrash) ?? asking(onCrash)
    made.set(onCrash, ask)
    return { output: yield* ask(scope, yield* render(texts, scope)), next: step.next }
  })
}

/** How the kind `http` runs. */
export const httpKind = StepKind.make({ ...http, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a request is made of, as it was rendered; a number in a path or a header is shown as it is written. */
const decode = Schema.decodeUnknownEffect(Schema.Struct({
  path: Schema.String,
  query: Schema.optionalKey(Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))),
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  body: Schema.optionalKey(Schema.Json)
}))

const wrong = (error: Schema.SchemaError) =>
  new StepFailure({
    reason: "expression",
    message: `its request came out as none: ${error.message.replaceAll(/\s+/g, " ")}`,
    retryable: false
  })

const answered = (message: string, reply: HttpRequest.Reply, retryable: boolean) =>
  new StepFailure({ reason: "http", message, retryable, data: reply as Schema.Json })

const failed = (error: Effect.Error<ReturnType<typeof HttpRequest.request>>) =>
  error._tag === "SecretMissing"
    ? new StepFailure({ reason: "http", message: error.message, retryable: false })
    : new StepFailure({
      reason: error.reason === "refused" ? "denied" : "http",
      message: error.message,
      retryable: error.retryable || (error.reason === "unreachable" && !error.maybeDone),
      ...(error.reply === undefined ? {} : { data: error.reply as Schema.Json }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs })
    })
