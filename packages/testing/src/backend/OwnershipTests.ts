/** Conformance: who may write a run, and when somebody must. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { claim, commit, heartbeat, ids, inbox, one, start, startOwned, suspend, type Test } from "./Fixtures.ts"

/** The tests of ownership. */
export const ownershipTests = (test: Test): void => {
  test("a claim takes due runs, earliest first, up to its limit", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("later", { dueAt: 20_000 }),
        start("third", { dueAt: 10_000 }),
        start("never", { dueAt: null }),
        start("first", { dueAt: 0 }),
        start("second", { dueAt: 0 }),
        startOwned("owned")
      ])
      const taken = yield* one(backend, claim({ limit: 2 }))
      assert.deepStrictEqual(
        taken.runs.map((run) => [run.id, run.owner, run.epoch, run.dueAt]),
        [["first", "a", 1, null], ["second", "a", 1, null]]
      )
      assert.deepStrictEqual(yield* backend.run("first"), taken.runs[0]!)
      assert.deepStrictEqual(ids((yield* one(backend, claim({ owner: "b" }))).runs), ["third"])
      assert.deepStrictEqual((yield* one(backend, claim({ owner: "b" }))).runs, [])
      assert.deepStrictEqual((yield* one(backend, claim({ now: 30_000, limit: 0 }))).runs, [])
      assert.deepStrictEqual(ids((yield* one(backend, claim({ now: 20_000 }))).runs), ["later"])
    }))

  test("a claim takes only what the caller serves", (backend) =>
    Effect.gen(function*() {
      const all = [
        start("old"),
        start("new", { version: "2" }),
        start("other", { workflow: "refund" }),
        start("contract", { kind: "contract", definition: "d" }),
        start("recipe", { kind: "recipe", definition: "d" })
      ]
      const served = (ops: Parameters<typeof claim>[0]) =>
        Effect.gen(function*() {
          const { runs } = yield* one(backend, claim(ops))
          yield* backend.write([{ op: "retire", owner: "a" }])
          return ids(runs)
        })
      yield* backend.write(all)
      assert.deepStrictEqual(yield* served({}), ["old", "new", "other", "contract"])
      assert.deepStrictEqual(yield* served({ kinds: ["contract", "recipe"] }), [
        "old",
        "new",
        "other",
        "contract",
        "recipe"
      ])
      assert.deepStrictEqual(yield* served({ programs: [], kinds: ["recipe"], without: ["e"] }), ["recipe"])
      assert.deepStrictEqual(yield* served({ programs: [], kinds: ["recipe"], without: ["d"] }), [])
      assert.deepStrictEqual(yield* served({ kinds: [] }), ["old", "new", "other"])
      assert.deepStrictEqual(yield* served({ programs: [], kinds: ["contract"] }), ["contract"])
      assert.deepStrictEqual(yield* served({ programs: [], kinds: [] }), [])
      assert.deepStrictEqual(
        yield* served({ programs: ["refund@1", "purchase@2", "refund@1", "none@1"], kinds: [] }),
        ["new", "other"]
      )
      assert.deepStrictEqual(yield* served({ programs: ["purchase@1"], limit: 1 }), ["old"])
    }))

  test("S10: a claim leaves the runs of the documents that it names, of whatever root, and takes all others", (backend) =>
    Effect.gen(function*() {
      const contract = (id: string, definition: string | null, more: Partial<Parameters<typeof start>[1]> = {}) =>
        start(id, { kind: "contract", definition, ...more })
      yield* backend.write([
        contract("b1", "b", { dueAt: 3 }),
        contract("a1", "a", { dueAt: 2 }),
        contract("c1", "c", { dueAt: 1 }),
        contract("b2", "b", { dueAt: 4 }),
        contract("none", null, { dueAt: 5 }),
        contract("later", "c", { dueAt: 20_000 }),
        start("program", { dueAt: 6 })
      ])
      const claimed = (ops: Parameters<typeof claim>[0]) =>
        Effect.gen(function*() {
          const { runs } = yield* one(backend, claim(ops))
          const due = runs.map(({ id }) => ({ run: id, epoch: runs.find((run) => run.id === id)!.epoch }))
          for (const { epoch, run } of due) {
            yield* one(backend, commit(run, 0, [], { epoch, release: { dueAt: dueOf[run]! } }))
          }
          return ids(runs)
        })
      const dueOf: Readonly<Record<string, number>> = { b1: 3, a1: 2, c1: 1, b2: 4, none: 5, program: 6 }
      const programs = ["purchase@1"]
      assert.deepStrictEqual(yield* claimed({ programs }), ["c1", "a1", "b1", "b2", "none", "program"])
      assert.deepStrictEqual(yield* claimed({ programs, without: ["b"] }), ["c1", "a1", "none", "program"])
      assert.deepStrictEqual(yield* claimed({ programs, without: ["c", "a", "unknown"] }), [
        "b1",
        "b2",
        "none",
        "program"
      ])
      assert.deepStrictEqual(yield* claimed({ programs, without: ["c", "a"], limit: 1 }), ["b1"])
      assert.deepStrictEqual(yield* claimed({ programs: [], without: ["a", "b", "c"] }), ["none"])
      assert.deepStrictEqual(yield* claimed({ programs, without: ["a"], kinds: [] }), ["program"])
      assert.deepStrictEqual(yield* claimed({ without: ["b", "c"] }), ["a1", "none", "program"])
      assert.deepStrictEqual(yield* claimed({ programs, without: ["b"], roots: ["a1", "b1", "b2"] }), ["a1"])
    }))

  test("a claim of some roots takes their runs alone", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("top"),
        start("child", { root: "top", parent: "top", dueAt: 5 }),
        start("grandchild", { root: "top", parent: "child", workflow: "refund" }),
        start("other"),
        start("third", { root: "elsewhere", parent: "elsewhere", dueAt: 7 })
      ])
      assert.strictEqual(yield* backend.nextDue(0, ["top", "elsewhere", "unknown"]), 5)
      assert.strictEqual(yield* backend.nextDue(5, ["top", "elsewhere"]), 7)
      assert.isNull(yield* backend.nextDue(5, ["top"]))
      assert.isNull(yield* backend.nextDue(0, []))
      assert.deepStrictEqual((yield* one(backend, claim({ roots: [] }))).runs, [])
      assert.deepStrictEqual(
        ids((yield* one(backend, claim({ roots: ["top", "elsewhere", "top"], programs: ["purchase@1"] }))).runs),
        ["top", "child", "third"]
      )
      assert.deepStrictEqual(ids((yield* one(backend, claim({ roots: ["top"] }))).runs), ["grandchild"])
    }))

  test("a claim outdates the former owner", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), { op: "retire", owner: "a" }])
      yield* one(backend, claim({ owner: "b" }))
      assert.deepStrictEqual(yield* one(backend, commit("r", 0, ["x"])), { ok: false, epoch: 2, length: 0 })
      assert.deepStrictEqual(yield* one(backend, commit("r", 0, ["x"], { epoch: 2 })), { ok: true })
    }))

  test("a named run is taken whether it is due or not", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        suspend("r", 0, null, {
          status: { status: "suspended", reason: "diverged", waits: "[]" }
        })
      ])
      const { run } = yield* one(backend, { op: "claimOne", owner: "b", run: "r" })
      assert.deepStrictEqual([run!.owner, run!.epoch, run!.dueAt, run!.reason], ["b", 2, null, "diverged"])
      assert.isNull((yield* one(backend, { op: "claimOne", owner: "c", run: "r" })).run)
      assert.isNull((yield* one(backend, { op: "claimOne", owner: "c", run: "unknown" })).run)
      assert.strictEqual((yield* backend.run("r"))!.owner, "b")
    }))

  test("a claimed run is not due again before its release", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, start("r"))
      yield* one(backend, claim())
      assert.isNull(yield* backend.nextDue(-1, null))
      yield* one(backend, inbox("r", "i1"))
      assert.isNull(yield* backend.nextDue(-1, null))
      assert.deepStrictEqual((yield* one(backend, claim({ owner: "b" }))).runs, [])
      yield* one(backend, suspend("r", 0, 50_000, { consumed: ["i1"] }))
      assert.strictEqual(yield* backend.nextDue(0, null), 50_000)
      yield* one(backend, inbox("r", "i2"))
      assert.strictEqual(yield* backend.nextDue(-1, null), 0)
    }))

  test("nextDue is the earliest time after the given one", (backend) =>
    Effect.gen(function*() {
      assert.isNull(yield* backend.nextDue(0, null))
      yield* backend.write([30, 10, 20, 0].map((dueAt) => start(`r${dueAt}`, { dueAt })))
      yield* one(backend, start("never", { dueAt: null }))
      assert.strictEqual(yield* backend.nextDue(-1, null), 0)
      assert.strictEqual(yield* backend.nextDue(0, null), 10)
      assert.strictEqual(yield* backend.nextDue(10, null), 20)
      assert.strictEqual(yield* backend.nextDue(29, null), 30)
      assert.isNull(yield* backend.nextDue(30, null))
    }))

  test("a heartbeat inserts and updates an owner", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([heartbeat("b", 100), heartbeat("a", 100)])
      yield* one(backend, { op: "heartbeat", owner: { id: "b", expiresAt: 200, worker: false, info: `{"pid":1}` } })
      assert.deepStrictEqual(yield* backend.owners, [
        { id: "a", expiresAt: 100, worker: true, info: "{}" },
        { id: "b", expiresAt: 200, worker: false, info: `{"pid":1}` }
      ])
    }))

  test("reaping frees the runs of dead owners and counts the takeover", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([heartbeat("a", 100), heartbeat("b", 200), startOwned("r"), startOwned("s")])
      yield* one(backend, start("t", { owner: "b" }))
      assert.deepStrictEqual(yield* one(backend, { op: "reap", now: 100 }), { freed: 0 })
      assert.deepStrictEqual(yield* one(backend, { op: "reap", now: 101 }), { freed: 2 })
      assert.deepStrictEqual(ids(yield* backend.owners), ["b"])
      const freed = (yield* backend.run("r"))!
      assert.deepStrictEqual([freed.owner, freed.dueAt, freed.takeovers, freed.epoch], [null, 0, 1, 1])
      assert.strictEqual((yield* backend.run("t"))!.owner, "b")
    }))

  test("reaping takes the owners that it is told, if their leases are still the same", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        heartbeat("a", 100),
        startOwned("r"),
        heartbeat("b", 100),
        start("s"),
        claim({ owner: "b" })
      ])
      const reap = (...owners: ReadonlyArray<{ readonly id: string; readonly expiresAt: number }>) =>
        one(backend, { op: "reap", now: 1_000, owners })
      assert.deepStrictEqual(yield* reap(), { freed: 0 })
      assert.deepStrictEqual(yield* reap({ id: "a", expiresAt: 99 }, { id: "c", expiresAt: 100 }), { freed: 0 })
      assert.deepStrictEqual(yield* reap({ id: "b", expiresAt: 100 }), { freed: 1 })
      assert.deepStrictEqual(ids(yield* backend.owners), ["a"])
      assert.deepInclude(yield* backend.run("s"), { owner: null, takeovers: 1 })
      assert.deepInclude(yield* backend.run("r"), { owner: "a", takeovers: 0 })
    }))

  test("reaping frees the runs of an owner that is not listed", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([heartbeat("b", 200), startOwned("r")])
      assert.deepStrictEqual(yield* one(backend, { op: "reap", now: 150 }), { freed: 1 })
      assert.strictEqual((yield* backend.run("r"))!.takeovers, 1)
    }))

  test("takeovers add up until an entry is written or the run is released", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, start("r"))
      const die = (times: number) =>
        Effect.repeat(backend.write([claim(), { op: "reap", now: 1 }]), { times: times - 1 })
      const takeovers = Effect.map(backend.run("r"), (run) => run!.takeovers)
      yield* die(2)
      assert.strictEqual(yield* takeovers, 2)
      yield* one(backend, claim())
      yield* one(backend, commit("r", 0, [], { epoch: 3 }))
      assert.strictEqual(yield* takeovers, 2)
      yield* one(backend, commit("r", 0, ["e0"], { epoch: 3 }))
      assert.strictEqual(yield* takeovers, 0)
      yield* one(backend, { op: "reap", now: 1 })
      yield* one(backend, claim())
      assert.strictEqual(yield* takeovers, 1)
      yield* one(backend, suspend("r", 1, 0, { epoch: 4 }))
      assert.strictEqual(yield* takeovers, 0)
    }))

  test("a retired owner's runs are due at once and not counted as taken over", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([heartbeat("a", 100), startOwned("r"), startOwned("s")])
      assert.deepStrictEqual(yield* one(backend, { op: "retire", owner: "a" }), { freed: 2 })
      assert.deepStrictEqual(yield* backend.owners, [])
      const freed = (yield* backend.run("r"))!
      assert.deepStrictEqual([freed.owner, freed.dueAt, freed.takeovers], [null, 0, 0])
      assert.deepStrictEqual(yield* one(backend, { op: "retire", owner: "a" }), { freed: 0 })
    }))

  test("connections see each other's writes, and their version changes", (backend, connect) =>
    Effect.gen(function*() {
      const other = yield* connect
      const version = yield* backend.version
      const otherVersion = yield* other.version
      yield* one(backend, start("r"))
      assert.strictEqual(yield* backend.version, version)
      assert.notStrictEqual(yield* other.version, otherVersion)
      assert.strictEqual((yield* other.run("r"))!.id, "r")

      yield* one(other, claim({ owner: "b" }))
      assert.notStrictEqual(yield* backend.version, version)
      assert.strictEqual((yield* backend.run("r"))!.owner, "b")
      assert.deepStrictEqual((yield* one(backend, claim())).runs, [])
      const settled = yield* backend.version
      assert.strictEqual(yield* backend.version, settled)
    }))

  test("of two connections that claim, each run goes to one", (backend, connect) =>
    Effect.gen(function*() {
      const other = yield* connect
      yield* backend.write(Array.from({ length: 20 }, (_, index) => start(`r${index}`)))
      const [mine, theirs] = yield* Effect.all(
        [one(backend, claim({ owner: "a", limit: 10 })), one(other, claim({ owner: "b", limit: 10 }))],
        { concurrency: 2 }
      )
      assert.strictEqual(new Set([...ids(mine.runs), ...ids(theirs.runs)]).size, 20)
    }))
}
