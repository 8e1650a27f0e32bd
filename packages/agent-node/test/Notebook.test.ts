import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { type Edit, edited, Notebook } from "../src/internal/Notebook.ts"

/** A notebook as Jupyter writes it. */
const notebook = (cells: ReadonlyArray<object>, minor = 5) =>
  `${
    JSON.stringify(
      {
        cells,
        metadata: { kernelspec: { name: "python3" }, unknown: [1, { a: "ü" }] },
        nbformat: 4,
        nbformat_minor: minor
      },
      null,
      1
    )
  }\n`

const code = (id: string, source: string | ReadonlyArray<string>) => ({
  cell_type: "code",
  execution_count: 3,
  id,
  metadata: { tags: ["x"] },
  outputs: [{ name: "stdout", output_type: "stream", text: ["hi\n"] }],
  source
})
const markdown = (id: string, source: ReadonlyArray<string>) => ({
  attachments: { "a.png": { "image/png": "AAAA" } },
  cell_type: "markdown",
  id,
  metadata: {},
  source
})

const edit = (text: string, given: Partial<Edit>): string => {
  const after = edited(text, { mode: "replace", cell: undefined, type: undefined, source: "", id: "new", ...given })
  return "text" in after ? after.text : `refused: ${after.problem}`
}

describe("a notebook", () => {
  const text = notebook([code("a", ["x = 1\n", "x"]), markdown("b", ["# Title"]), code("c", "one string")])

  it("M-124: has a cell put in, replaced or taken out, and nothing else of it is touched", () => {
    assert.strictEqual(
      edit(text, { cell: "a", source: "y = 2\ny" }),
      notebook([
        { ...code("a", ["y = 2\n", "y"]), execution_count: null, outputs: [] },
        markdown("b", ["# Title"]),
        code("c", "one string")
      ])
    )
    assert.strictEqual(
      edit(text, { cell: "1", mode: "delete" }),
      notebook([code("a", ["x = 1\n", "x"]), code("c", "one string")])
    )
    const made = { cell_type: "code", execution_count: null, id: "new", metadata: {}, outputs: [], source: ["z"] }
    assert.strictEqual(
      edit(text, { cell: "b", mode: "insert", source: "z" }),
      notebook([code("a", ["x = 1\n", "x"]), markdown("b", ["# Title"]), made, code("c", "one string")])
    )
    assert.strictEqual(
      edit(notebook([]), { mode: "insert", type: "markdown", source: "a\n\nb" }),
      notebook([{ cell_type: "markdown", id: "new", metadata: {}, source: ["a\n", "\n", "b"] }])
    )
    assert.include(edit(text, { cell: "c", source: "still one" }), "\"source\": \"still one\"")
    assert.notInclude(edit(text, { cell: "a", type: "markdown", source: "m" }).split("\"b\"")[0]!, "execution_count")
  })

  it("has ids in its cells since 4.5, each once, and none before", () => {
    assert.notInclude(edit(notebook([], 4), { mode: "insert", source: "x" }), "\"id\"")
    assert.include(edit(notebook([code("new", "")]), { mode: "insert", source: "x" }), "\"id\": \"new-2\"")
  })

  it("is left alone where it is none, or has no such cell", () => {
    for (
      const broken of [
        "",
        "[]",
        "{}",
        notebook([]).replace("\"nbformat\": 4", "\"nbformat\": 3"),
        notebook([{ cell_type: "code" }])
      ]
    ) {
      assert.strictEqual(edit(broken, { mode: "insert" }), "refused: is no notebook of version 4")
    }
    assert.strictEqual(edit(text, { cell: "9" }), "refused: has no cell \"9\": it has 3, and these ids: a, b, c")
    assert.strictEqual(edit(text, {}), "refused: needs cell_id to replace a cell")
  })

  it("stays one whatever is done to it, keeps its layout, and every other cell letter by letter", () => {
    const cell = fc.oneof(
      fc.tuple(fc.string(), fc.stringMatching(/^[a-z]{1,3}$/)).map(([source, id]) => code(id, source)),
      fc.string().map((source) => markdown("m", [source]))
    )
    fc.assert(fc.property(
      fc.array(cell, { maxLength: 5 }),
      fc.constantFrom("", 1, 2, "\t"),
      fc.constantFrom("", "\n"),
      fc.record({
        mode: fc.constantFrom("replace", "insert", "delete"),
        cell: fc.constantFrom("0", "1", "4", "m", undefined),
        type: fc.constantFrom("code", "markdown", undefined),
        source: fc.string({ unit: fc.constantFrom("a", "\n", "\"", "ü") })
      }),
      (cells, indent, end, change) => {
        const json = JSON.parse(notebook(cells))
        const before = JSON.stringify(json, null, indent) + end
        const after = edited(before, { ...change, id: "new" })
        if ("problem" in after) return
        const now: typeof json = JSON.parse(after.text)
        assert.isTrue(Schema.is(Notebook)(now))
        assert.strictEqual(JSON.stringify(now, null, indent) + end, after.text)
        const kept = (all: ReadonlyArray<unknown>) => all.map((one) => JSON.stringify(one))
        const old = kept(json.cells)
        const others = kept(now.cells).filter((one) => old.includes(one)).length
        assert.isAtLeast(others, cells.length - (change.mode === "insert" ? 0 : 1))
        assert.deepStrictEqual({ ...now, cells: [] }, { ...json, cells: [] })
      }
    ))
  })

  it("that is nested too deep to be read is told so, and nothing is thrown", () => {
    for (const depth of [20_000, 200_000]) {
      const text = `{"nbformat":4,"nbformat_minor":5,"metadata":{"x":${"[".repeat(depth)}${
        "]".repeat(depth)
      }},"cells":[]}`
      const after = edited(text, { mode: "insert", cell: undefined, type: "code", source: "x", id: "a" })
      assert.deepStrictEqual(after, { problem: "is nested too deep, or too large, to be changed" })
    }
  })
})
