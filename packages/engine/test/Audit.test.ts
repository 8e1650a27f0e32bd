import { assert, describe, it } from "@effect/vitest"
import * as AuditLine from "@fermata/core/AuditLine"
import { TestHost } from "@fermata/testing/TestHost"
import { Cause, Effect, Exit, Layer, Redacted, Schema } from "effect"
import * as fc from "fast-check"
import { createHash } from "node:crypto"
import { AccessTokens } from "../src/AccessTokens.ts"
import * as Actor from "../src/Actor.ts"
import * as Approval from "../src/Approval.ts"
import * as AuditChain from "../src/AuditChain.ts"
import { AuditLog } from "../src/AuditLog.ts"
import type { AuditRow, Backend } from "../src/Backend.ts"
import { Events } from "../src/Events.ts"
import * as Sha256 from "../src/internal/Sha256.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { Store } from "../src/Store.ts"
import { define } from "./support/Program.ts"

const canary = "canary-3f9a"

const W = define("W")
const Child = define("Child")
const Go = Signal.make("go", { schema: Schema.String })

/** Asks, and then does what the verbs do, as a run. */
const layer = Layer.mergeAll(
  Child.toLayer(({ id }) => Effect.succeed(id)),
  W.toLayer(({ id }) =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const events = yield* Events
      const does = Step.make("does", {
        onCrash: "rerun",
        run: () =>
          Effect.asVoid(
            Effect.orDie(runs.signal("other", "go", "x").pipe(Effect.catchTag("RunNotFound", () => Effect.void)))
          )
      })
      yield* Effect.orDie(Approval.ask("ship", {
        prompt: `Ship ${canary}?`,
        approvers: ["ann"],
        args: { schema: Schema.Json, value: { to: canary }, editable: true }
      }))
      yield* does()
      yield* Effect.orDie(events.emit("order.shipped", { id }))
      yield* Child.execute({ id })
      return yield* Signal.receive(Go)
    })
  )
)

const host = Layer.mergeAll(AccessTokens.layer, AuditLog.layer, layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Events.layer)),
  Layer.provideMerge(TestHost.layer)
)

const textOf = Redacted.value

const as = (who: string, how = "command") => Effect.provideService(Actor.CurrentActor, { who, how })

/** The lines since the last time, as `who how action target detail`. */
const told = () => {
  let after = 0
  return Effect.gen(function*() {
    const { backend } = yield* Store
    const rows = yield* backend.auditChain(after, 1_000)
    after += rows.length
    return rows.map(({ action, detail, how, target, who }) => [who, how, action, target, JSON.parse(detail) as unknown])
  })
}

