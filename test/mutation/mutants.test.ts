import { assert, describe, it } from "@effect/vitest"
import { apply, compiles, mutantsOf } from "../../scripts/mutants.ts"

/** The text under each of its mutants. */
const under = (text: string): ReadonlyArray<string> => mutantsOf(text).map((mutant) => apply(text, mutant))

const becomes = (text: string, ...expected: ReadonlyArray<string>) => {
  const found = under(text)
  assert.deepStrictEqual(found, expected)
  for (const mutated of found) assert.isTrue(compiles(mutated), mutated)
}

describe("the mutants of a source", () => {
  it("turn comparisons over and move boundaries", () => {
    becomes("a === b", "a !== b")
    becomes("a !== b", "a === b")
    becomes("a < b", "a <= b")
    becomes("a <= b", "a < b")
    becomes("a > b", "a >= b")
    becomes("a >= b", "a > b")
    becomes("(a /* if */) === b", "(a /* if */) !== b")
  })

  it("exchange and with or, some with every, up with down", () => {
    becomes("a && b || c", "a && b && c", "a || b || c")
    becomes("list.some(f)", ";", "list.every(f)")
    becomes("x = list.every(f)", "x = list.some(f)")
    becomes("count++", "count--")
    becomes("--count", "++count")
    becomes("x = a.constructor + a[some]")
  })

  it("negate conditions", () => {
    becomes("x = f ? y : z", "x = !(f) ? y : z")
    becomes("x = !f", "x = (f)")
    becomes("if (f()) x = y", "if (!(f())) x = y")
    becomes("if (a < b) x = y", "if (a <= b) x = y")
  })

  it("remove statements that call, and guards that return", () => {
    becomes("f(x)", ";")
    becomes("f?.(x)", ";")
    becomes("async () => { await f() }", "async () => { ; }")
    becomes("x = function*() { yield* f() }", "x = function*() { ; }")
    becomes(
      "const f = () => { if (a()) return b }",
      "const f = () => { ; }",
      "const f = () => { if (!(a())) return b }"
    )
    becomes(
      "const f = () => { if (a()) { return b } else c = d }",
      "const f = () => { c = d }",
      "const f = () => { if (!(a())) { return b } else c = d }"
    )
  })

  it("change literals: booleans, numbers by one, full arrays", () => {
    becomes("x = true", "x = false")
    becomes("x = 7", "x = 8", "x = 6")
    becomes("x = y - 0", "x = y - 1", "x = y - (-1)")
    becomes("x = [a, b]", "x = []")
    becomes("x = []")
    becomes("x = null ?? /1/ ?? \"true\"")
  })

  it("leave types, imports, wording and what would only hang", () => {
    becomes(`import { a } from "b"\nexport * from "c"`)
    becomes("type A = B extends true ? [1, 2] : 0\ninterface C { readonly d: false }")
    becomes("x = f<[1]>(y as readonly [1, 2]) satisfies 3")
    becomes("x = y! as true")
    becomes("x = (a < b) as boolean", "x = (a <= b) as boolean")
    becomes("throw new Error(a ? b : c)")
    becomes("x = new RunFailed({ code: 1 })")
    becomes("x = `${a === 1 ? b : c}`")
    becomes("x = Effect.logDebug(1)")
    becomes("this.fork(Effect.logDebug(1))")
    becomes("class A { get message() { return a ? b : c } }")
    becomes("for (;; i++) x = y")
    becomes("x = { 1: y }")
  })

  it("say where they are and what they change", () => {
    const [mutant] = mutantsOf("const f = () => {\n  if (\n    a\n  ) return b\n}")
    assert.strictEqual(mutant?.at, "2:3")
    assert.strictEqual(mutant?.change, "if ( a ) return b → ;")
    const [long] = mutantsOf(`f(${"a, ".repeat(60)}b)`)
    assert.isBelow(long!.change.length, 110)
  })

  it("do not compile where the text does not", () => {
    assert.isTrue(compiles("const a: number = 1"))
    assert.isFalse(compiles("const a: = 1"))
  })
})
