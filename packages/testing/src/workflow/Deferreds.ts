/** Durable deferreds: waiting, completing, tokens and early completion. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDeclined,
  assertDied,
  awaitExit,
  awaitSuspended,
  date,
  Declined,
  type Engine,
  keyed,
  Log,
  Receipt,
  serving,
  settle,
  startSuspended
} from "./Harness.ts"

const Answer = DurableDeferred.make("Answer", { success: Schema.String, error: Declined })
const Left = DurableDeferred.make("Left", { success: Schema.String })
const Right = DurableDeferred.make("Right", { success: Schema.String })
const empty = new Declined({ reason: "empty" })

class Ask extends Workflow.make("Ask", { ...keyed, success: Schema.String, error: Declined }) {}
const askLayer = Ask.toLayer(() => DurableDeferred.await(Answer))
const tokenOf = (executionId: string) => DurableDeferred.tokenFromExecutionId(Answer, { workflow: Ask, executionId })

/** Registers the tests of waits and their completion. */
export const deferreds = (engine: Engine) =>
  describe("deferreds", () => {
    it.effect("succeed ends the wait with the value", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* DurableDeferred.succeed(Answer, { token: tokenOf(executionId), value: "yes" })
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("yes"))
      }).pipe(serving(engine, askLayer)))

    it.effect("fail ends the wait with the typed error", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* DurableDeferred.fail(Answer, { token: tokenOf(executionId), error: empty })
        assertDeclined(yield* Effect.exit(Ask.execute({ id: "a" })))
        assertDeclined(yield* awaitExit(Ask, executionId))
      }).pipe(serving(engine, askLayer)))

    it.effect("failCause ends the wait with the cause", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* DurableDeferred.failCause(Answer, { token: tokenOf(executionId), cause: Cause.die(new Error("boom")) })
        const exit = yield* awaitExit(Ask, executionId)
        assertDied(exit, "boom")
      }).pipe(serving(engine, askLayer)))

    it.effect("done ends the wait with the exit, and the handler can catch its error", () => {
      const Careful = Workflow.make("Careful", { ...keyed, success: Schema.String })
      const layer = Careful.toLayer(() =>
        DurableDeferred.await(Answer).pipe(Effect.catchTag("Declined", ({ reason }) => Effect.succeed(`no: ${reason}`)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Careful, { id: "a" })
        yield* DurableDeferred.done(Answer, {
          token: DurableDeferred.tokenFromExecutionId(Answer, { workflow: Careful, executionId }),
          exit: Exit.fail(empty)
        })
        assert.deepStrictEqual(yield* awaitExit(Careful, executionId), Exit.succeed("no: empty"))
      }).pipe(serving(engine, layer))
    })

    it.effect("a value with transformed fields arrives as its class", () => {
      const Paid = DurableDeferred.make("Paid", { success: Receipt })
      const receipt = new Receipt({ at: date(86_400_000), cents: 9n })
      const Wait = Workflow.make("Wait", { ...keyed, success: Receipt })
      const layer = Wait.toLayer(() =>
        Effect.tap(DurableDeferred.await(Paid), (value) => Effect.sync(() => assert.instanceOf(value, Receipt)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Wait, { id: "a" })
        yield* answer(Paid, { workflow: Wait, executionId }, receipt)
        assert.deepStrictEqual(yield* awaitExit(Wait, executionId), Exit.succeed(receipt))
      }).pipe(serving(engine, layer))
    })

    it.effect("a completion before the run waits is kept for it", () => {
      const Two = Workflow.make("Two", { ...keyed, success: Schema.String })
      const layer = Two.toLayer(() =>
        Effect.zipWith(DurableDeferred.await(Left), DurableDeferred.await(Right), (left, right) => `${left} ${right}`)
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Two, { id: "a" })
        yield* answer(Right, { workflow: Two, executionId }, "right")
        yield* settle
        yield* awaitSuspended(Two, executionId)
        yield* answer(Left, { workflow: Two, executionId }, "left")
        assert.deepStrictEqual(yield* awaitExit(Two, executionId), Exit.succeed("left right"))
      }).pipe(serving(engine, layer))
    })

    it.effect("a completion before the run exists is kept for it", () =>
      Effect.gen(function*() {
        const token = yield* DurableDeferred.tokenFromPayload(Answer, { workflow: Ask, payload: { id: "a" } })
        yield* DurableDeferred.succeed(Answer, { token, value: "early" })
        assert.strictEqual(yield* Ask.execute({ id: "a" }), "early")
      }).pipe(serving(engine, askLayer)))

    it.effect("the first completion wins", () => {
      const Go = DurableDeferred.make("Go")
      const Wait = Workflow.make("Wait", { ...keyed, success: Schema.String })
      const layer = Wait.toLayer(() => Effect.andThen(DurableDeferred.await(Go), DurableDeferred.await(Left)))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Wait, { id: "a" })
        yield* answer(Left, { workflow: Wait, executionId }, "first")
        yield* answer(Left, { workflow: Wait, executionId }, "second")
        yield* answer(Go, { workflow: Wait, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Wait, executionId), Exit.succeed("first"))
        yield* answer(Left, { workflow: Wait, executionId }, "third")
        assert.deepStrictEqual(yield* awaitExit(Wait, executionId), Exit.succeed("first"))
      }).pipe(serving(engine, layer))
    })

    it.effect("waiting twice for one deferred gives the same value", () => {
      const Twice = Workflow.make("Twice", { ...keyed, success: Schema.Array(Schema.String) })
      const layer = Twice.toLayer(() => Effect.all([DurableDeferred.await(Left), DurableDeferred.await(Left)]))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Twice, { id: "a" })
        yield* answer(Left, { workflow: Twice, executionId }, "left")
        assert.deepStrictEqual(yield* awaitExit(Twice, executionId), Exit.succeed(["left", "left"]))
      }).pipe(serving(engine, layer))
    })

    it.effect("concurrent waits end in any order of completion", () => {
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String) })
      const layer = Both.toLayer(() =>
        Effect.all([DurableDeferred.await(Left), DurableDeferred.await(Right)], { concurrency: "unbounded" })
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Both, { id: "a" })
        yield* answer(Right, { workflow: Both, executionId }, "right")
        yield* settle
        yield* awaitSuspended(Both, executionId)
        yield* answer(Left, { workflow: Both, executionId }, "left")
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["left", "right"]))
      }).pipe(serving(engine, layer))
    })

    it.effect("a completion reaches only the run that its token names", () =>
      Effect.gen(function*() {
        const first = yield* startSuspended(Ask, { id: "a" })
        const second = yield* startSuspended(Ask, { id: "b" })
        yield* DurableDeferred.succeed(Answer, { token: tokenOf(second), value: "yes" })
        assert.deepStrictEqual(yield* awaitExit(Ask, second), Exit.succeed("yes"))
        yield* awaitSuspended(Ask, first)
      }).pipe(serving(engine, askLayer)))

    it.effect("a token is the same from inside the run, its id and its payload, and reads back as its parts", () => {
      const tokens: Array<DurableDeferred.Token> = []
      const Show = Workflow.make("Show", { ...keyed, success: Schema.String, error: Declined })
      const layer = Show.toLayer(() =>
        DurableDeferred.token(Answer).pipe(
          Effect.tap((token) => Effect.sync(() => void tokens.push(token))),
          Effect.andThen(DurableDeferred.await(Answer))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Show, { id: "a" })
        const token = DurableDeferred.tokenFromExecutionId(Answer, { workflow: Show, executionId })
        assert.strictEqual(tokens[0], token)
        assert.strictEqual(
          yield* DurableDeferred.tokenFromPayload(Answer, { workflow: Show, payload: { id: "a" } }),
          token
        )
        const parsed = DurableDeferred.TokenParsed.fromString(token)
        assert.deepStrictEqual({ ...parsed }, { workflowName: "Show", executionId, deferredName: "Answer" })
        assert.strictEqual(parsed.asToken, token)

        const received = yield* Schema.decodeUnknownEffect(DurableDeferred.Token)(JSON.parse(JSON.stringify(token)))
        yield* DurableDeferred.succeed(Answer, { token: received, value: "yes" })
        assert.deepStrictEqual(yield* awaitExit(Show, executionId), Exit.succeed("yes"))
      }).pipe(serving(engine, layer))
    })

    it.effect("an activity of the same run completes a deferred that the run then waits for", () => {
      const Self = Workflow.make("Self", { ...keyed, success: Schema.String, error: Declined })
      const layer = Self.toLayer(Effect.fnUntraced(function*() {
        const token = yield* DurableDeferred.token(Answer)
        yield* Activity.make({
          name: "complete",
          execute: DurableDeferred.succeed(Answer, { token, value: "own" })
        })
        return yield* DurableDeferred.await(Answer)
      }))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Self.execute({ id: "a" }), "own")
      }).pipe(serving(engine, layer))
    })

    it.effect("an activity of another run completes the deferred of a waiting run", () => {
      const Reply = Workflow.make("Reply", {
        payload: { token: DurableDeferred.Token },
        idempotencyKey: (p) => p.token
      })
      const layer = Reply.toLayer(({ token }) =>
        Activity.make({ name: "reply", execute: DurableDeferred.succeed(Answer, { token, value: "from another run" }) })
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Reply.execute({ token: tokenOf(executionId) })
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("from another run"))
      }).pipe(serving(engine, askLayer, layer))
    })

    it.effect("the handler of another run completes the deferred of a waiting run", () => {
      const Reply = Workflow.make("Reply", {
        payload: { token: DurableDeferred.Token },
        idempotencyKey: (p) => p.token
      })
      const layer = Reply.toLayer(({ token }) => DurableDeferred.succeed(Answer, { token, value: "from a handler" }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Reply.execute({ token: tokenOf(executionId) })
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("from a handler"))
      }).pipe(serving(engine, askLayer, layer))
    })

    it.effect("an activity may wait for a deferred, and its success is recorded once it ends", () => {
      const log = new Log()
      const Outer = Workflow.make("Outer", { ...keyed, success: Schema.String })
      const inner = Activity.make({
        name: "inner",
        success: Schema.String,
        execute: Effect.tap(DurableDeferred.await(Left), () => log.add("answered"))
      })
      const layer = Outer.toLayer(() => Effect.tap(inner, DurableDeferred.await(Right)))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Outer, { id: "a" })
        yield* answer(Left, { workflow: Outer, executionId }, "left")
        yield* log.reached("answered")
        yield* awaitSuspended(Outer, executionId)
        yield* answer(Right, { workflow: Outer, executionId }, "right")
        assert.deepStrictEqual(yield* awaitExit(Outer, executionId), Exit.succeed("left"))
        assert.strictEqual(log.count("answered"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("withActivityAttempt gives each attempt its own deferred", () => {
      const Retry = Workflow.make("Retry", { ...keyed, success: Schema.String, error: Declined })
      const layer = Retry.toLayer(() =>
        Answer.withActivityAttempt.pipe(Effect.flatMap(DurableDeferred.await), Activity.retry({ times: 3 }))
      )
      const attempt = (n: number) => DurableDeferred.make(`Answer/${n}`, { success: Schema.String, error: Declined })
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Retry, { id: "a" })
        const run = { workflow: Retry, executionId }
        yield* DurableDeferred.fail(attempt(1), {
          token: DurableDeferred.tokenFromExecutionId(attempt(1), run),
          error: empty
        })
        yield* settle
        yield* awaitSuspended(Retry, executionId)
        yield* answer(attempt(2), run, "second attempt")
        assert.deepStrictEqual(yield* awaitExit(Retry, executionId), Exit.succeed("second attempt"))
      }).pipe(serving(engine, layer))
    })
  })
