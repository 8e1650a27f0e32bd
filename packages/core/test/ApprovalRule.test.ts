import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ApprovalRule from "../src/ApprovalRule.ts"

const asked = { cents: 5_100 }
const more = { cents: 9_999_999 }
const hashOf = (args: unknown) => `sha-256 of ${ApprovalRule.hashed(args)}`

const ask = (rest: Partial<ApprovalRule.Question> = {}): ApprovalRule.Question => ({
  approvers: ["ann", "bob", "cy"],
  choices: [],
  quorum: 1,
  editable: true,
  args: asked,
  hash: hashOf(asked),
  onTimeout: "deny",
  ...rest
})

/** What somebody says: `ann yes`, `bob no`, `cy yes 9999999` (an edit), `ann yes @9999999` (having seen that), `cy yes :gold` (a choice). */
const says = (text: string, index: number): ApprovalRule.Answer => {
  const [by = "", word, ...rest] = text.split(" ")
  const part = (mark: string) => rest.find((item) => item.startsWith(mark))?.slice(1)
  const cents = rest.find((item) => /^\d/.test(item))
  const seen = part("@")
  const choice = part(":")
  const at = part("t")
  return {
    id: `${index}`,
    decision: word === "yes" ? "approve" : word === "no" ? "deny" : word === "refuses" ? "refuse" : "timeout",
    by,
    at: at === undefined ? index : Number(at),
    ...(cents === undefined
      ? {}
      : { edit: { value: { cents: Number(cents) }, hash: hashOf({ cents: Number(cents) }) } }),
    ...(seen === undefined ? {} : { seen: hashOf({ cents: Number(seen) }) }),
    ...(choice === undefined ? {} : { choice })
  }
}

/** Judges one after the other; gives what came of each, and where the question stands. */
const hear = (question: ApprovalRule.Question, ...texts: ReadonlyArray<string>) => {
  const given: Array<ApprovalRule.Given> = []
  const verdicts = texts.map((text, index) => {
    const answer = says(text, index)
    const verdict = ApprovalRule.judge(
      question,
      given,
      answer,
      answer.decision === "timeout" || answer.decision === "refuse" ? undefined : [answer.by]
    )
    if (verdict._tag === "Accepted") given.push(verdict.answer)
    return verdict
  })
  return {
    given,
    verdicts: verdicts.map((verdict) =>
      verdict._tag === "Refused" ? verdict.reason : verdict._tag === "Known" ? "known" : "ok"
    ),
    problem: verdicts.flatMap((verdict) => verdict._tag === "Refused" ? [verdict.problem] : []).at(-1),
    standing: ApprovalRule.standing(question, given)
  }
}

