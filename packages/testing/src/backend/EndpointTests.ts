/** Conformance: endpoints of webhooks. */
import { assert } from "@effect/vitest"
import { type Backend, endpointOfRun, type EndpointOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { act, acted, asked, one, type Test } from "./Fixtures.ts"

/** Keeps an endpoint, which was seen at this version. */
export const endpoint = (
  name: string,
  seen: number | null = null,
  row: Partial<EndpointOp["row"]> = {}
): EndpointOp => ({
  op: "endpoint",
  seen,
  row: {
    name,
    run: null,
    isOpen: true,
    settings: "{}",
    health: "{}",
    since: null,
    by: "ops",
    createdAt: 1_000,
    updatedAt: 1_000,
    ...row
  }
})

/** The webhook of a run. */
export const runEndpoint = (run: string, seen: number | null = null, isOpen = true): EndpointOp =>
  endpoint(endpointOfRun(run), seen, { run, isOpen })

const names = (backend: Backend, filter: Partial<Parameters<Backend["endpoints"]>[0]> = {}) =>
  Effect.map(backend.endpoints({ limit: 9, ...filter }), (rows) => rows.map(({ name }) => name))

/** Tests of endpoints. */
export const endpointTests = (test: Test): void => {
  test(
    "an endpoint is kept by whoever has seen it as it is, and by nobody else",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        const first = yield* one(backend, endpoint("a", null, { since: "p", settings: "1" }))
        assert.deepStrictEqual(first, {
          kept: true,
          row: { ...endpoint("a", null, { since: "p", settings: "1" }).row, version: 1 }
        })
        assert.deepStrictEqual(yield* other.endpoint("a"), first.row)
        assert.deepStrictEqual(yield* one(other, endpoint("a", null, { settings: "2" })), { ...first, kept: false })
        assert.deepStrictEqual(yield* one(other, endpoint("b", 1)), { kept: false, row: null })
        const second = yield* one(other, endpoint("a", 1, { isOpen: false, updatedAt: 2_000 }))
        assert.deepInclude(second.row, { version: 2, isOpen: false, updatedAt: 2_000, since: null })
        assert.isFalse((yield* one(backend, endpoint("a", 1))).kept)
        assert.deepStrictEqual(yield* one(backend, { op: "dropEndpoint", name: "a" }), { dropped: true })
        assert.deepStrictEqual(yield* one(backend, { op: "dropEndpoint", name: "a" }), { dropped: false })
        assert.isNull(yield* other.endpoint("a"))
        assert.deepInclude((yield* one(other, endpoint("a"))).row, { version: 1 })
      })
  )

  test("endpoints are listed by name and by tenant, without those of runs", (backend) =>
    Effect.gen(function*() {
      assert.isFalse(yield* backend.anyRunEndpoint)
      yield* backend.write([
        endpoint("b"),
        endpoint("acme~b"),
        endpoint("a"),
        endpoint("beta~a"),
        runEndpoint("acme~r1"),
        runEndpoint("r0", null, false)
      ])
      assert.deepStrictEqual(yield* names(backend), ["a", "acme~b", "b", "beta~a"])
      assert.deepStrictEqual(yield* names(backend, { tenant: "acme" }), ["acme~b"])
      assert.deepStrictEqual(yield* names(backend, { after: "a", limit: 2 }), ["acme~b", "b"])
      assert.deepInclude(yield* backend.endpoint("acme~run:r1"), { run: "acme~r1", isOpen: true })
      assert.isTrue(yield* backend.anyRunEndpoint)
      yield* one(backend, runEndpoint("acme~r1", 1, false))
      assert.isFalse(yield* backend.anyRunEndpoint)
    }))

  test("an endpoint that was not kept leaves no line in the audit, and its request may be made again", (backend) =>
    Effect.gen(function*() {
      const doing = acted(endpoint("a", 1), act("a", { request: asked("ann", "k") }))
      assert.deepStrictEqual(yield* one(backend, doing), { kept: false, row: null })
      assert.deepStrictEqual(yield* backend.audit({ limit: 9 }), [])
      assert.isNull(yield* backend.request("ann", "k"))
      yield* one(backend, acted(endpoint("a"), act("a", { request: asked("ann", "k") })))
      assert.isNotNull(yield* backend.request("ann", "k"))
      const again = yield* one(backend, acted(endpoint("a", 1), act("a", { request: asked("ann", "k") })))
      assert.deepStrictEqual<unknown>(again, { answered: yield* backend.request("ann", "k") })
      assert.lengthOf(yield* backend.audit({ limit: 9 }), 1)
    }))
}
