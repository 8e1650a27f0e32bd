import { assert, describe, it } from "@effect/vitest"
import { VersionOrder } from "@fermata/core"

const sorted = (...versions: ReadonlyArray<string>) => VersionOrder.newestFirst(versions, (version) => version)

describe("VersionOrder", () => {
  it("puts the newest first: releases before prereleases, numbers as numbers", () => {
    assert.deepStrictEqual(sorted("1.9.0", "1.10.0", "2.0.0-beta.2", "2.0.0-beta.10"), [
      "1.10.0",
      "1.9.0",
      "2.0.0-beta.10",
      "2.0.0-beta.2"
    ])
  })
  it("compares as texts with numbers where one is no semantic version", () => {
    assert.deepStrictEqual(sorted("1.9", "1.10", "1.2.0"), ["1.10", "1.9", "1.2.0"])
    assert.deepStrictEqual(sorted("1", "3", "2"), ["3", "2", "1"])
  })
})
