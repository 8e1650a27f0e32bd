import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as EntryLines from "../src/internal/EntryLines.ts"

const row = [
  `{"at":1767225600000,"_tag":"RunStarted"}`,
  `{"at":1767225600000,"_tag":"StepRequested","key":"a","onCrash":"rerun","input":{"x":" {\\n"}}`,
  `{"at":1767225600001,"epoch":2,"_tag":"StepCompleted","key":"a","output":null}`,
  `{"at":1767225600001,"epoch":2,"_tag":"StepRequested","key":"b","input":null}`,
  `{"at":1767225600021,"epoch":2,"_tag":"StepCompleted","key":"b","output":null}`,
  `{"at":1767225600020,"epoch":2,"_tag":"RunSuspended","waits":[]}`
]

const one = `{"at":1767225600000,"_tag":"RunSuspended","waits":[{"reason":"signal","key":"go"}]}`
const timed =
  `{"at":1767225600000,"_tag":"RunSuspended","waits":[{"reason":"timer","key":"timer 1","until":1767225600005}]}`

describe("EntryLines", () => {
  it("say shortly what every entry begins with", () => {
    assert.deepStrictEqual(EntryLines.encode(row).split("\n"), [
      `1767225600000 B`,
      ` S ~a,~rerun,"input":{"x":" {\\n"}`,
      `1767225600001:2 D ~a,"output":null`,
      ` S ~b,"input":null`,
      `+20 D ~b,"output":null`,
      `1767225600020:2 W "waits":[]`
    ])
    assert.strictEqual(EntryLines.encode([one]), `1767225600000 W ~signal~go`)
    assert.strictEqual(EntryLines.encode([timed]), `1767225600000 W ~timer~timer 1,"until":1767225600005`)
    assert.deepStrictEqual(EntryLines.decode(EntryLines.encode(row)), row)
  })

  it("S3: read the rows of an older build", () => {
    assert.deepStrictEqual(EntryLines.decode(row.join("\n")), row)
    const short = `1767225600000 RunStarted
 StepRequested ~a,"onCrash":"rerun","input":{"x":" {\\n"}
1767225600001:2 StepCompleted ~a,"output":null
 StepRequested ~b,"input":null
+19 StepCompleted ~b,"output":null
 RunSuspended ~"signal","key":"go"`
    assert.deepStrictEqual(EntryLines.decode(short), [
      ...row.slice(0, 4),
      row[4]!.replace("021", "020"),
      one.replace("1767225600000", `1767225600020,"epoch":2`)
    ])
  })

  it("come back as they were, whatever the texts of one line are", () => {
    const workflow = EntryLines.workflowOf({ workflow: "w", version: "1" })
    const pieces = fc.constantFrom(
      `{"at":`,
      "0",
      "17",
      "18",
      "+",
      `,"epoch":`,
      `,"_tag":"`,
      `"`,
      "A",
      "b",
      ",",
      "}",
      "{",
      " ",
      "=",
      ":",
      "x",
      "~",
      workflow,
      `"key":"`,
      `"onCrash":"`,
      `",`,
      "\\",
      "RunSuspended",
      `"waits":[{"reason":"`,
      "}]"
    )
    const named = `{"at":1767225600000,"_tag":"RunRequested",${workflow},"payload":null}`
    assert.strictEqual(EntryLines.encode([named], workflow), `1767225600000 R ~"payload":null`)
    const later = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom("", `,"epoch":1`, `,"epoch":2`))
      .map(([at, epoch]) => `{"at":${1767225600000 + at}${epoch},"_tag":"RunStarted"}`)
    const line = fc.oneof(
      later,
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
      // Texts that begin as entries do reach every way in which one is said shortly.
      fc.tuple(
        fc.constantFrom("A", "S", "StepRequested", "RunSuspended", "RunRequested"),
        fc.constantFrom(
          "",
          `"key":"`,
          `"key":"a","onCrash":"`,
          `${workflow},`,
          `"waits":[{"reason":"`,
          `"waits":[{"reason":"b","key":"`
        ),
        fc.array(pieces, { maxLength: 8 }),
        fc.constantFrom("", `"`, `"}]`)
      ).map(([tag, begin, parts, end]) => `{"at":17,"_tag":"${tag}",${begin}${parts.join("")}${end}}`),
      fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", "")),
      fc.constantFrom(...row, named, one, timed)
    )
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        assert.deepStrictEqual(EntryLines.decode(EntryLines.encode(lines, workflow), workflow), lines)
      }),
      { numRuns: 5_000 }
    )
  })
})
