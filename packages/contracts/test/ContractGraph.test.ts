import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ContractGraph from "../src/ContractGraph.ts"
import type { Loose } from "../src/StepShape.ts"
import { ticketTriageContract } from "../src/TicketTriage.ts"

describe("ContractGraph", () => {
  it("lists the ways of the ready-made contract with their labels and places", () => {
    const edges = ContractGraph.edges(ticketTriageContract)
    assert.deepInclude(edges, { from: "classify", to: "unsorted", label: "error", path: ["steps", 1, "onError"] })
    assert.deepInclude(edges, { from: "route", to: "publish", label: "otherwise", path: ["steps", 4, "default"] })
    assert.deepInclude(edges, {
      from: "confirm",
      to: "analyze",
      label: "approved",
      path: ["steps", 5, "nextOnApproved"]
    })
    assert.deepInclude(edges, { from: "publish", to: null, label: "", path: ["steps", 7, "next"] })
    assert.deepStrictEqual(ContractGraph.unreachable(ticketTriageContract), [])
  })

  it("draws a flowchart", () => {
    const drawing = ContractGraph.mermaid({
      entryStepId: "a",
      steps: [
        {
          id: "a",
          name: "First",
          kind: "branch",
          cases: [{ when: "input.x > 1", next: "b" }],
          default: null
        } as Loose,
        { id: "b", name: "Second", kind: "task", onError: "a", next: null } as Loose
      ]
    })
    assert.strictEqual(
      drawing,
      `flowchart TD
  start((start))
  s0{"First<br/>branch"}
  s1["Second<br/>task"]
  done((end))
  start --> s0
  s0 -->|"input.x #62; 1"| s1
  s0 -->|"otherwise"| done
  s1 --> done
  s1 -.->|"error"| s0
`
    )
  })

  it("draws every kind of step in a shape of its own, and an unknown kind as a task", () => {
    const kinds = ["task", "llm", "emit", "wait", "branch", "transform", "approval", "future"]
    const drawing = ContractGraph.mermaid({
      entryStepId: "none",
      steps: kinds.map((kind) => ({ id: kind, name: "N", kind }) as Loose)
    })
    assert.deepStrictEqual(drawing.trimEnd().split("\n"), [
      "flowchart TD",
      "  start((start))",
      "  s0[\"N<br/>task\"]",
      "  s1([\"N<br/>llm\"])",
      "  s2>\"N<br/>emit\"]",
      "  s3[/\"N<br/>wait\"/]",
      "  s4{\"N<br/>branch\"}",
      "  s5[[\"N<br/>transform\"]]",
      "  s6{{\"N<br/>approval\"}}",
      "  s7[\"N<br/>future\"]"
    ])
  })

  it("leaves out the ways of what is not well formed", () => {
    const step = (more: object) => ({ id: "a", name: "A", ...more }) as Loose
    const labels = (more: object) => ContractGraph.edgesOf(step(more), ["steps", 0]).map(({ label, to }) => [label, to])
    assert.deepStrictEqual(labels({ kind: "branch", cases: "none", default: null }), [["otherwise", null]])
    assert.deepStrictEqual(labels({ kind: "branch", cases: [{ next: "b" }, { when: "x", next: 1 }], default: "c" }), [[
      "case 1",
      "b"
    ], ["otherwise", "c"]])
    assert.deepStrictEqual(labels({ kind: "task", next: 5, onError: { next: "b" } }), [["error", "b"]])
  })

  it("lets no text of a document out of its label", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (name, when) => {
      const drawing = ContractGraph.mermaid({
        entryStepId: "a",
        steps: [
          { id: "a", name, kind: "branch", cases: [{ when, next: null }], default: null } as Loose
        ]
      })
      const lines = drawing.trimEnd().split("\n")
      assert.lengthOf(lines, 7)
      assert.match(lines[2] ?? "", /^ {2}s0\{"[^"<>;]*(#\d+;[^"<>;]*)*<br\/>branch"\}$/)
      assert.match(lines[5] ?? "", /^ {2}s0 -->(\|"[^"<>]*"\|)? done$/)
    }))
  })

  it("reaches exactly what some path of ways leads to", () => {
    const id = fc.constantFrom("a", "b", "c", "d", "e")
    const edge = fc.record({ from: id, to: fc.option(id), label: fc.constant(""), path: fc.constant([]) })
    fc.assert(fc.property(fc.array(edge, { maxLength: 12 }), id, (edges, start) => {
      let expected = new Set([start])
      for (let round = 0; round < 5; round++) {
        expected = new Set([
          ...expected,
          ...edges.flatMap(({ from, to }) => to !== null && expected.has(from) ? [to] : [])
        ])
      }
      assert.deepStrictEqual([...ContractGraph.reachableFrom([start], edges)].sort(), [...expected].sort())
    }))
  })
})