describe("the audit", () => {
  it.effect("N-54: has one line for each act by the verbs of an operator, with who, how, what and to what", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const { settled } = yield* TestHost
      const lines = told()
      const { runId } = yield* runs.start("W", { id: canary }, { by: "ann", title: canary, labels: { x: canary } })
      yield* settled
      assert.deepStrictEqual(yield* lines, [
        ["ann", "library", "run.start", runId, { workflow: "W", version: "1" }]
      ])
      yield* runs.start("W", { id: canary }, { by: "ann" })
      assert.isEmpty(yield* lines, "a run that is joined")

      yield* runs.delegate(runId, { by: "ann", to: "dana", note: canary })
      assert.deepStrictEqual(yield* lines, [["ann", "library", "approval.delegate", `${runId}/ship`, { to: "dana" }]])
      yield* runs.delegate(runId, { by: "ann", to: "ann" })
      yield* lines

      yield* runs.answer(runId, { by: "ann", decision: "approve", edit: { to: `${canary} 2` }, note: canary })
      yield* settled
      const [answer, ...others] = yield* lines
      assert.isEmpty(others, "what the run does itself is told by its journal")
      const [who, how, action, target, detail] = answer!
      assert.deepStrictEqual([who, how, action, target], ["ann", "library", "approval.answer", `${runId}/ship`])
      assert.deepInclude(detail as object, { decision: "approve", edited: true })
      assert.match((detail as { readonly hash: string }).hash, /^[0-9a-f]{64}$/)

      yield* runs.pause(runId, { by: "bob" }).pipe(as("bob"))
      yield* runs.resume(runId, { by: "bob" })
      yield* runs.raise(runId, { by: "bob", micros: 5, note: canary })
      yield* runs.raiseDay("W", { by: "bob", tokens: 7, day: "1970-01-02", note: canary })
      const forked = yield* runs.fork(runId, { at: "does", by: "bob" })
      yield* runs.signal(runId, "go", canary, { by: "bob", id: "s1" })
      yield* runs.signal(runId, "go", canary, { by: "bob", id: "s1" })
      yield* settled
      yield* Effect.exit(runs.cancel(runId, { by: "bob", reason: canary }))
      yield* runs.cancel(forked.runId, { by: "bob", reason: canary })
      assert.deepStrictEqual(yield* lines, [
        ["bob", "command", "run.pause", runId, {}],
        ["bob", "library", "run.resume", runId, {}],
        ["bob", "library", "run.raise", runId, { micros: 5 }],
        ["bob", "library", "day.raise", "W", { day: "1970-01-02", micros: 0, tokens: 7 }],
        ["bob", "library", "run.fork", forked.runId, { from: runId, step: "does" }],
        ["bob", "library", "run.signal", runId, { signal: "go" }],
        ["bob", "library", "run.cancel", forked.runId, {}]
      ])
      const { backend } = yield* Store
      const rows = yield* backend.auditChain(0, 1_000)
      assert.notInclude(JSON.stringify(rows), canary)
    }).pipe(Effect.provide(host)))

  it.effect("has a line for each token that is made, taken back, logged in by and logged out, without its secret", () =>
    Effect.gen(function*() {
      const tokens = yield* AccessTokens
      const lines = told()
      const { text, token } = yield* tokens.create({ name: "ci", scopes: ["read"], groups: ["ops"], by: "root" })
      const login = yield* tokens.login(textOf(text))
      yield* tokens.check(textOf(text))
      yield* tokens.logout(textOf(login.text))
      yield* tokens.logout(textOf(text))
      yield* tokens.remove(token.id).pipe(as("root"))
      assert.deepStrictEqual(yield* lines, [
        ["root", "library", "token.create", token.id, { name: "ci", scopes: ["read"], groups: ["ops"] }],
        ["ci", "library", "token.login", token.id, { name: "ci" }],
        ["ci", "library", "token.logout", token.id, { name: "ci" }],
        ["root", "command", "token.remove", token.id, { name: "ci" }]
      ])
      const { backend } = yield* Store
      const rows = JSON.stringify(yield* backend.auditChain(0, 1_000))
      for (const secret of [textOf(text), textOf(login.text)]) assert.notInclude(rows, secret.slice(17))
    }).pipe(Effect.provide(host)))

  it.effect("has what programs do as a matter of course only where somebody is said to act", () =>
    Effect.gen(function*() {
      const events = yield* Events
      const lines = told()
      const run = yield* W.execute({ id: "1" }, { discard: true })
      yield* events.emit("order.placed", { id: canary }, { id: "e1" })
      yield* Signal.send(Go, { runId: run, payload: canary })
      assert.isEmpty(yield* lines)
      const other = yield* W.execute({ id: "2" }, { discard: true }).pipe(as("ann", "http:t1"))
      yield* events.emit("order.placed", { id: canary }, { id: "e2" }).pipe(as("ann", "http"))
      yield* Signal.send(Go, { runId: run, payload: canary }).pipe(as("ann", "mcp"))
      assert.deepStrictEqual(yield* lines, [
        ["ann", "http:t1", "run.start", other, { workflow: "W", version: "1" }],
        ["ann", "http", "event.emit", "e2", { name: "order.placed" }],
        ["ann", "mcp", "run.signal", run, { signal: "go" }]
      ])
    }).pipe(Effect.provide(host)))

  it.effect("is listed with its details, and is found intact, with the head that shows later whether it was cut", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const audit = yield* AuditLog
      assert.deepStrictEqual(yield* audit.verify(), { intact: true, lines: 0, head: AuditLine.origin })
      const { runId } = yield* runs.start("W", { id: "1" }, { by: "ann" })
      yield* runs.pause(runId, { by: "bob" })
      const [pause, start] = yield* audit.list()
      assert.deepInclude(start, { n: 1, who: "ann", action: "run.start", detail: { workflow: "W", version: "1" } })
      assert.deepInclude(pause, { n: 2, who: "bob", prev: start!.hash })
      assert.deepStrictEqual(yield* audit.verify(), { intact: true, lines: 2, head: pause!.hash })
      assert.isTrue((yield* audit.verify({ head: start!.hash })).intact)
      assert.strictEqual((yield* audit.verify({ head: "f".repeat(64) })).fault?.kind, "cut")
    }).pipe(Effect.provide(host)))
})

