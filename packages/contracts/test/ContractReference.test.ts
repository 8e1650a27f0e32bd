import { assert, describe, it } from "@effect/vitest"
import { type JsonSchema, Result, Schema, SchemaRepresentation } from "effect"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as ContractCheck from "../src/ContractCheck.ts"
import * as ContractReference from "../src/ContractReference.ts"
import { ticketTriageDocument } from "../src/TicketTriage.ts"

const folder = new URL("../", import.meta.url)
const text = (path: string) => readFileSync(new URL(path, folder), "utf8")

/** Whether a document is one by the JSON Schema alone, read from the file as an editor reads it. */
const fits = (() => {
  const { $defs = {}, ...schema } = JSON.parse(text("src/contract.schema.json")) as JsonSchema.JsonSchema & {
    readonly $defs?: JsonSchema.Definitions
  }
  const made = SchemaRepresentation.fromJsonSchemaDocument({ dialect: "draft-2020-12", schema, definitions: $defs })
  const decode = Schema.decodeUnknownResult(made as Schema.Codec<unknown>, { onExcessProperty: "error" })
  return (document: unknown) => Result.isSuccess(decode(document))
})()

const simple = {
  schemaVersion: "fermata.contract.v1",
  id: "a",
  version: "1.0.0",
  title: "A",
  entryStepId: "a",
  steps: [{ id: "a", name: "A", kind: "transform", set: { x: 1 }, next: null }]
}

describe("the reference of contracts", () => {
  it("is made from their schema: npm run contract writes both files", () => {
    assert.deepStrictEqual(
      JSON.parse(text("src/contract.schema.json")),
      JSON.parse(JSON.stringify(ContractReference.jsonSchema()))
    )
    assert.strictEqual(text("CONTRACT.md"), ContractReference.markdown())
  })

  it("has a word for every field", () => {
    assert.notInclude(ContractReference.markdown(), "undefined")
    assert.notMatch(ContractReference.markdown(), /\|\s*\|$/m)
  })

  it("takes every contract of this repository that the check takes, and says so where an editor looks", () => {
    const root = fileURLToPath(new URL("../../", folder))
    const files = globSync("{examples,test/e2e}/**/*.json", { cwd: root }).filter((file) =>
      !file.includes("node_modules")
    )
    const documents = files.map((file) => JSON.parse(readFileSync(`${root}/${file}`, "utf8")) as unknown)
    const contracts = [ticketTriageDocument, ...documents].filter((document) =>
      ContractCheck.check(document).problems.length === 0
    )
    assert.isAbove(contracts.length, 4)
    for (const contract of contracts) assert.isTrue(fits(contract), JSON.stringify(contract).slice(0, 200))
    const withSchema = { ...simple, $schema: "./contract.schema.json" }
    assert.deepStrictEqual(ContractCheck.check(withSchema).problems, [])
    assert.isTrue(fits(withSchema))
  })

  it("refuses what is no contract", () => {
    const wrong: ReadonlyArray<object> = [
      { ...simple, title: undefined },
      { ...simple, titel: "A" },
      { ...simple, steps: [] },
      { ...simple, steps: [{ ...simple.steps[0], kind: "transfrom" }] },
      { ...simple, steps: [{ ...simple.steps[0], colour: "red" }] },
      { ...simple, limits: { maxSteps: 0 } },
      { ...simple, triggers: [{ type: "event" }] }
    ]
    for (const document of wrong) {
      const read: unknown = JSON.parse(JSON.stringify(document))
      assert.isFalse(fits(read), JSON.stringify(document))
      assert.isNotEmpty(ContractCheck.check(read).problems)
    }
  })
})
