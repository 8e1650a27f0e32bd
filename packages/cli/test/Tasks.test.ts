/** Tasks and queues at the command. */
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

describe("tasks, at the command", () => {
  it("R-07: a task is queued and its id printed, and what is no task ends with 2 and leaves no row", async () => {
    const { fermata } = new Project()
    const added = await fermata(
      "tasks",
      "add",
      "report",
      "--payload",
      "{\"week\":12}",
      "--priority",
      "5",
      "--delay",
      "60"
    )
    assert.strictEqual(added.code, 0, added.stderr)
    const id = added.stdout.trim()
    assert.match(id, /^[0-9a-f]{32}$/)
    const whole = await fermata(
      "tasks",
      "add",
      "--task",
      "{\"id\":\"w\",\"kind\":\"github-story\",\"source\":\"github\"}"
    )
    assert.strictEqual(whole.stdout, "w\n")
    for (
      const [args, why] of [
        [["tasks", "add"], "nothing says what the task is"],
        [["tasks", "add", "--task", "{"], "--task is not JSON"],
        [["tasks", "add", "--task", "{\"kind\":\"a\",\"priorty\":1}"], "priorty"],
        [["tasks", "add", "--task", "{}"], "kind: Missing key"],
        [["tasks", "add", "report", "--task", "{}"], "--task is the whole task"],
        [["tasks", "add", "report", "--queue", "Big One"], "a queue is 1 to 63"],
        [["tasks", "show", "none"], "There is no task none"]
      ] as const
    ) {
      const refused = await fermata(...args)
      assert.deepStrictEqual([refused.code, refused.stdout], [2, ""], args.join(" "))
      assert.include(refused.stderr, why, args.join(" "))
    }
    const listed = await fermata("tasks", "ls", "--json")
    assert.deepStrictEqual(listed.lines.map((task) => (task as unknown as { readonly id: string }).id), ["w", id])
    const shown = await fermata("tasks", "show", id)
    assert.match(shown.stdout, /^It waits until \d{4}-/m)
    assert.match(shown.stdout, /^payload +\{"week":12\}$/m)
  })

  it("a queue is set, paused and told of, one that is full refuses, and a task in it is cancelled and queued again", async () => {
    const { fermata } = new Project()
    const set = await fermata("queue", "set", "reports", "--concurrency", "4", "--rate", "100/60", "--max-queued", "1")
    assert.strictEqual(set.code, 0, set.stderr)
    await fermata("queue", "pause", "reports", "--as", "ann")
    await fermata("tasks", "add", "report", "--queue", "reports", "--id", "t")
    assert.include((await fermata("tasks", "show", "t")).stdout, "It waits because queue reports is paused by ann.")
    const full = await fermata("tasks", "add", "report", "--queue", "reports")
    assert.strictEqual(full.code, 2)
    assert.include(full.stderr, "Queue reports has 1 queued tasks, as many as it may have")
    assert.match((await fermata("queue", "ls")).stdout, /^reports +1 +0 +paused, 4 at work, 100 in 60 s, 1 queued$/m)
    assert.include((await fermata("queue", "pause", "--all")).stderr, "all queues are paused")
    assert.include((await fermata("queue", "ls")).stderr, "all queues are paused by ")
    await fermata("queue", "resume", "--all")
    assert.include((await fermata("queue", "resume", "reports")).stderr, "given out again")

    assert.include((await fermata("tasks", "cancel", "t", "--reason", "twice")).stderr, "task t is cancelled")
    assert.include((await fermata("tasks", "show", "t")).stdout, "It was cancelled: twice.")
    assert.strictEqual((await fermata("tasks", "cancel", "t")).code, 2)
    assert.include((await fermata("tasks", "retry", "t")).stderr, "task t is queued again")
    const other = await fermata("tasks", "ls", "--tenant", "acme")
    assert.include(other.stderr, "no tasks")
  })
})
