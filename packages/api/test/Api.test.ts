import { assert, describe, it } from "@effect/vitest"
import { Schema, SchemaAST } from "effect"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import { Api } from "../src/Api.ts"
import * as RouteTable from "../src/RouteTable.ts"

/** The places of a schema at which a value looks otherwise in a program than on the wire. */
const transformed = (schema: Schema.Top, name: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const seen = new Set<SchemaAST.AST>()
  const look = (ast: SchemaAST.AST, place: string): void => {
    if (seen.has(ast)) return
    seen.add(ast)
    // Any JSON is itself, JSON has no numbers but finite ones, and an answer that says nothing has no form.
    if (SchemaAST.isUnknown(ast) || SchemaAST.isNumber(ast) || SchemaAST.isVoid(ast)) return
    if (ast.encoding !== undefined || SchemaAST.isDeclaration(ast)) return void found.push(place)
    if (SchemaAST.isSuspend(ast)) return look(ast.thunk(), place)
    if (SchemaAST.isUnion(ast)) { for (const type of ast.types) look(type, place) }
    if (SchemaAST.isArrays(ast)) { for (const type of ast.elements.concat(ast.rest)) look(type, `${place}[]`) }
    if (SchemaAST.isObjects(ast)) {
      for (const { name, type } of ast.propertySignatures) look(type, `${place}.${String(name)}`)
      for (const { type } of ast.indexSignatures) look(type, `${place}[*]`)
    }
  }
  look(schema.ast, name)
  return found
}

const endpoints = () => {
  const found: Array<{ readonly name: string; readonly endpoint: HttpApiEndpoint.Top }> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group }) =>
      void found.push({ name: `${group.identifier}.${endpoint.identifier}`, endpoint: endpoint as never })
  })
  return found
}

describe("Api", () => {
  it("has the same form of every value in a program and on the wire", () => {
    assert.deepStrictEqual(transformed(Schema.Struct({ a: Schema.Array(Schema.DateFromString) }), "x"), ["x.a[]"])
    // What a stream tells is text, with tests of its own, and bytes are bytes.
    const answering = endpoints().filter(({ name }) => !/^streams|^artifacts.(content|blob)$/.test(name))
    const found = answering.flatMap(({ endpoint, name }) => {
      const given = [...endpoint.success].flatMap((schema) => transformed(schema, `${name} gives`))
      const taken = [...endpoint.payload.values()].flatMap(({ schemas }) => schemas)
      return given.concat(taken.flatMap((schema) => transformed(schema, `${name} takes`)))
    })
    assert.deepStrictEqual(found, [])
  })

  it("has a scope for every route", () => {
    const open = RouteTable.routes.filter(({ scope }) => scope === "anyone").map(({ name }) => name)
    assert.deepStrictEqual(RouteTable.routes.filter(({ scope }) => scope === undefined), [])
    assert.deepStrictEqual(open, ["system.heartbeat", "system.health", "access.login", "access.logout"])
    const writes = RouteTable.routes.filter(({ method, scope }) => method !== "GET" && scope === "read")
    assert.deepStrictEqual(writes.map(({ name }) => name), ["contracts.check"])
  })

  it("has no two routes with one method and path", () => {
    const shapes = RouteTable.routes.map(({ method, path }) =>
      `${method} ${path.replace(/\/$/, "").replaceAll(/:[^/]+/g, ":")}`
    )
    assert.strictEqual(new Set(shapes).size, shapes.length)
  })
})
