import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ApprovalRouting from "../src/ApprovalRouting.ts"
import * as ApprovalRule from "../src/ApprovalRule.ts"
import type { Routed } from "../src/Question.ts"

const hash = "hash of the arguments"

const ask = (rest: Partial<ApprovalRule.Question> = {}): ApprovalRule.Question => ({
  approvers: ["ann", "bob", "cy"],
  choices: [],
  quorum: 1,
  editable: false,
  hash,
  onTimeout: "deny",
  ...rest
})

/** Groups of people, as a server knows them. */
const groups: Readonly<Record<string, ReadonlyArray<string>>> = {
  lea: ["legal"],
  lou: ["legal"],
  fay: ["finance"],
  fin: ["finance", "interns"]
}
const identityOf = (name: string) => [name, ...groups[name] ?? []]

interface Heard {
  readonly question: ApprovalRule.Question
  readonly given: ReadonlyArray<ApprovalRule.Given>
  readonly verdicts: ReadonlyArray<string>
  readonly problem: string | undefined
}

/** `ann yes`, `bob no`, `ann → dana`, or `time 7`: judged one after the other, at 1, 2, 3 or the time that was said. */
const hear = (asked: ApprovalRule.Question, ...texts: ReadonlyArray<string>): Heard => {
  const routed: Array<Routed> = [...asked.routed ?? []]
  const question = { ...asked, routed }
  const given: Array<ApprovalRule.Given> = []
  const verdicts: Array<string> = []
  let problem: string | undefined
  const note = (verdict: ApprovalRule.Verdict | ApprovalRule.RoutingVerdict) => {
    if (verdict._tag === "Refused") problem = verdict.problem
    verdicts.push(verdict._tag === "Refused" ? verdict.reason : verdict._tag === "Known" ? "known" : "ok")
  }
  for (const [index, text] of texts.entries()) {
    const [by = "", word, to = ""] = text.split(" ")
    const id = `${index}`
    const at = by === "time" ? Number(word) : index + 1
    if (by === "time" || word === "→") {
      const verdict = by === "time"
        ? ApprovalRule.elapse(question, given, { at, key: "k" })
        : ApprovalRule.delegate(question, given, { id, at, by, identity: identityOf(by), to })
      if (verdict._tag === "Accepted") routed.push(verdict.routed)
      note(verdict)
      continue
    }
    const decision = word === "yes" ? "approve" : "deny"
    const verdict = ApprovalRule.judge(question, given, { id, decision, by, at }, identityOf(by))
    if (verdict._tag === "Accepted") given.push(verdict.answer)
    note(verdict)
  }
  return { question, given, verdicts, problem }
}

const standing = ({ given, question }: Heard) => ApprovalRule.standing(question, given)

