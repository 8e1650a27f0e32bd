import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { afterCrash, type Cut, type Next } from "../src/AfterCrash.ts"
import { CrashRule } from "../src/CrashRule.ts"

const limits = { maxRecoveries: 3 }
const cut = (onCrash: CrashRule, end: Cut["end"], more: Partial<Cut> = {}): Cut => ({
  onCrash,
  hasProbe: onCrash === "probe",
  probing: false,
  probeFailed: false,
  doubted: false,
  recovery: 0,
  end,
  ...more
})
const next = (...args: Parameters<typeof cut>): Next => afterCrash(cut(...args), limits)

const again = (recovery: number, probe = false): Next => ({ _tag: "Repeat", recovery, probe })
const unknown: Next = { _tag: "Unknown" }
const exhausted: Next = { _tag: "Exhausted" }

/** By rule: what comes next when the process died, when the attempt was let go, and when it ended on purpose. */
const table: { readonly [R in CrashRule]: readonly [died: Next, letGo: Next, released: Next] } = {
  rerun: [again(1), again(1), again(0)],
  "rerun-keyed": [again(1), again(1), again(0)],
  "commit-together": [again(1), again(1), again(0)],
  probe: [again(1, true), again(1, true), again(0, true)],
  ask: [unknown, unknown, again(0)]
}

describe("after a crash", () => {
  it("each line of the README's table is a row of this one", () => {
    const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8")
    const [, section = ""] = readme.split("\n### After a crash in the middle of a step\n\n")
    const rows = section.split("\n\n")[0]!.split("\n").slice(2).map((row) => row.split("`")[1])
    assert.sameMembers(rows, [...CrashRule.literals])
    assert.sameMembers(Object.keys(table), rows)
  })

  for (const rule of CrashRule.literals) {
    const [died, letGo, released] = table[rule]
    it(`S2: \`${rule}\` starts what has not started, waits for the next attempt, and is ${died._tag} when it may have acted`, () => {
      assert.deepStrictEqual(next(rule, "not started"), { _tag: "Start" })
      assert.deepStrictEqual(next(rule, { failed: { retryAt: 7 } }), { _tag: "Backoff", retryAt: 7 })
      assert.deepStrictEqual(next(rule, "died"), died)
      assert.deepStrictEqual(next(rule, "let go"), letGo)
      assert.deepStrictEqual(next(rule, "released"), released)
      // A process that lives has not crashed, but nobody has given the body the time to end.
      assert.deepStrictEqual(next(rule, "dropped"), rule === "ask" ? unknown : released)
    })

    it(
      `S2: \`${rule}\`, when the store was put back, ${
        rule === "ask" ? "waits for an operator" : rule === "probe" ? "is asked of its probe" : "is what it always is"
      }, however the attempt ended in the backup`,
      () => {
        for (
          const end of ["not started", "released", "dropped", "died", "let go", { failed: { retryAt: 7 } }] as const
        ) {
          assert.deepStrictEqual(
            next(rule, end, { doubted: true, recovery: 2 }),
            rule === "ask" ? unknown : rule === "probe" ? again(2, true) : next(rule, end, { recovery: 2 })
          )
        }
        const failed = next(rule, "died", { doubted: true, probing: true, probeFailed: true })
        if (rule === "probe") assert.deepStrictEqual(failed, unknown)
      }
    )

    it(`S13: \`${rule}\` is not repeated without end`, () => {
      const after = (recovery: number, end: Cut["end"]) => next(rule, end, { recovery })
      for (const end of ["died", "let go"] as const) {
        assert.deepStrictEqual(after(2, end), rule === "ask" ? unknown : again(3, rule === "probe"))
        assert.deepStrictEqual(after(3, end), rule === "ask" ? unknown : exhausted)
      }
      assert.deepStrictEqual(after(3, "released"), again(3, rule === "probe"))
      assert.deepStrictEqual(after(4, "released"), exhausted)
    })
  }

  it("S2: a probe that could not tell leaves the step to an operator, as long as the code has a probe", () => {
    for (const end of ["died", "released", "dropped", "let go"] as const) {
      assert.deepStrictEqual(next("probe", end, { probing: true, probeFailed: true }), unknown)
    }
    assert.deepStrictEqual(next("probe", "died", { probing: true, probeFailed: true, hasProbe: false }), again(1))
    assert.deepStrictEqual(next("probe", "died", { probing: true }), again(1, true))
  })

  it("S2: a step that asks now, and whose probe was asked by an earlier build, is left to an operator", () => {
    assert.deepStrictEqual(next("ask", "released", { probing: true }), unknown)
  })

  it("S13: with no recovery allowed, the first crash is the last", () => {
    assert.deepStrictEqual(afterCrash(cut("rerun", "died"), { maxRecoveries: 0 }), exhausted)
    assert.deepStrictEqual(afterCrash(cut("rerun", "released"), { maxRecoveries: 0 }), again(0))
  })
})
