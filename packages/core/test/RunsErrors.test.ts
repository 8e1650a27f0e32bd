import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as RunsErrors from "../src/RunsErrors.ts"
import { EntryCorrupt } from "../src/Upcast.ts"
import { ValueRefused } from "../src/ValueRefused.ts"

const runId = "1f0c"

/** One of each, with the status of HTTP and the sentence that it says. */
const all = [
  [new RunsErrors.RunNotFound({ run: "1f", closest: ["1f0c"] }), 404, `There is no run "1f"; the closest are 1f0c`],
  [
    new RunsErrors.RunAmbiguous({ run: "1", candidates: [] }),
    409,
    `"1" is too short for a run: give its id or at least its first 4 characters`
  ],
  [new RunsErrors.RunNotFound({ run: "1f0c", closest: [], deleted: true }), 404, "Run 1f0c was deleted meanwhile"],
  [
    new RunsErrors.DeletionRefused({ runId, open: "2a" }),
    409,
    "Run 1f0c has a run below it that has not ended, 2a: cancel that, or wait for its end, and then delete the whole"
  ],
  [
    new RunsErrors.RunClosed({ runId, status: "failed" }),
    409,
    "Run 1f0c is failed and takes nothing any more"
  ],
  [
    new RunsErrors.NotInDoubt({ runId }),
    409,
    "Run 1f0c is not in doubt: the store was not put back from a backup since it began, or that is settled"
  ],
  [
    new RunsErrors.SignalUnknown({ runId, signal: "pait", known: ["paid"] }),
    404,
    `Run 1f0c receives no signal "pait"; did you mean "paid"?; its workflow receives paid`
  ],
  [
    new RunsErrors.SignalUnfit({ runId, signal: "paid", problem: "no cents" }),
    422,
    `The data does not fit signal "paid" of run 1f0c: no cents`
  ],
  [
    new RunsErrors.SignalReserved({ runId, signal: "engine.budget" }),
    422,
    `Signal "engine.budget" is the engine's own: raise the budget of run 1f0c instead`
  ],
  [
    new RunsErrors.DayRaiseRefused({ workflow: "writer", problem: "it has no limit" }),
    422,
    "What \"writer\" may spend on a day is not raised: it has no limit"
  ],
  [
    new RunsErrors.RaiseRefused({ runId, problem: "it is nothing" }),
    422,
    "The budget of run 1f0c is not raised: it is nothing"
  ],
  [
    new RunsErrors.StepNotOpen({ runId, key: "charge", status: "completed", open: [] }),
    409,
    `Step "charge" of run 1f0c is completed; no step of the run waits to be settled`
  ],
  [
    new RunsErrors.OutputRefused({ runId, key: "charge", problem: "no id" }),
    422,
    `The output does not fit step "charge" of run 1f0c: no id`
  ],
  [
    new RunsErrors.StepNotRequested({ runId, key: "ship", known: ["charge"] }),
    404,
    `Run 1f0c has never asked for a step "ship"; its steps are charge`
  ],
  [
    new RunsErrors.ForkRefused({ runId, step: "ship", problem: "it has a child" }),
    409,
    `Run 1f0c cannot be forked at step "ship": it has a child`
  ],
  [new RunsErrors.BulkRefused({ problem: "Say which" }), 422, "Say which"],
  [
    new RunsErrors.BulkUnconfirmed({ matched: 20_000, most: 10_000, confirmed: 9 }),
    409,
    "This acts on 20000 runs, and 9 were confirmed; look again, and confirm that number"
  ],
  [
    new RunsErrors.RetryRefused({ runId, status: "completed", problem: "it has completed" }),
    409,
    "Run 1f0c cannot be retried: it has completed"
  ],
  [
    new RunsErrors.ApprovalNotOpen({ runId, key: "manager", open: [] }),
    409,
    `Run 1f0c has no open approval "manager"`
  ],
  [
    new RunsErrors.ApprovalAmbiguous({ runId, open: ["1f0c/a", "1f0c/b"] }),
    409,
    "Run 1f0c has 2 open approvals; answer one of 1f0c/a, 1f0c/b"
  ],
  [
    new RunsErrors.AnsweredAlready({ approval: "1f0c/a", decided: "approved by ann", at: 0, now: 7_200_000 }),
    409,
    "Approval 1f0c/a is answered already: approved by ann, 2 h ago"
  ],
  [
    new RunsErrors.ArgumentsEdited({ approval: "1f0c/a", by: "ann", hash: "ab12", changes: ["cents: 5 → 6"] }),
    409,
    "ann has edited the arguments of approval 1f0c/a: cents: 5 → 6; an answer has to name them, by the hash ab12"
  ],
  [
    new RunsErrors.NotAllowed({ approval: "1f0c/a", by: "cy", approvers: ["ann"] }),
    403,
    "cy may not answer approval 1f0c/a: only ann may"
  ],
  [
    new RunsErrors.NotAllowed({ approval: "1f0c/a", by: "cy", approvers: ["cy"], problem: "cy has asked for the run" }),
    403,
    "cy may not answer approval 1f0c/a: cy has asked for the run"
  ],
  [
    new RunsErrors.DelegationRefused({ approval: "1f0c/a", problem: "bob has it already" }),
    409,
    "Approval 1f0c/a is not handed on: bob has it already"
  ],
  [
    new RunsErrors.AnswerRefused({ approval: "1f0c/a", problem: "it wants a choice" }),
    400,
    "The answer to approval 1f0c/a is refused: it wants a choice"
  ],
  [
    new RunsErrors.WorkflowNotFound({ workflow: "greet", version: "2", known: ["greet@1"] }),
    404,
    `There is no workflow "greet" version 2; registered are greet@1`
  ],
  [
    new RunsErrors.PayloadRefused({ workflow: "greet", problem: "no name" }),
    400,
    `The input does not fit workflow "greet": no name`
  ],
  [
    new RunsErrors.StartRefused({ workflow: "greet", problem: "not served" }),
    409,
    `Workflow "greet" cannot be started here: not served`
  ],
  [
    new RunsErrors.ArtifactNotFound({ runId, artifact: "log", known: ["notes (f04b0e7c2f80)"] }),
    404,
    `Run 1f0c keeps no artifact "log"; it keeps notes (f04b0e7c2f80)`
  ],
  [
    new RunsErrors.ArtifactAmbiguous({ runId, artifact: "log", candidates: ["ab12", "cd34"] }),
    409,
    `Run 1f0c keeps several artifacts "log": name one of the hashes ab12, cd34`
  ],
  [new RunsErrors.RuleNotFound({ rule: "beef", known: ["ab12"] }), 404, `No rule "beef" stands; there is ab12`],
  [
    new RunsErrors.RuleAmbiguous({ rule: "ab", candidates: ["ab12", "ab34"] }),
    409,
    `Several rules begin with "ab": ab12, ab34; give more of the id`
  ],
  [
    new RunsErrors.ArtifactDamaged({ runId, hash: "ab12", problem: "missing" }),
    500,
    "Artifact ab12 of run 1f0c cannot be read: its bytes are missing"
  ],
  [
    new ValueRefused({ what: "payload", runId, path: "id", problem: "it has a bigint" }),
    400,
    "The payload in run 1f0c cannot be stored: it has a bigint"
  ],
  [
    new EntryCorrupt({ runId, seq: 3, problem: "not JSON" }),
    500,
    "Entry 3 of run 1f0c cannot be read: not JSON"
  ]
] as const

type Class = Schema.Top & { readonly ast: { readonly annotations?: Readonly<Record<string, unknown>> } }

describe("an operator's error", () => {
  it("of every kind says its sentence also where it was sent as JSON, and carries its HTTP status", () => {
    for (const [error, status, sentence] of all) {
      const schema = error.constructor as unknown as Class & Schema.Codec<Error, unknown>
      assert.strictEqual(schema.ast.annotations?.httpApiStatus, status, error._tag)
      assert.strictEqual(error.message, sentence)
      const codec = Schema.toCodecJson(schema)
      const sent: unknown = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(error)))
      const received = Schema.decodeUnknownSync(codec)(sent)
      assert.strictEqual(received.constructor, error.constructor)
      assert.strictEqual(received.message, sentence)
    }
  })

  it("is in this list, whatever the module exports", () => {
    const kinds = Object.values(RunsErrors).filter((value) => typeof value === "function" && Schema.isSchema(value))
    const listed = new Set<unknown>(all.map(([error]) => error.constructor))
    assert.deepStrictEqual(kinds.filter((kind) => !listed.has(kind)), [])
    assert.isAtLeast(kinds.length, 18)
  })
})
