import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Result, Schema } from "effect"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import jsonata from "jsonata"
import * as Expression from "../src/Expression.ts"
import * as Template from "../src/internal/Template.ts"

const scope: Expression.Scope = {
  trigger: { id: "T-1", title: " Bug ", count: 3, tags: ["a", "b"], none: [], deep: { a: { b: 1 } } },
  input: { amount: 12.5 },
  steps: { classify: { output: { severity: "critical" } }, "fetch-pr": { output: [1, 2, 3] } },
  state: { seen: true },
  run: { id: "run-1", workflow: "triage", version: "1.0.0" }
}

const failure = (source: string, limits?: Parameters<typeof Expression.evaluate>[2]) =>
  Effect.flip(Expression.evaluate(source, scope, limits))

describe("Expression.evaluate", () => {
  it.effect("has no $eval, which would run what nobody has counted or checked", () =>
    Effect.gen(function*() {
      for (const source of ["{{ $eval('1') }}", "{{ $map(['1'], $eval) }}", "{{ ($e := $eval; $e('1')) }}"]) {
        assert.include((yield* failure(source)).message, "$eval is not available", source)
      }
    }))

  it.effect("yields the value itself for a string that is one expression", () =>
    Effect.gen(function*() {
      const value = yield* Expression.evaluate({
        id: "{{trigger.id}}",
        tags: "{{ trigger.tags }}",
        pr: "{{ steps.`fetch-pr`.output }}",
        severity: ["{{ steps.classify.output.severity }}", { seen: "{{ state.seen }}" }],
        plain: [1, null, true, "text", "{ not } an { expression }"],
        object: "{{ {\"a\": {\"b\": trigger.count}} }}",
        "{{key}}": 1
      }, scope)
      assert.deepStrictEqual(value, {
        id: "T-1",
        tags: ["a", "b"],
        pr: [1, 2, 3],
        severity: ["critical", { seen: true }],
        plain: [1, null, true, "text", "{ not } an { expression }"],
        object: { a: { b: 3 } },
        "{{key}}": 1
      })
    }))

  it.effect("puts values into text", () =>
    Effect.gen(function*() {
      const value = yield* Expression.evaluate(
        "{{ trigger.id }}: {{ trigger.count + 1 }} of {{ trigger.tags }}, {{ state }}{{ trigger.nope }}{{ null }}.",
        scope
      )
      assert.strictEqual(value, "T-1: 4 of [\"a\",\"b\"], {\"seen\":true}.")
    }))

  it.effect("gives null for a path that leads nowhere, alone, and nothing inside text", () =>
    Effect.gen(function*() {
      assert.isNull(yield* Expression.evaluate("{{ trigger.no.such.path }}", scope))
      assert.strictEqual(yield* Expression.evaluate("<{{ trigger.no.such.path }}>", scope), "<>")
      assert.isNull(yield* Expression.evaluate("{{ steps.later.output }}", {}))
    }))

  it.effect("leaves braces, quotes and comments inside an expression to it", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Expression.evaluate("{{ '}}' }}{{ \"{{\" }}{{ /* }} */ 'c' }}", scope), "}}{{c")
      assert.strictEqual(yield* Expression.evaluate("{{ $replace('a}/b', /\\}\\//, '-') }}", scope), "a-b")
    }))

  it.effect("is done within the turn in which it began", () =>
    Effect.sync(() => {
      const outside = globalThis.Promise
      const value = Effect.runSync(Expression.evaluate("{{ $map([1..50], function($i) { $i * 2 })[-1] }}", scope))
      assert.strictEqual(value, 100)
      assert.strictEqual(globalThis.Promise, outside)
      const failed = Effect.runSyncExit(Expression.evaluate("{{ $error('no') }}", scope))
      assert.isTrue(failed._tag === "Failure")
      assert.strictEqual(globalThis.Promise, outside)
    }))

  it.effect("reads the clock and chance of the fiber, and those alone", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2030, 0, 2, 3, 4, 5))
      const source = "{{ [$now(), $millis(), $toMillis('10:00', '[H]:[m]'), $random(), $shuffle([1..9])] }}"
      const seeded = Expression.evaluate(source, scope).pipe(Random.withSeed("seed"))
      const first = yield* seeded
      assert.deepStrictEqual(yield* seeded, first)
      assert.deepStrictEqual((first as ReadonlyArray<unknown>).slice(0, 3), [
        "2030-01-02T03:04:05.000Z",
        Date.UTC(2030, 0, 2, 3, 4, 5),
        Date.UTC(2030, 0, 2, 10, 0)
      ])
      assert.notDeepEqual(yield* Expression.evaluate(source, scope).pipe(Random.withSeed("other")), first)
    }))

  it.effect("reads a time without an offset as UTC", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Expression.evaluate("{{ $toMillis('2024-01-01T00:00:00') }}", {}), Date.UTC(2024, 0, 1))
      assert.strictEqual(
        yield* Expression.evaluate("{{ $toMillis('2024-01-01T00:00:00+01:00') }}", {}),
        Date.UTC(2023, 11, 31, 23)
      )
    }))

  it.effect("never changes the scope", () =>
    Effect.gen(function*() {
      const before = structuredClone(scope)
      for (
        const source of [
          "trigger.none{'k': 1}",
          "trigger.tags[]",
          "trigger ~> |deep|{'z': 1}|",
          "$sort(trigger.tags, function($a, $b) { $a < $b })",
          "$reverse(trigger.tags)",
          "$append(trigger.tags, 'c')"
        ]
      ) yield* Expression.evaluateExpression(source, scope)
      assert.deepStrictEqual(scope, before)
    }))

  it.effect("agrees with JSONata itself", () =>
    Effect.gen(function*() {
      const sources = [
        "trigger.tags[0] & '-' & $string(trigger.deep)",
        "$sum($map([1..20], function($i, $n, $all) { $i * $count($all) }))",
        "($f := function($n) { $n <= 1 ? 1 : $n * $f($n - 1) }; $f(10))",
        "$map(['abc', 'bcd'], $substring(?, 1))",
        "$map(trigger.tags, $uppercase)",
        "$sort([3, 1, 2])",
        "$sort(['b', 'a'])",
        "trigger.tags^(>$)",
        "trigger.**.b",
        "trigger.deep.*",
        "$match('a1b22', /[a-z](\\d+)/)",
        "$split('a, b,c', /\\s*,\\s*/)",
        "$replace('John Smith', /(\\w+)\\s(\\w+)/, '$2, $1')",
        "$contains('Hello', /hell/i)",
        "$merge([{'a': 1}, {'b': 2}])",
        "$each(trigger.deep, function($v, $k) { $k })",
        "$reduce([1..5], function($a, $b) { $a + $b })",
        "$filter([1..9], function($x) { $x % 2 = 0 })",
        "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'x'}]{b: $sum(a)}",
        "trigger ~> |deep.a|{'c': 2}, 'b'|",
        "trigger.tags@$t.{'tag': $t}",
        "trigger.tags#$i.{'place': $i, 'tag': $}",
        "$distinct([1, 2, 1])",
        "$zip([1, 2], ['a', 'b'])",
        "trigger.nope ?? 'default'",
        "trigger.count in [1, 2, 3] and $not(trigger.nope)",
        "$formatNumber(1234.5, '#,##0.00')",
        "$fromMillis(0, '[Y0001]-[M01]-[D01]')",
        "$toMillis('2024-02-03', '[Y]-[M]-[D]')",
        "$base64encode('hi') & $encodeUrlComponent('a b')",
        "[$type(null), $type(1), $exists(trigger.x)]"
      ]
      const plain = (value: unknown): unknown => value === undefined ? null : JSON.parse(JSON.stringify(value))
      for (const source of sources) {
        const expected = yield* Effect.promise(() => jsonata(source).evaluate(structuredClone(scope)))
        assert.deepStrictEqual(yield* Expression.evaluateExpression(source, scope), plain(expected), source)
      }
    }))

  it.effect("reads back any JSON value that it is given", () =>
    Effect.sync(() =>
      fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const input = JSON.parse(JSON.stringify(value)) as Schema.Json
        // JSONata takes an object with one of its own marks for a function.
        assert.deepStrictEqual(Effect.runSync(Expression.evaluate("{{ $.input }}", { input })), input)
      }))
    ))
})