describe("S16: the rule by which answers decide", () => {
  const table: ReadonlyArray<
    readonly [
      title: string,
      question: Partial<ApprovalRule.Question>,
      said: ReadonlyArray<string>,
      status: string,
      last: string
    ]
  > = [
    ["one yes grants", {}, ["ann yes"], "granted", "ok"],
    ["one no denies", { quorum: 2 }, ["ann yes", "bob no"], "denied", "ok"],
    ["what comes behind the answer that decided is refused", {}, ["ann yes", "bob no"], "granted", "answered"],
    ["a quorum is of different people", { quorum: 2 }, ["ann yes", "ann yes"], "open", "voted"],
    ["a quorum grants", { quorum: 2 }, ["ann yes", "cy yes"], "granted", "ok"],
    ["an edit is approved by who makes it", {}, ["ann yes 7"], "granted", "ok"],
    ["earlier approvals do not count for an edit", { quorum: 2 }, ["ann yes", "cy yes 9999999"], "open", "ok"],
    ["an edit is approved by who names it", { quorum: 2 }, ["cy yes 9999999", "bob yes @9999999"], "granted", "ok"],
    [
      "who has not seen the edit does not approve it",
      { quorum: 2 },
      ["cy yes 9999999", "bob yes"],
      "open",
      "superseded"
    ],
    [
      "who has seen something else does not approve it",
      { quorum: 2 },
      ["cy yes 9999999", "bob yes @5100"],
      "open",
      "superseded"
    ],
    [
      "who has not seen the edit does not deny it either",
      { quorum: 2 },
      ["cy yes 9999999", "bob no"],
      "open",
      "superseded"
    ],
    [
      "an edit of what has been edited since is refused",
      { quorum: 2 },
      ["cy yes 9999999", "bob yes 3"],
      "open",
      "superseded"
    ],
    [
      "an edit of an edit is a proposal of its own",
      { quorum: 2 },
      ["cy yes 7", "bob yes 3 @7", "cy yes @3"],
      "granted",
      "ok"
    ],
    [
      "one who approved what was asked may approve the edit",
      { quorum: 2 },
      ["ann yes", "cy yes 7", "ann yes @7"],
      "granted",
      "ok"
    ],
    [
      "an edit back to what was asked is what was asked, with its approvals",
      { quorum: 2 },
      ["ann yes", "cy yes 7", "bob yes 5100 @7"],
      "granted",
      "ok"
    ],
    ["an edit that changes nothing is a yes", { quorum: 2 }, ["ann yes", "cy yes 5100"], "granted", "ok"],
    ["what may not be edited is not", { editable: false }, ["ann yes 7"], "open", "edit"],
    ["a no edits nothing", {}, ["ann no 7"], "open", "edit"],
    [
      "a yes chooses where there is something to choose",
      { choices: ["gold", "silver"] },
      ["ann yes"],
      "open",
      "choice"
    ],
    ["a no need not choose", { choices: ["gold"] }, ["ann no"], "denied", "ok"],
    ["only what is offered is chosen", { choices: ["gold"] }, ["ann yes :tin"], "open", "choice"],
    [
      "approvals of different choices do not add up",
      { quorum: 2, choices: ["gold", "silver"] },
      ["ann yes :gold", "bob yes :silver"],
      "open",
      "ok"
    ],
    [
      "one may choose again, and then the former choice has one less",
      { quorum: 2, choices: ["a", "b"] },
      ["ann yes :a", "ann yes :b", "bob yes :a"],
      "open",
      "ok"
    ],
    [
      "those who choose the same decide",
      { quorum: 2, choices: ["a", "b"] },
      ["ann yes :a", "bob yes :b", "cy yes :a"],
      "granted",
      "ok"
    ],
    ["a veto after a yes is heard", { quorum: 2 }, ["ann yes", "ann no"], "denied", "ok"],
    [
      "with `of`, a no leaves the rest to the others",
      { quorum: 2, of: 3 },
      ["ann no", "bob yes", "cy yes"],
      "granted",
      "ok"
    ],
    [
      "with `of`, it is denied once the quorum is out of reach",
      { quorum: 2, of: 3 },
      ["ann no", "bob no"],
      "denied",
      "ok"
    ],
    ["with `of`, nobody denies twice", { quorum: 2, of: 3 }, ["ann no", "ann no"], "open", "voted"],
    ["with `of`, a no takes the place of a yes", { quorum: 2, of: 3 }, ["ann yes", "ann no", "bob yes"], "open", "ok"],
    ["who is not named does not answer", {}, ["eve yes"], "open", "approver"],
    ["who asked for the run does not answer", { requester: "ann" }, ["ann yes"], "open", "requester"],
    ["before the deadline it counts", { deadline: 10 }, ["ann yes t9"], "granted", "ok"],
    ["at the deadline it is late", { deadline: 10 }, ["ann yes t10"], "open", "late"],
    ["the deadline does not decide before its time", { deadline: 10 }, ["deadline passes t9"], "open", "early"],
    ["without a deadline nothing passes", {}, ["deadline passes t9"], "open", "early"],
    ["the deadline decides", { deadline: 10 }, ["deadline passes t10", "ann yes t11"], "denied", "answered"],
    [
      "an answer before the deadline decides first",
      { deadline: 10 },
      ["ann yes t9", "deadline passes t10"],
      "granted",
      "answered"
    ],
    ["a deadline may be a failure", { deadline: 10, onTimeout: "fail" }, ["deadline passes t10"], "expired", "ok"],
    [
      "what the workflow does not take opens the question again",
      {},
      ["ann yes 7", "workflow refuses @7"],
      "open",
      "ok"
    ],
    [
      "what the workflow does not take is not proposed again",
      {},
      ["ann yes 7", "workflow refuses @7", "bob yes 7"],
      "open",
      "edit"
    ],
    [
      "what was asked stands again behind an edit that is not taken",
      { quorum: 2 },
      ["ann yes", "cy yes 7", "workflow refuses @7", "bob yes"],
      "granted",
      "ok"
    ],
    [
      "a denial stands, whatever becomes of the edit before it",
      { quorum: 2 },
      ["cy yes 7", "bob no @7", "workflow refuses @7"],
      "denied",
      "answered"
    ],
    ["a grant of something else stands", {}, ["ann yes", "workflow refuses @7"], "granted", "answered"]
  ]
  for (const [title, question, said, status, last] of table) {
    it(`${title}`, () => {
      const { standing, verdicts } = hear(ask(question), ...said)
      assert.deepStrictEqual([standing.status, verdicts.at(-1)], [status, last])
    })
  }

  it("an answer with a known id is known", () => {
    const question = ask({ quorum: 2 })
    const { given } = hear(question, "ann yes")
    assert.deepStrictEqual(ApprovalRule.judge(question, given, says("bob yes", 0)), { _tag: "Known" })
  })

  it("what is recorded of an approval of an edit are the arguments themselves", () => {
    const { given, standing } = hear(ask({ quorum: 2 }), "cy yes 9999999", "bob yes @9999999")
    assert.deepStrictEqual(given.map(({ by, edit, hash }) => [by, edit, hash]), [["cy", more, hashOf(more)], [
      "bob",
      more,
      hashOf(more)
    ]])
    assert.deepStrictEqual(standing.proposal, { hash: hashOf(more), args: more, editedBy: "cy" })
    assert.deepStrictEqual(standing.by, ["cy", "bob"])
  })

  it("what nobody has approved in full is not what a deadline approves", () => {
    const { standing } = hear(
      ask({ quorum: 2, deadline: 10, onTimeout: "approve" }),
      "cy yes 9999999 t1",
      "deadline passes t10"
    )
    assert.deepInclude(standing, { status: "granted", by: ["deadline"] })
    assert.deepStrictEqual(standing.proposal.args, asked)
  })

  it("says how far a question is, and what an edit has changed", () => {
    const question = ask({ quorum: 2 })
    const far = hear(question, "ann yes")
    assert.strictEqual(ApprovalRule.progress(question, far.standing), "1 of 2, still wanted: one of bob, cy")
    assert.strictEqual(
      hear(question, "ann yes", "ann yes").problem,
      "ann has approved it already; 1 of 2, still wanted: one of bob, cy"
    )
    assert.strictEqual(
      hear(question, "cy yes 9999999", "bob yes").problem,
      "cy has edited the arguments since: cents: 5100 → 9999999"
    )
    assert.deepStrictEqual(
      ApprovalRule.difference({ a: 1, b: { c: [1, 2] }, d: "x" }, { a: 1, b: { c: [1, 3, 4] }, e: null }),
      ["b.c[1]: 2 → 3", "b.c[2]: nothing → 4", "d: \"x\" → nothing", "e: nothing → null"]
    )
  })

  it("equal arguments have one hash, whatever the order of their keys", () => {
    assert.strictEqual(
      ApprovalRule.hashed({ b: [{ d: 1, c: 2 }], a: null }),
      ApprovalRule.hashed({ a: null, b: [{ c: 2, d: 1 }] })
    )
    assert.notStrictEqual(ApprovalRule.hashed({ a: 1 }), ApprovalRule.hashed({ a: "1" }))
    assert.strictEqual(ApprovalRule.hashed(undefined), "null")
  })

  it("approvals of the first format add up whatever they edited, as they did when they were recorded", () => {
    const { hash: _hash, ...old } = ask({ quorum: 2 })
    const given: ReadonlyArray<ApprovalRule.Given> = [
      { id: "1", decision: "approve", by: "ann", at: 1 },
      { id: "2", decision: "approve", by: "cy", at: 2, edit: more }
    ]
    assert.deepInclude(ApprovalRule.standing(old, given), { status: "granted", by: ["ann", "cy"], decision: given[1] })
  })
})

