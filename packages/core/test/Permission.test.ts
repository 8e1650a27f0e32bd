import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import * as EventName from "../src/EventName.ts"
import * as Glob from "../src/Glob.ts"
import * as Permission from "../src/Permission.ts"

const allowed = (permissions: ReadonlyArray<Permission.Permission>, request: Permission.Request) =>
  Permission.decide(permissions, request).decision === "allow"

describe("EventName", () => {
  it("takes names and patterns of up to 200 characters", () => {
    const isName = Schema.is(EventName.EventName)
    const isPattern = Schema.is(EventName.EventPattern)
    const long = (length: number) => `ticket.${"x".repeat(length - "ticket.".length)}`
    assert.isTrue(isName(long(200)))
    assert.isFalse(isName(long(201)))
    assert.isTrue(isPattern(long(199) + "*"))
    assert.isFalse(isPattern(long(200) + "*"))
    assert.isTrue(isName("t"))
    assert.isFalse(isName(""))
    assert.isFalse(isPattern(""))
  })
})

describe("EventName.matches", () => {
  it("takes * inside a word and ** across words", () => {
    assert.isTrue(EventName.matches("my.*", "my.started"))
    assert.isFalse(EventName.matches("my.*", "my.job.started"))
    assert.isTrue(EventName.matches("my.**", "my.job.started"))
    assert.isTrue(EventName.matches("**", "ticket.created"))
    assert.isFalse(EventName.matches("*", "ticket.created"))
    assert.isTrue(EventName.matches("ticket.cre*ed", "ticket.created"))
    assert.isFalse(EventName.matches("my.*", "other.started"))
    assert.isFalse(EventName.matches("my.*", "my"))
  })

  it("agrees with the regular expression of the same meaning", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength: 8 })
    const name = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 })
    fc.assert(fc.property(pattern, name, (pattern, name) => {
      const source = pattern.split("**").map((part) =>
        part.split("*").map((text) => text.replaceAll(".", "\\.")).join("[^.]*")
      )
      assert.strictEqual(EventName.matches(pattern, name), new RegExp(`^${source.join(".*")}$`).test(name))
    }))
  })

  it("answers at once for a pattern that would make a backtracking matcher hang", () => {
    assert.isFalse(Glob.matches(`${"*a".repeat(90)}b`, "a".repeat(200)))
  })
})

describe("Permission.decide", () => {
  it("allows exactly the workflows that some pattern matches, and says which permission is missing", () => {
    const permissions: ReadonlyArray<Permission.Permission> = [{ kind: "workflow:call", pattern: "order-*" }]
    const request = { kind: "workflow:call", workflow: "refund" } as const
    assert.isTrue(allowed(permissions, { kind: "workflow:call", workflow: "order-line" }))
    assert.isFalse(allowed(permissions, { kind: "task:run", task: "order-line" }))
    assert.deepStrictEqual(Permission.decide(permissions, request), {
      decision: "deny",
      reason: "no workflow:call permission covers the workflow \"refund\""
    })
    assert.isTrue(allowed([...permissions, Permission.grantFor(request)], request))
    assert.isTrue(allowed([{ kind: "workflow:call" }], request))
  })

  it("allows exactly the events that some pattern matches", () => {
    const permissions: ReadonlyArray<Permission.Permission> = [{ kind: "event:emit", pattern: "my.*" }]
    assert.isTrue(allowed(permissions, { kind: "event:emit", event: "my.started" }))
    assert.deepStrictEqual(Permission.decide(permissions, { kind: "event:emit", event: "other.started" }), {
      decision: "deny",
      reason: "no event:emit permission matches the event \"other.started\""
    })
  })

  it("never allows an event of the engine", () => {
    assert.isFalse(
      allowed([{ kind: "event:emit", pattern: "**" }], { kind: "event:emit", event: "engine.approval.granted" })
    )
  })

  it("allows models by llm:invoke alone, or those that its pattern matches", () => {
    assert.isFalse(allowed([], { kind: "llm:invoke" }))
    assert.isTrue(allowed([{ kind: "llm:invoke" }], { kind: "llm:invoke", model: "claude-opus-4.1" }))
    const some: ReadonlyArray<Permission.Permission> = [{ kind: "llm:invoke", model: "claude-*" }]
    assert.isTrue(allowed(some, { kind: "llm:invoke", model: "claude-opus-4.1" }))
    assert.isFalse(allowed(some, { kind: "llm:invoke", model: "other" }))
    assert.isFalse(allowed(some, { kind: "llm:invoke" }))
  })

  it("allows tasks by task:run, all or by pattern", () => {
    assert.isTrue(allowed([{ kind: "task:run" }], { kind: "task:run", task: "analyze-ticket" }))
    assert.isTrue(allowed([{ kind: "task:run", pattern: "analyze-*" }], { kind: "task:run", task: "analyze-ticket" }))
    assert.isFalse(allowed([{ kind: "task:run", pattern: "code-*" }], { kind: "task:run", task: "analyze-ticket" }))
    assert.isFalse(allowed([{ kind: "llm:invoke" }], { kind: "task:run", task: "analyze-ticket" }))
  })

  it("is mended by the permission that grantFor names", () => {
    const requests: ReadonlyArray<Permission.Request> = [
      { kind: "event:emit", event: "a.b" },
      { kind: "llm:invoke", model: "m" },
      { kind: "llm:invoke" },
      { kind: "task:run", task: "t" }
    ]
    for (const request of requests) {
      assert.isFalse(allowed([], request))
      assert.isTrue(allowed([Permission.grantFor(request)], request))
    }
  })
})