describe("an act with a request", () => {
  it.effect("is done once, and what was answered is kept; asked again, it dies with what was", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const lines = told()
      const { runId } = yield* runs.start("W", { id: "1" }, { by: "ann" })
      const request = { caller: "ann", key: "k1", route: "POST /pause", hash: "h1" }
      const pause = runs.pause(runId, { by: "ann" }).pipe(
        Effect.provideService(Actor.CurrentActor, { who: "ann", how: "http", request })
      )
      assert.deepStrictEqual(yield* pause, { runId, result: "accepted" })
      const again = yield* Effect.exit(pause)
      const defect = Exit.isFailure(again) ? Cause.squash(again.cause) : undefined
      assert.instanceOf(defect, Actor.AnsweredBefore)
      const { answer, ...rest } = defect.request
      assert.deepInclude(rest, request)
      assert.deepStrictEqual(JSON.parse(answer ?? ""), { runId, result: "accepted" })
      assert.lengthOf(yield* lines, 2)
    }).pipe(Effect.provide(host)))

  it.effect("is answered with what its verb gives", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const tokens = yield* AccessTokens
      const { settled } = yield* TestHost
      const { backend } = yield* Store
      let keys = 0
      /** What a verb gives, and what is kept of it. */
      const once = Effect.fnUntraced(function*<A, E, R>(verb: Effect.Effect<A, E, R>) {
        const key = `k${++keys}`
        const given = yield* verb.pipe(
          Effect.provideService(Actor.CurrentActor, {
            who: "ann",
            how: "http",
            request: { caller: "ann", key, route: "", hash: "" }
          })
        )
        const kept = yield* backend.request("ann", key)
        assert.isNotNull(kept)
        return [given, kept.answer === null ? null : JSON.parse(kept.answer) as unknown] as const
      })
      const { runId } = yield* runs.start("W", { id: "1" }, { by: "ann" })
      yield* settled
      const by = "ann"
      for (
        const verb of [
          runs.pause(runId, { by }),
          runs.resume(runId, { by }),
          runs.raise(runId, { by, micros: 1 }),
          runs.raiseDay("W", { by, micros: 1 }),
          runs.answer(runId, { by, decision: "approve" }),
          Effect.andThen(settled, runs.fork(runId, { by, at: "does" })),
          runs.cancel(runId, { by, reason: "" })
        ] as ReadonlyArray<Effect.Effect<unknown, unknown>>
      ) {
        const [given, kept] = yield* once(verb)
        assert.deepStrictEqual(kept, JSON.parse(JSON.stringify(given)))
      }
      const [made, keptToken] = yield* once(tokens.create({ by, name: "x", scopes: ["read"] }))
      assert.isNull(keptToken, "its text is told once")
      const [removed, keptRemoval] = yield* once(tokens.remove(made.token.id))
      assert.deepStrictEqual(keptRemoval, removed)
    }).pipe(Effect.provide(host)))
})

