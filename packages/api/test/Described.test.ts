import { assert, describe, it } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Effect } from "effect"
import { OpenApi } from "effect/http-api"
import { readFileSync } from "node:fs"
import { Api } from "../src/Api.ts"
import * as Described from "../src/internal/Described.ts"
import * as RouteTable from "../src/RouteTable.ts"

interface Operation {
  readonly operationId: string
  readonly summary?: string
  readonly description?: string
  readonly security: ReadonlyArray<Readonly<Record<string, unknown>>>
  readonly responses: Readonly<Record<string, unknown>>
}
const spec = OpenApi.fromApi(Api)
const operations = Object.values(spec.paths).flatMap((path) => Object.values(path)) as unknown as ReadonlyArray<
  Operation
>

describe("the description of the API", () => {
  it.effect("is one as OpenAPI 3.1 has them", () =>
    Effect.gen(function*() {
      const validator = new Validator()
      const checked = yield* Effect.promise(() => validator.validate(structuredClone(spec) as never))
      assert.deepStrictEqual([checked.valid, checked.errors ?? []], [true, []])
      assert.strictEqual(validator.version, "3.1")
    }))

  it("says of every route what it is for and which scope it asks for, and names no other", () => {
    assert.deepStrictEqual(
      Object.keys(Described.routes).toSorted(),
      RouteTable.routes.map(({ name }) => name).toSorted()
    )
    assert.deepStrictEqual(Object.keys(Described.groups).toSorted(), spec.tags.map(({ name }) => name).toSorted())
    const said = new Map(operations.map((operation) => [operation.operationId, operation]))
    for (const { name, scope } of RouteTable.routes) {
      const operation = said.get(name)!
      assert.strictEqual(operation.summary, Described.routes[name], name)
      const isOpen = scope === "anyone"
      assert.deepStrictEqual(operation.security, isOpen ? [] : [{ token: [] }, { login: [] }], name)
      if (!isOpen && scope !== "caller") assert.include(operation.description, `\`${scope}\``, name)
      assert.isDefined(operation.responses["401"], name)
    }
    assert.lengthOf(operations, RouteTable.routes.length)
  })

  it("has the version of its package", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      readonly version: string
    }
    assert.strictEqual(spec.info.version, manifest.version)
  })
})