// A model in the words of the promise, which knows nothing of proposals: what each person last said, and of what.

const words = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(
        fc.constantFrom("ann", "bob", "cy", "di", "eve"),
        fc.constantFrom("yes", "yes", "yes", "no"),
        fc.constantFrom("", " 7", " 8"),
        fc.constantFrom("", " @5100", " @7", " @8"),
        fc.constantFrom("", " :a", " :b")
      )
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(["deadline", "passes", " t9", "", ""], ["deadline", "passes", " t40", "", ""], [
        "workflow",
        "refuses",
        " @7",
        "",
        ""
      ])
    }
  ).map(([by, word, ...rest]) => `${by} ${word}${rest.join("")}`),
  { maxLength: 14 }
)

describe("S16: whatever is said by whom", () => {
  it("what is granted was approved by as many different people as were asked for, each of them exactly that, and then nothing changes any more", () => {
    fc.assert(
      fc.property(
        words,
        fc.integer({ min: 1, max: 3 }),
        fc.option(fc.constantFrom(3, 4), { nil: undefined }),
        fc.constantFrom([], ["a", "b"]),
        (said, quorum, of, choices) => {
          const question = ask({
            approvers: ["ann", "bob", "cy", "di"],
            quorum,
            choices,
            deadline: 30,
            onTimeout: "fail",
            ...(of === undefined ? {} : { of })
          })
          const given: Array<ApprovalRule.Given> = []
          let open = true
          for (const [index, text] of said.entries()) {
            const answer = says(text, index)
            const person = answer.decision === "approve" || answer.decision === "deny"
            const verdict = ApprovalRule.judge(question, given, answer, person ? [answer.by] : undefined)
            if (verdict._tag !== "Accepted") continue
            assert.isTrue(
              open || answer.decision === "refuse",
              "nothing but the word of the workflow is taken behind the end"
            )
            given.push(verdict.answer)
            const now = ApprovalRule.standing(question, given)
            assert.deepStrictEqual(verdict.standing, now)
            open = now.status === "open"
            const refused = given.filter(({ decision }) => decision === "refuse").map(({ hash }) => hash)
            const last = new Map<string, ApprovalRule.Given>()
            for (const one of given) {
              if ((one.decision === "approve" || one.decision === "deny") && one.hash === now.proposal.hash) {
                last.set(
                  one.by,
                  one
                )
              }
            }
            if (now.status === "granted") {
              assert.notInclude(refused, now.proposal.hash)
              const choice = now.decision?.choice
              const yes = [...last.values()].filter((one) => one.decision === "approve" && one.choice === choice)
              assert.sameMembers([...now.by], yes.map(({ by }) => by))
              assert.isAtLeast(yes.length, quorum)
              assert.isTrue(yes.every(({ by }) => by !== "eve"))
              for (const one of yes) {
                assert.strictEqual(
                  hashOf("edit" in one ? one.edit : asked),
                  one.hash,
                  "each recorded what it approved"
                )
              }
            }
            if (now.status === "open") assert.isAbove(now.missing, 0)
          }
        }
      ),
      { numRuns: 2_000 }
    )
  })
})