describe("Expression errors", () => {
  it.effect.each(
    [
      ["{{ ( }}", "syntax"],
      ["{{ trigger.", "syntax"],
      ["{{}}", "syntax"],
      ["{{ $eval('1') }}", "forbidden"],
      ["{{ $match('aa', /(a)\\1/) }}", "forbidden"],
      ["{{ function($a)<s+s+s+:s>{1}('a') }}", "forbidden"],
      ["{{ 1 / 0 }}", "failed"],
      ["{{ $uppercase }}", "failed"],
      ["{{ [$uppercase] }}", "failed"],
      ["{{ 'a' + 1 }}", "failed"],
      ["{{ $nope(1) }}", "failed"],
      ["{{ $error('boo') }}", "failed"]
    ] as const
  )("%s is refused as %s", ([source, reason]) =>
    Effect.gen(function*() {
      const error = yield* failure(source)
      assert.strictEqual(error.reason, reason)
      assert.include(error.message, "cannot be used")
    }))

  it.effect("sees nothing of the host", () =>
    Effect.gen(function*() {
      for (
        const source of [
          "constructor",
          "trigger.constructor",
          "trigger.tags.map",
          "trigger.id.length",
          "$lookup(trigger, '__proto__')",
          "process",
          "globalThis"
        ]
      ) {
        assert.isNull(yield* Expression.evaluateExpression(source, scope), source)
      }
      const made = yield* Expression.evaluateExpression("{'__proto__': {'polluted': true}}", scope)
      assert.isUndefined(Reflect.get({}, "polluted"))
      assert.deepStrictEqual(Object.keys(made as object), ["__proto__"])
    }))

  it.effect("survives its mark as an error of the wire", () =>
    Effect.gen(function*() {
      const error = yield* failure("{{ trigger.id + 1 }}")
      const encoded = yield* Schema.encodeEffect(Expression.ExpressionError)(error)
      const decoded = yield* Schema.decodeUnknownEffect(Expression.ExpressionError)(JSON.parse(JSON.stringify(encoded)))
      assert.strictEqual(decoded.message, error.message)
    }))

  const grow = (step: string, use: string, start = "1") =>
    `{{ ($f := function($s, $n) { $n = 0 ? $s : $f(${step}, $n - 1) }; ${use.replace("$made", `$f(${start}, 60)`)}) }}`

  it.effect.each(
    [
      ["an endless loop", "{{ ($f := function($x) { $f($x) }; $f(1)) }}"],
      ["an endless recursion", "{{ ($f := function($x) { 1 + $f($x) }; $f(1)) }}"],
      ["nested maps", "{{ $map([1..9999], function($a) { $map([1..9999], function($b) { $a * $b }) }) }}"],
      ["a huge range", "{{ [1..9000000] }}"],
      ["a doubled text", grow("$s & $s", "$length($made)", "'ab'")],
      ["a doubled object, as text", grow("{'a': $s, 'b': $s}", "$string($made)")],
      ["a doubled object, as the result", grow("{'a': $s, 'b': $s}", "$made")],
      ["a doubled list, compared", grow("[[$s], [$s]]", "$made = $made")],
      ["a doubled list, as a condition", grow("[[$s], [$s]]", "$made ? 1 : 2")],
      ["a doubled list, looked into", grow("[[$s], [$s]]", "$made.a")],
      ["a doubled object, searched", grow("{'a': $s, 'b': $s}", "$made.**")],
      ["a value that contains itself", grow("$s ~> |$|{'a': $, 'b': $}|", "$string($made)", "{'q': 1}")],
      ["a huge padding", "{{ $pad('', 1000000000) }}"],
      ["a long text, many times", "{{ $join($map([1..9000], function($i) { $pad('x', 1000000) }), '') }}"],
      ["a regular expression over a long text", "{{ $match($pad('a', 900000, 'a'), /(x+x+)+y|a*b/) }}"],
      ["a time with many readings", `{{ $toMillis('${"1".repeat(60)}x', '[Y][M][D][H][m][s][f][Y][M][D]') }}`],
      ["a quadratic append", "{{ $reduce([1..9999], function($a, $i) { $append($a, $i) }) }}"],
      ["a quadratic comparison", "{{ $distinct([1..9999]) }}"],
      [
        "functions in functions",
        "{{ ($p := function($a, $b) { 1 }; $g := function($k, $n) { $n = 0 ? $k : $g($k(?, ?), $n - 1) }; $g($p, 5000)(1, 2)) }}"
      ],
      ["nested brackets", `{{ ${"[".repeat(7000)}1${"]".repeat(7000)} }}`],
      ["a long source", `{{ ${"1+".repeat(10_000)}1 }}`]
    ] as const
  )("%s ends at a limit", ([, source]) =>
    Effect.gen(function*() {
      const error = yield* failure(source)
      assert.strictEqual(error.reason, "limit")
    }))

  it.effect("answers a regular expression that would make backtracking hang", () =>
    Effect.gen(function*() {
      assert.isNull(yield* Expression.evaluate(`{{ $match('${"a".repeat(5000)}b', /(a+)+$/) }}`, scope))
    }))

  it.effect("counts all expressions of one value together, and the same way each time", () =>
    Effect.gen(function*() {
      const value = Array.from({ length: 20 }, () => "{{ $sum($map([1..50], function($i) { $i })) }}")
      const limited = (operations: number) => Effect.option(Expression.evaluate(value, scope, { operations }))
      let low = 0
      let high = 50_000
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2)
        if ((yield* limited(middle))._tag === "Some") high = middle
        else low = middle
      }
      assert.isAbove(high, 20 * 100)
      assert.strictEqual((yield* limited(high))._tag, "Some")
      assert.strictEqual((yield* limited(high - 1))._tag, "None")
    }))
})

