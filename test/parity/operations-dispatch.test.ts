import { assert, describe, it } from "@effect/vitest"
import * as NodeSandbox from "@fermata/agent-node/NodeSandbox"
import * as Workspace from "@fermata/agent-node/Workspace"
import * as Agent from "@fermata/agent/Agent"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Sandbox } from "@fermata/agent/Sandbox"
import { Llm } from "@fermata/contracts/Llm"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import { Tasks } from "@fermata/engine/Tasks"
import * as Folder from "@fermata/host-node/Folder"
import * as Adapter from "@fermata/operations/Adapter"
import * as Dispatch from "@fermata/operations/Dispatch"
import * as Profile from "@fermata/operations/Profile"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const lumen = "You write short stories of what was merged."

/** A folder with a profile and a script, which is gone with the test. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const made = mkdtempSync(join(tmpdir(), "fermata-dispatch-"))
    writeFileSync(join(made, "lumen.md"), lumen)
    writeFileSync(
      join(made, "heartbeat.sh"),
      `read -r given
case "$given" in
  *'"payload":"quietly"'*) exit 0 ;;
  *'"payload":"wrongly"'*) echo "it cannot be" >&2; exit 2 ;;
  *'"payload":"busy"'*) echo "busy" >&2; exit 1 ;;
esac
echo "{\\"beat\\":1}"
`
    )
    return made
  }),
  (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
)

const Reviewer = Agent.make("reviewer", { instructions: "You review.", model: "scripted" })

const asked: Array<string> = []
const made = (at: string) =>
  Dispatch.make({
    adapters: {
      "aibtc-heartbeat": Adapter.script({
        onCrash: "rerun",
        exec: (given) => Effect.flatMap(Sandbox, ({ exec, shell }) => exec(shell, ["heartbeat.sh"], given))
      }),
      writer: Adapter.model(),
      reviewer: Adapter.agent(Reviewer)
    },
    kinds: {
      "github-story": { adapter: "writer", profile: "lumen" },
      "discord-reply": { adapter: "reviewer" },
      "aibtc-checkin": { adapter: "aibtc-heartbeat" }
    },
    profiles: Profile.folder(Folder.at(at)),
    concurrency: 5
  })

const host = (at: string) =>
  Layer.mergeAll(Tasks.layer, Runs.layer).pipe(
    Layer.provideMerge(TestHost.layer),
    Layer.provideMerge(Layer.mergeAll(
      Chunks.layerMemory,
      NodeSandbox.layer({ without: "allow" }).pipe(Layer.provide(Workspace.layer({ root: at }))),
      Models.layer([Scripted.provider(["reviewed"])]),
      Llm.layerScripted([{
        when: (request) => {
          asked.push(`${request.system} | ${request.prompt}`)
          return true
        },
        reply: "a story"
      }])
    ))
  )

type Services = Dispatched | Scope.Scope
type Dispatched = Layer.Success<ReturnType<typeof host>>

const test = (
  title: string,
  body: (dispatch: ReturnType<typeof made>, at: string) => Effect.Effect<void, unknown, Services>
) =>
  it.live(title, () =>
    Effect.flatMap(folder, (at) => {
      const dispatch = made(at)
      return Effect.provide(
        body(dispatch, at),
        Layer.mergeAll(dispatch.layer, Reviewer.layer).pipe(Layer.provideMerge(host(at)))
      )
    }).pipe(Effect.scoped))

const add = (id: string, kind: string, payload: unknown = null, more: object = {}) =>
  Effect.flatMap(Tasks, (tasks) => tasks.enqueue({ id, kind, payload, ...more }))
const show = (id: string) => Effect.flatMap(Tasks, (tasks) => tasks.show(id))
/** Waits until a task has ended; scripts run in processes of their own. */
const ended = (id: string): Effect.Effect<Effect.Success<ReturnType<typeof show>>, unknown, Tasks | Runs | TestHost> =>
  Effect.gen(function*() {
    const page = yield* show(id)
    if (page.endedAt !== undefined || (page.status === "queued" && page.attempts > 0)) return page
    yield* Effect.flatMap(TestHost, (host) => host.settled)
    yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    return yield* ended(id)
  })

