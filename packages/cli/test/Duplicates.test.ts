import { assert, describe, it } from "@effect/vitest"
import * as Contract from "@fermata/contracts/Contract"
import { standardKinds } from "@fermata/contracts/StandardKinds"
import { standardShapes } from "@fermata/contracts/StandardShapes"
import { Schema } from "effect"
import { join } from "node:path"
import * as Duplicates from "../src/internal/Duplicates.ts"

const file = (name: string, id: string, title = "t", version = "1.0.0") => {
  const document = {
    schemaVersion: "fermata.contract.v1",
    id,
    version,
    title,
    triggers: [{ type: "manual" }],
    entryStepId: "a",
    steps: [{ id: "a", name: "A", kind: "transform", set: { x: 1 }, next: null }]
  }
  return {
    file: join(process.cwd(), name),
    document,
    contract: Schema.decodeUnknownSync(Contract.schemaOf(standardShapes))(document),
    kinds: standardKinds
  }
}
const none = new Map<string, string>()

describe("workflows of one name", () => {
  it("are told with both places", () => {
    assert.include(
      Duplicates.programs("a@1", "workflows[0]", "workflows[2]").message,
      "a@1 is there twice, in workflows[0] and in workflows[2]: give one"
    )
    assert.include(Duplicates.programs("a@1", "workflows[0]", "workflows[0]").message, "both in workflows[0]")
    assert.include(
      Duplicates.contracts([file("x.json", "a"), file("y.json", "a", "other")], none),
      "a@1.0.0 is there twice, in x.json and, other than that, in y.json"
    )
    assert.include(
      Duplicates.contracts([file("x.json", "a")], new Map([["b@1", "workflows[0]"], ["a@1", "workflows[1]"]])),
      "\"a\" is a contract in x.json and a program in workflows[1]"
    )
  })

  it("are no matter when they are the same, or of different versions", () => {
    assert.isUndefined(Duplicates.contracts([file("x.json", "a"), file("y.json", "a")], none))
    assert.isUndefined(
      Duplicates.contracts(
        [file("x.json", "a"), file("y.json", "a", "other", "2.0.0")],
        new Map([["a@b@1", "workflows[0]"]])
      )
    )
  })
})