describe("Expression.evaluateCondition", () => {
  it.effect("takes an expression with or without braces, by JSONata's rules of truth", () =>
    Effect.gen(function*() {
      const holds = (source: string) => Expression.evaluateCondition(source, scope)
      assert.isTrue(yield* holds("trigger.count > 2"))
      assert.isTrue(yield* holds("{{ trigger.count > 2 }}"))
      assert.isTrue(yield* holds(" {{ {\"a\": 1} }} "))
      assert.isTrue(yield* holds("trigger.tags"))
      for (const source of ["trigger.nope", "trigger.none", "0", "''", "null", "[0, '']", "{}", "false"]) {
        assert.isFalse(yield* holds(source), source)
      }
    }))
})

describe("Expression.compile", () => {
  const mentions = (source: string) => {
    const { names, steps, undefinedVariables } = Result.getOrThrow(Expression.compile(source))
    return [names, steps, undefinedVariables].map((list) => list.map(({ name }) => name))
  }

  it("finds the names that are looked up in the scope, and only those", () => {
    assert.deepStrictEqual(mentions("trigger.items[price > input.max].name"), [["trigger"], [], []])
    assert.deepStrictEqual(mentions("$map(trigger.items, function($i) { $i.name & state.suffix })")[0]?.toSorted(), [
      "state",
      "trigger"
    ])
    assert.deepStrictEqual(mentions("{'a': run.id, 'b': [input]}")[0]?.toSorted(), ["input", "run"])
    assert.deepStrictEqual(mentions("trigger.items^(price)"), [["trigger"], [], []])
  })

  it("finds the steps and the undefined functions", () => {
    assert.deepStrictEqual(mentions("steps.a.output + $$.steps.`b-c`.output"), [["steps", "steps"], ["a", "b-c"], []])
    assert.deepStrictEqual(
      mentions("($x := 1; $upcase($x & $y))"),
      [[], [], ["upcase", "y"]].map((list) => list.toSorted())
    )
    const step = Result.getOrThrow(Expression.compile("1 + steps.abc.output")).steps[0]
    assert.deepStrictEqual(step, { name: "abc", position: 10 })
  })
})

