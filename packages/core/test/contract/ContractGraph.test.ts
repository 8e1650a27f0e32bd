import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ContractGraph from "../../src/contract/ContractGraph.ts"
import { ticketTriageContract } from "../../src/contract/TicketTriage.ts"

describe("ContractGraph", () => {
  it("lists the ways of the ready-made contract with their labels and places", () => {
    const edges = ContractGraph.edges(ticketTriageContract)
    assert.deepInclude(edges, { from: "classify", to: "unsorted", label: "error", path: ["steps", 1, "onError"] })
    assert.deepInclude(edges, { from: "route", to: "publish", label: "otherwise", path: ["steps", 4, "default"] })
    assert.deepInclude(edges, { from: "confirm", to: "analyze", label: "approved", path: ["steps", 5, "nextOnApproved"] })
    assert.deepInclude(edges, { from: "publish", to: null, label: "", path: ["steps", 7, "next"] })
    assert.deepStrictEqual(ContractGraph.unreachable(ticketTriageContract), [])
  })

  it("draws a flowchart", () => {
    const drawing = ContractGraph.mermaid({
      entryStepId: "a",
      steps: [
        { id: "a", name: "First", kind: "branch", cases: [{ when: "input.x > 1", next: "b" }], default: null } as ContractGraph.LooseStep,
        { id: "b", name: "Second", kind: "task", onError: "a", next: null } as ContractGraph.LooseStep
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

  it("lets no text of a document out of its label", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (name, when) => {
      const drawing = ContractGraph.mermaid({
        entryStepId: "a",
        steps: [{ id: "a", name, kind: "branch", cases: [{ when, next: null }], default: null } as ContractGraph.LooseStep]
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
        expected = new Set([...expected, ...edges.flatMap(({ from, to }) => to !== null && expected.has(from) ? [to] : [])])
      }
      assert.deepStrictEqual([...ContractGraph.reachableFrom([start], edges)].sort(), [...expected].sort())
    }))
  })
})