describe("N-61: a question that is handed on", () => {
  const table: ReadonlyArray<
    readonly [
      title: string,
      question: Partial<ApprovalRule.Question>,
      said: ReadonlyArray<string>,
      status: string,
      last: string
    ]
  > = [
    ["is answered by who got it", {}, ["ann → dana", "dana yes"], "granted", "ok"],
    ["is not answered any more by who has handed it on", {}, ["ann → dana", "ann yes"], "open", "delegated"],
    ["is still answered by the others", {}, ["ann → dana", "bob yes"], "granted", "ok"],
    ["is not answered by who never got it", {}, ["ann → dana", "eve yes"], "open", "approver"],
    ["is handed on by nobody who was not asked", {}, ["eve → dana"], "open", "approver"],
    ["is handed to a group, of which each may answer", {}, ["ann → legal", "lou yes"], "granted", "ok"],
    ["is handed on again", {}, ["ann → dana", "dana → legal", "lea yes"], "granted", "ok"],
    ["goes back to whom it came from", {}, ["ann → dana", "dana → ann", "ann yes"], "granted", "ok"],
    ["is taken back", {}, ["ann → dana", "dana → legal", "ann → ann", "ann yes"], "granted", "ok"],
    [
      "is not answered by who had it before it was taken back",
      {},
      ["ann → dana", "ann → ann", "dana yes"],
      "open",
      "approver"
    ],
    ["goes round in no other way", {}, ["ann → dana", "dana → legal", "lea → ann"], "open", "delegation"],
    ["is not handed to who has it", {}, ["ann → ann"], "open", "delegation"],
    ["is not handed to who asked for the run", { requester: "req" }, ["ann → req"], "open", "delegation"],
    ["is not handed to who is excluded", { notBy: ["interns"] }, ["ann → interns"], "open", "delegation"],
    [
      "is not answered by one of its group who is excluded",
      { notBy: ["interns"] },
      ["ann → finance", "fin yes"],
      "open",
      "excluded"
    ],
    ["is not handed on once it is answered for", { quorum: 2 }, ["ann yes", "ann → dana"], "open", "delegation"],
    [
      "is not taken back once it is answered for",
      { quorum: 2 },
      ["ann → dana", "dana yes", "ann → ann"],
      "open",
      "delegation"
    ],
    ["is not handed on once it is decided", {}, ["bob yes", "ann → dana"], "granted", "answered"],
    ["is not handed on behind its deadline", { deadline: 1 }, ["ann → dana"], "open", "late"],
    ["counts as one with who handed it on", { quorum: 2 }, ["ann → dana", "dana yes", "bob yes"], "granted", "ok"],
    ["is one voice, whoever of a group speaks", { quorum: 2 }, ["ann → legal", "lea yes", "lou yes"], "open", "voted"],
    [
      "is one voice, and its last word stands",
      { quorum: 2, of: 3 },
      ["ann → legal", "lea yes", "lou no", "bob yes"],
      "open",
      "ok"
    ],
    [
      "does not go to who decides already, where more than one is wanted",
      { quorum: 2 },
      ["ann → bob"],
      "open",
      "delegation"
    ],
    [
      "does not go to who holds another place, where more than one is wanted",
      { quorum: 2 },
      ["ann → dana", "bob → dana"],
      "open",
      "delegation"
    ],
    ["may go to another who is asked, where one is enough", {}, ["ann → bob", "bob yes"], "granted", "ok"],
    [
      "is handed on by who was asked by a group",
      { approvers: ["finance"] },
      ["fay → dana", "fay yes"],
      "open",
      "delegated"
    ],
    [
      "leaves their own voice to the others of that group",
      { approvers: ["finance"] },
      ["fay → dana", "fin yes"],
      "granted",
      "ok"
    ],
    [
      "leaves the number of those who decide",
      { approvers: ["finance"], quorum: 2 },
      ["fay → dana", "dana yes", "fin yes"],
      "granted",
      "ok"
    ]
  ]
  for (const [title, question, said, status, last] of table) {
    it(`${title}`, () => {
      const heard = hear(ask(question), ...said)
      assert.deepStrictEqual([standing(heard).status, heard.verdicts.at(-1)], [status, last], heard.problem)
    })
  }

  it("says whose place an answer took, who is wanted, and why it does not go round", () => {
    const heard = hear(ask({ quorum: 2 }), "ann → dana", "dana yes")
    assert.deepStrictEqual(heard.given.map(({ by, for: place }) => [by, place]), [["dana", "ann"]])
    assert.deepInclude(standing(heard), { by: ["dana"], wanted: ["bob", "cy"] })
    assert.deepStrictEqual(standing(hear(ask(), "ann → dana")).wanted, ["dana", "bob", "cy"])
    assert.strictEqual(
      ApprovalRule.decided(standing(hear(ask(), "ann → dana", "dana yes"))),
      "approved by dana for ann"
    )
    assert.strictEqual(
      hear(ask(), "ann → dana", "dana → legal", "lea → ann").problem,
      "ann had it before (ann → dana → legal), and it goes back only to dana"
    )
    assert.strictEqual(
      hear(ask({ quorum: 2 }), "ann → legal", "lea yes", "lou yes").problem,
      "lea has approved it already for ann; 1 of 2, still wanted: one of bob, cy"
    )
  })

  it("is handed on a hundred times at most", () => {
    const said = Array.from({ length: 102 }, (_, index) => index % 2 === 0 ? "ann → dana" : "dana → ann")
    const { verdicts } = hear(ask(), ...said)
    assert.deepStrictEqual(verdicts.slice(0, 100), Array.from({ length: 100 }, () => "ok"))
    assert.deepStrictEqual(verdicts.slice(100), ["delegation", "approver"])
  })
})

describe("N-61: who may not answer", () => {
  it("are those that the question names, by name or by group, whatever else they are", () => {
    const question = ask({ approvers: ["finance", "ann"], notBy: ["interns", "ann"], requester: "fay" })
    assert.deepStrictEqual(hear(question, "fin yes", "ann yes", "fay yes").verdicts, [
      "excluded",
      "excluded",
      "requester"
    ])
    assert.deepStrictEqual(standing(hear(question)).wanted, ["finance"])
  })
})