describe("tasks that adapters do", () => {
  test("R-02: the context of a task is made of what is stored, the same bytes each time", (dispatch) =>
    Effect.gen(function*() {
      const { enqueue } = yield* Tasks
      yield* enqueue({
        id: "t",
        kind: "github-story",
        payload: { repo: "a/b", summary: "merged" },
        notBefore: 1e13,
        source: "github"
      })
      const first = yield* dispatch.assignment("t")
      const second = yield* dispatch.assignment("t")
      assert.strictEqual(second.text, first.text)
      assert.strictEqual(
        first.text,
        `{"task":{"id":"t","kind":"github-story","source":"github","payload":{"repo":"a/b","summary":"merged"}},"profile":{"name":"lumen","text":${
          JSON.stringify(lumen)
        }},"failed":[]}`
      )
    }))

  test("R-09, R-15, R-12: each kind goes to its adapter, by its profile, and a story ends with no artifacts but what its run keeps", () =>
    Effect.gen(function*() {
      asked.length = 0
      yield* add("story", "github-story", { repo: "a/b", summary: "merged" })
      yield* add("beat", "aibtc-checkin")
      yield* add("reply", "discord-reply", { text: "hello" })
      const story = yield* ended("story")
      assert.deepInclude(story, { status: "completed", result: { output: "a story", artifacts: [] } })
      assert.lengthOf(asked, 1)
      assert.isTrue(asked[0]!.startsWith(`${lumen} | {"task":{"id":"story"`))
      assert.deepInclude((yield* ended("beat")).result as object, { output: { beat: 1 } })
      assert.deepInclude((yield* ended("reply")).result as object, { output: "reviewed" })
    }))

  test(
    "R-12, R-13, R-96: a task that names a profile or an adapter that is not there is refused; a new file is a new profile",
    (dispatch, at) =>
      Effect.gen(function*() {
        const refused = (more: object) =>
          Effect.map(Effect.flip(dispatch.intake({ kind: "github-story", ...more })), ({ message }) => message)
        assert.include(yield* refused({ profile: "forge" }), `There is no profile "forge"; known are "lumen"`)
        assert.include(yield* refused({ profile: "../lumen" }), `There is no profile "../lumen"`)
        assert.include(
          yield* refused({ adapter: "codex" }),
          `there is no adapter "codex" here; there are "aibtc-heartbeat", "writer", "reviewer"`
        )
        assert.include(
          yield* Effect.map(Effect.flip(dispatch.intake({ kind: "unheard-of" })), ({ message }) => message),
          `nobody does tasks of kind "unheard-of" here`
        )
        writeFileSync(join(at, "forge.md"), "You forge.")
        const taken = yield* dispatch.intake({ kind: "github-story", profile: "forge", adapter: "reviewer" })
        assert.deepInclude(taken, { profile: "forge", adapter: "reviewer" })
        // One that is pinned is used although its kind has another.
        yield* add("pinned", "github-story", null, { adapter: "aibtc-heartbeat" })
        assert.deepInclude((yield* ended("pinned")).result as object, { output: { beat: 1 } })
      })
  )

  test("R-38: a script is done by its exit code, with no model; what no attempt can mend has failed for good", () =>
    Effect.gen(function*() {
      asked.length = 0
      yield* Effect.flatMap(
        Tasks,
        (tasks) => tasks.configure("default", { retry: { attempts: 3, delaysMs: [60_000] } }, { by: "ops" })
      )
      yield* add("good", "aibtc-checkin", "quietly")
      yield* add("wrong", "aibtc-checkin", "wrongly")
      yield* add("busy", "aibtc-checkin", "busy")
      assert.deepInclude(yield* ended("good"), { status: "completed", result: { output: "", artifacts: [] } })
      const wrong = yield* ended("wrong")
      assert.deepInclude(wrong, { status: "failed", failures: 1 })
      assert.strictEqual(wrong.error?.code, "exit-2")
      assert.include(wrong.error?.message, "it ended with 2: it cannot be")
      assert.deepInclude(yield* ended("busy"), { status: "queued", failures: 1 })
      assert.deepStrictEqual(asked, [])
    }))

  test("R-39, R-44: what a script, a model and an agent do leaves the same rows, and what each was given and gave can be read", () =>
    Effect.gen(function*() {
      const runs = yield* Runs
      const tasks = yield* Tasks
      yield* add("beat", "aibtc-checkin", { n: 1 })
      yield* add("story", "github-story", { n: 2 })
      yield* add("reply", "discord-reply", { n: 3 })
      const shapes: Array<string> = []
      for (const id of ["beat", "story", "reply"]) {
        const page = yield* ended(id)
        const attempts = yield* tasks.attempts(id)
        shapes.push(
          `${Object.keys(page).toSorted().filter((name) => name !== "profile").join()} ${
            attempts.map((row) => Object.keys(row).join()).join(" ")
          }`
        )
        const kept = yield* runs.artifacts(page.run!)
        assert.strictEqual(kept[0]?.name, "assignment.json")
        const { content } = yield* runs.artifact(page.run!, kept[0]!.hash)
        assert.include(new TextDecoder().decode(content), `"id":"${id}"`)
        if (id !== "reply") assert.isAtLeast(kept.length, 2)
      }
      assert.strictEqual(new Set(shapes).size, 1)
    }))

  test(
    "R-41: an adapter that is none, or a kind that nobody does, is told of when it is made",
    (_, at) =>
      Effect.sync(() => {
        const failing = (options: object) => {
          try {
            Dispatch.make({ adapters: {}, profiles: Profile.folder(Folder.at(at)), ...options })
            return ""
          } catch (error) {
            return String(error)
          }
        }
        assert.include(failing({ adapters: { "a b": Adapter.model() } }), `"a b" is no name of an adapter`)
        assert.include(
          failing({ kinds: { story: { adapter: "codex" } } }),
          `Tasks of kind "story" are done by adapter "codex", and there is none`
        )
      })
  )
})
