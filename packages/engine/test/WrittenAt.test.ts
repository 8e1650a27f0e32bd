import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writtenAt } from "../src/internal/WrittenAt.ts"
import * as Step from "../src/Step.ts"

describe("where a function is written", () => {
  it("is told by file and line, as stacks do", () => {
    const here = () => new Error().stack!.split("\n")[1]!
    const [file] = /packages\S+\.ts/.exec(here())!
    assert.include(writtenAt(here), file)
  })

  it("is no place of the engine's own or of a package", () => {
    assert.isUndefined(writtenAt(Step.make))
    assert.isUndefined(writtenAt(Effect.succeed))
    assert.isUndefined(writtenAt(JSON.parse))
  })
})