describe("a chain", () => {
  it("has hashes that anybody can compute: SHA-256 of the hash before and the line as JSON with its names in order", () => {
    const line = { who: "ann", how: "http:3e1a", action: "run.cancel", target: "r\"1", detail: "{\"a\":1}" }
    const row = AuditChain.next({ n: 6, hash: "ab" }, line, 1_500)
    const text =
      `ab{"action":"run.cancel","at":1500,"detail":{"a":1},"how":"http:3e1a","n":7,"target":"r\\"1","who":"ann"}`
    assert.deepStrictEqual(row, {
      ...line,
      n: 7,
      at: 1_500,
      prev: "ab",
      hash: createHash("sha256").update(text).digest("hex")
    })
  })

  it("is made the same where the platform has no digest that answers at once", () =>
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.deepStrictEqual(Sha256.digest(bytes), new Uint8Array(createHash("sha256").update(bytes).digest()))
    })))

  const texts = fc.constantFrom("", "ann", "bob", "run.cancel", "r1", "{}", "{\"a\":1}")
  const chain = fc.array(
    fc.record({ who: texts, how: texts, action: texts, target: texts, detail: fc.constantFrom("{}", "{\"a\":1}") }),
    { minLength: 1, maxLength: 12 }
  ).map((lines) => {
    const rows: Array<AuditRow> = []
    for (const [index, line] of lines.entries()) rows.push(AuditChain.next(rows.at(-1) ?? null, line, index * 1_000))
    return rows
  })
  /** What the database gives whose table holds these rows. */
  const verdictOf = (rows: ReadonlyArray<AuditRow>, head?: string) => {
    const sorted = rows.toSorted((a, b) => a.n - b.n)
    const backend = {
      ...MemoryBackend.make(MemoryBackend.makeStore()),
      auditChain: (after, limit) => Effect.succeed(sorted.filter(({ n }) => n > after).slice(0, limit))
    } satisfies Backend
    return Effect.runSync(
      Effect.flatMap(AuditLog, (audit) => audit.verify(head === undefined ? {} : { head })).pipe(
        Effect.provide(AuditLog.layer.pipe(Layer.provide(Store.layer(backend))))
      )
    )
  }
  const at = (rows: ReadonlyArray<AuditRow>, place: number) => place % rows.length

  it("N-54: of which one value was altered is found at that line", () =>
    fc.assert(
      fc.property(
        chain,
        fc.nat(),
        fc.constantFrom("at", "who", "how", "action", "target", "detail", "prev", "hash"),
        texts,
        (rows, place, field, text) => {
          const index = at(rows, place)
          const value = field === "at" ? rows[index]!.at + 1 : text === rows[index]![field as "who"] ? `${text}!` : text
          const { fault, lines } = verdictOf(rows.with(index, { ...rows[index]!, [field]: value }))
          assert.deepInclude(fault, { n: index + 1, kind: "altered" })
          assert.strictEqual(lines, index)
        }
      )
    ))

  it("N-54: of which a line was altered and given its hash again is found at the line behind it, or by its head", () =>
    fc.assert(fc.property(chain, fc.nat(), (rows, place) => {
      const index = at(rows, place)
      const { hash: _, ...line } = { ...rows[index]!, who: "eve" }
      const forged = rows.with(index, { ...line, hash: AuditChain.hashOf(line.prev, line) })
      const behind = index + 2
      const head = rows.at(-1)!.hash
      assert.deepInclude(
        verdictOf(forged, head).fault,
        behind > rows.length ? { kind: "cut" } : { n: behind, kind: "misplaced" }
      )
    })))

  it("N-54: out of which a line was taken is found at the place of that line", () =>
    fc.assert(fc.property(chain, fc.nat(), (rows, place) => {
      const index = at(rows, place)
      const rest = rows.toSpliced(index, 1)
      const { fault } = verdictOf(rest, rows.at(-1)!.hash)
      assert.deepInclude(fault, { n: index + 1, kind: index === rows.length - 1 ? "cut" : "missing" })
      // What closes the gap again gives other numbers, which the hashes are made of.
      const closed = rest.map((row, number) => Object.assign({}, row, { n: number + 1 }))
      const found = verdictOf(closed, rows.at(-1)!.hash).fault
      assert.deepInclude(found, { n: index + 1, kind: index === rows.length - 1 ? "cut" : "altered" })
    })))

  it("N-54: into which a line was put is found at that line, or at the next", () =>
    fc.assert(fc.property(chain, fc.nat(), fc.boolean(), (rows, place, honest) => {
      const index = at(rows, place)
      const { hash: _, ...line } = { ...rows[index]!, who: "eve" }
      const put = honest ? { ...line, hash: AuditChain.hashOf(line.prev, line) } : { ...line, hash: rows[index]!.hash }
      const { fault } = verdictOf([
        ...rows.slice(0, index),
        put,
        ...rows.slice(index).map((row) => Object.assign({}, row, { n: row.n + 1 }))
      ])
      assert.strictEqual(fault?.n, honest ? index + 2 : index + 1)
    })))

  it("N-54: in which two lines have changed places is found at the first of them", () =>
    fc.assert(fc.property(chain, fc.nat(), fc.nat(), (rows, one, two) => {
      const [a, b] = [at(rows, one), at(rows, two)].toSorted((x, y) => x - y) as [number, number]
      fc.pre(a !== b)
      const swapped = rows.with(a, { ...rows[b]!, n: a + 1 }).with(b, { ...rows[a]!, n: b + 1 })
      assert.deepInclude(verdictOf(swapped).fault, { n: a + 1 })
    })))

  it("N-54: of which the end was cut off is found by its head, and only by that", () =>
    fc.assert(fc.property(chain, fc.nat(), (rows, place) => {
      const kept = rows.slice(0, at(rows, place))
      assert.isTrue(verdictOf(kept).intact)
      assert.deepInclude(verdictOf(kept, rows.at(-1)!.hash).fault, { n: kept.length + 1, kind: "cut" })
      assert.isTrue(verdictOf(rows, kept.at(-1)?.hash ?? AuditLine.origin).intact)
    })))

  it("that is longer than one look reads is looked through in parts", () => {
    const rows: Array<AuditRow> = []
    const line = { who: "ann", how: "", action: "", target: "", detail: "{}" }
    for (let n = 0; n < 1_203; n++) rows.push(AuditChain.next(rows.at(-1) ?? null, line, n))
    assert.strictEqual(verdictOf(rows).lines, 1_203)
    assert.strictEqual(verdictOf(rows.with(1_100, { ...rows[1_100]!, who: "eve" })).fault?.n, 1_101)
    assert.isTrue(verdictOf(rows.slice(0, 1_000)).intact)
  })
})