describe("N-61: a question that nobody decides", () => {
  const stages = [{ at: 10, to: ["cfo"] }, { at: 20, to: ["ceo"] }]

  it("goes to others too, one stage after another, each at its time, and stays with those who were asked", () => {
    const heard = hear(ask({ escalate: stages }), "time 9", "cfo yes", "time 10", "time 19", "time 25", "time 30")
    assert.deepStrictEqual(heard.verdicts, ["early", "approver", "ok", "early", "ok", "early"])
    assert.deepStrictEqual(standing(heard).wanted, ["ann", "bob", "cy", "cfo", "ceo"])
    for (const name of ["ann", "cfo", "ceo"]) {
      assert.strictEqual(hear(heard.question, `${name} yes`).verdicts[0], "ok")
    }
    assert.strictEqual(hear(ask({ escalate: stages }), "ann yes", "time 10").verdicts[1], "answered")
    assert.strictEqual(hear(ask({ escalate: stages, deadline: 15 }), "time 16").verdicts[0], "late")
  })

  it("reminds those who are wanted, as often as it says, and makes up for none that was missed", () => {
    const remind = { from: 10, everyMs: 10, most: 3 }
    const heard = hear(ask({ remind, quorum: 2 }), "ann yes", "time 10", "time 55", "time 60", "time 65", "time 99")
    assert.deepStrictEqual(heard.verdicts, ["ok", "ok", "ok", "early", "ok", "early"])
    const reminders = (heard.question.routed ?? []).filter((item): item is Extract<Routed, { kind: "remind" }> =>
      item.kind === "remind"
    )
    assert.deepStrictEqual(reminders.map(({ at, count, to }) => [at, count, to]), [
      [10, 1, ["bob", "cy"]],
      [55, 2, ["bob", "cy"]],
      [65, 3, ["bob", "cy"]]
    ])
  })

  it("has one next moment, the deadline before what comes with it", () => {
    const question = ask({ escalate: stages, remind: { from: 5, everyMs: 5, most: 9 }, deadline: 20 })
    assert.deepStrictEqual(ApprovalRouting.due(question), { kind: "remind", at: 5 })
    assert.deepStrictEqual(ApprovalRouting.due(question, ["escalate", "deadline"]), { kind: "escalate", at: 10 })
    const late = hear(question, "time 12").question
    assert.deepStrictEqual(late.routed?.map(({ kind }) => kind), ["remind"])
    assert.deepStrictEqual(ApprovalRouting.due(late), { kind: "escalate", at: 10 })
    assert.deepStrictEqual(ApprovalRouting.due(ask({ escalate: [{ at: 20, to: ["x"] }], deadline: 20 })), {
      kind: "deadline",
      at: 20
    })
    assert.isUndefined(ApprovalRouting.due(ask()))
  })
})

// A model in the words of the promise: places are persons who were asked, and each has one holder.

const people = ["ann", "bob", "cy", "dana", "eve", "lea", "lou"]

describe("N-61: whatever is said and handed on by whom", () => {
  it("as many places as were asked for have said yes, each by one who holds it, and nobody says it for two", () => {
    const act = fc.oneof(
      fc.tuple(fc.constantFrom(...people), fc.constantFrom("yes", "yes", "no")).map((words) => words.join(" ")),
      fc.tuple(fc.constantFrom(...people), fc.constantFrom(...people, "legal")).map(([by, to]) => `${by} → ${to}`)
    )
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 20 }),
        fc.integer({ min: 1, max: 3 }),
        (said, quorum) => {
          const heard = hear(ask({ quorum, of: 3, requester: "eve" }), ...said)
          const { by, status } = standing(heard)
          const holders = new Map(["ann", "bob", "cy"].map((name) => [name, [name]]))
          const last = new Map<string, { readonly by: string; readonly yes: boolean }>()
          for (const [index, text] of said.entries()) {
            if (heard.verdicts[index] !== "ok") continue
            const [person = "", word, to = ""] = text.split(" ")
            if (word !== "→") {
              const place = heard.given.find(({ id }) => id === `${index}`)!
              const voice = place.for ?? place.by
              assert.include(identityOf(person), holders.get(voice)!.at(-1)!, `${text} of ${said.join(", ")}`)
              assert.notStrictEqual(person, "eve")
              for (const [other, vote] of last) if (other !== voice) assert.notStrictEqual(vote.by, person)
              last.set(voice, { by: person, yes: word === "yes" })
              continue
            }
            const item = heard.question.routed!.find(({ id }) => id === `${index}`) as Extract<
              Routed,
              { kind: "delegate" }
            >
            const chain = holders.get(item.for)!
            const before = chain.indexOf(to)
            assert.isFalse(last.has(item.for), "a place that was answered from goes nowhere")
            if (before >= 0) chain.splice(before + 1)
            else chain.push(to)
          }
          if (status === "granted") {
            const yes = [...last.values()].filter((vote) => vote.yes).map((vote) => vote.by)
            assert.sameMembers([...by], yes)
            assert.strictEqual(new Set(yes).size, yes.length)
            assert.isAtLeast(yes.length, quorum)
          }
        }
      ),
      { numRuns: 2_000 }
    )
  })
})