describe("Template.parse", () => {
  it("gives back the text when its parts are put together again", () => {
    const piece = fc.oneof(
      fc.string().filter((text) => !text.includes("{{") && !text.endsWith("{")),
      fc.constantFrom("{{ a }}", "{{a.b}}", "{{ {\"a\": \"}}\"} }}", "{{ $match(x, /}/) }}")
    )
    fc.assert(fc.property(fc.array(piece), (pieces) => {
      const text = pieces.join("")
      const parts = Result.getOrThrow(Template.parse(text))
      assert.strictEqual(parts.map((part) => part.is === "text" ? part.text : `{{${part.source}}}`).join(""), text)
      assert.strictEqual(
        parts.filter(({ is }) => is === "expression").length,
        pieces.filter((piece) => piece.startsWith("{{")).length
      )
      for (const part of parts) if (part.is === "expression") assert.isTrue(text.startsWith(part.source, part.offset))
    }))
  })

  it("says where the expression begins that is not closed: by itself, by a quote, a comment or a regular expression", () => {
    for (
      const open of ["{{", "{{ a }", "{{ {}", "{{ \"}}", "{{ 'a\\'}}", "{{ /* }}", "{{ /* * }}", "{{ /}}", "{{ `}}"]
    ) {
      assert.deepStrictEqual(Template.parse(`ab {{ c }} ${open}`), Result.fail({ position: 11 }), open)
    }
  })

  it("takes a slash after a value for a division, and braces in comments for no braces", () => {
    for (
      const source of ["a / b", "a/2/b", "[1] /2", "/* { */ a", "/* } */ a", "\"a\\\"}}\"", "`\\`", "{\"a\": {}}.a"]
    ) {
      assert.deepStrictEqual(
        Template.parse(`{{${source}}}`),
        Result.succeed([{ is: "expression", source, offset: 2 }]),
        source
      )
    }
  })
})
