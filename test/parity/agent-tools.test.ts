/** The tools that come with agents, and who is asked about them: rows that no file of one tool proves. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, AgentTool, CommandRisk, Policy, Sleep } from "@fermata/agent"
import { FileTools, ShellTools, Workspace } from "@fermata/agent-node"
import { type Executed, Sandbox } from "@fermata/agent/Sandbox"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { answer, call, calls, inTurn, type Part, said, type Script, Wire, world } from "./AgentWorld.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-tools-"))),
  (root) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
)

/** A sandbox in which a line is what it says that it ends with. */
const fake = Layer.succeed(Sandbox, {
  told: "a fake",
  isolated: true,
  shell: "/bin/sh",
  readFile: () => Effect.succeed(""),
  writeFile: () => Effect.void,
  exec: (_, [, line = ""] = []) => {
    const code = Number(/exit (\d+)/.exec(line)?.[1] ?? 0)
    const stderr = code === 0 ? "" : "no such target\n"
    const written = (text: string) => ({ bytes: text.length, cut: 0, isText: true })
    const ended: Executed = {
      stdout: "hi\n",
      stderr,
      exitCode: code,
      timedOut: false,
      written: { stdout: written("hi\n"), stderr: written(stderr) }
    }
    return Effect.succeed(ended)
  }
})

/** What the results of a run's calls say, in their order, once it is done; the clock moves while it waits. */
const results = <Tools extends Record<string, Tool.Any>>(
  agent: Agent.Agent<"agent", typeof Schema.String, typeof Schema.String, Tools>,
  handlers: Layer.Layer<AgentTool.Needs<Tools>>,
  ...answers: ReadonlyArray<ReadonlyArray<Part>>
) =>
  Effect.gen(function*() {
    const [host, runs] = [yield* TestHost, yield* Runs]
    const run = yield* agent.start("go", { id: "1" })
    let status = ""
    while (status !== "completed") {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* host.settled
      ;({ status } = yield* runs.show(run))
      if (status === "suspended") yield* TestClock.adjust("1 hour")
    }
    const parts = (yield* Wire).at(-1)!.prompt.content.flatMap((message) =>
      message.role === "tool"
        ? message.content.flatMap((part) => part.type === "tool-result" ? [part] : [])
        : []
    )
    return { parts, texts: parts.map(({ result }) => typeof result === "string" ? result : JSON.stringify(result)) }
  }).pipe(Effect.provide(world(
    inTurn(...answers.map((parts) => calls(...parts)), answer("done")),
    Layer.provide(agent.layer, handlers)
  )))

const inFolder = (root: string, policy: Policy.Policy = Policy.open) => ({
  agent: Agent.make("agent", { instructions: "", model: "m", toolkit: FileTools.toolkit, policy }),
  handlers: Layer.orDie(Layer.provide(FileTools.layer, Workspace.layer({ root })))
})

describe("the tools of agents", () => {
  const shell = Agent.make("agent", {
    instructions: "",
    model: "m",
    toolkit: Toolkit.merge(ShellTools.toolkit, Sleep.toolkit),
    policy: Policy.open
  })
  const hands = Layer.mergeAll(ShellTools.layer, Sleep.layer, fake)

  it.effect("M-106: Bash tells what a line has written, its errors and its exit code, and runs alone", () =>
    Effect.gen(function*() {
      const { texts } = yield* results(shell, hands, [call("a", "Bash", { command: "echo hi" })], [
        call("b", "Bash", { command: "make; exit 2" })
      ])
      assert.deepStrictEqual(texts, ["hi\n[exit code 0]", "hi\n[stderr]\nno such target\n[exit code 2]"])
      assert.isFalse(AgentTool.rulesOf(ShellTools.Bash).safe)
    }))

  it.effect("M-133: a Bash that goes wrong keeps the calls after it from being made, and each has its result", () =>
    Effect.gen(function*() {
      const { parts, texts } = yield* results(
        shell,
        hands,
        [
          call("a", "Bash", { command: "make; exit 2" }),
          call("b", "Sleep", { seconds: 86_400 }),
          call("c", "Sleep", {})
        ],
        [call("d", "Bash", { command: "make" }), call("e", "Sleep", { seconds: 60 })],
        // What only reads says by its code what it found.
        [call("f", "Bash", { command: "grep -q x a.txt # exit 1" }), call("g", "Sleep", { seconds: 1 })]
      )
      assert.deepStrictEqual(parts.map(({ id }) => id), ["a", "b", "c", "d", "e", "f", "g"])
      const aborted = "{\"error\":\"it was not called, since Bash went wrong before it\"}"
      assert.deepStrictEqual(texts.slice(1, 3), [aborted, aborted])
      assert.deepStrictEqual([texts[4], texts[6]], ["60 seconds are over", "1 seconds are over"])
    }))

  it.effect("M-116: Sleep waits by a timer of the run, for days if need be, and beside others", () =>
    Effect.gen(function*() {
      const run = Effect.gen(function*() {
        const [host, runs] = [yield* TestHost, yield* Runs]
        const id = yield* shell.start("go", { id: "1" })
        yield* host.settled
        const waiting = yield* runs.show(id)
        assert.deepStrictEqual([waiting.status, waiting.waits.map(({ reason }) => reason)], ["suspended", [
          "timer",
          "timer"
        ]])
        yield* host.adjust("2 days")
        assert.strictEqual((yield* runs.show(id)).status, "suspended")
        yield* host.adjust("1 day")
        assert.strictEqual((yield* runs.show(id)).status, "completed")
        return said((yield* Wire)[1]!).at(-1)!
      })
      const script = inTurn(
        calls(call("a", "Sleep", { seconds: 3 * 86_400 }), call("b", "Sleep", { seconds: 60 })),
        answer("done")
      )
      assert.match(
        yield* Effect.provide(run, world(script, Layer.provide(shell.layer, hands))),
        /259200 seconds are over.*60 seconds are over/
      )
    }))

  it.effect("M-107: Read gives lines with numbers, and is safe; a picture is told of to a model that takes none", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const { agent, handlers } = inFolder(root)
      writeFileSync(join(root, "a.txt"), "one\ntwo\n")
      writeFileSync(
        join(root, "a.gif"),
        Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64")
      )
      const { texts } = yield* results(agent, handlers, [
        call("a", "Read", { file_path: "a.txt" }),
        call("b", "Read", { file_path: "a.gif" })
      ])
      assert.strictEqual(texts[0], "     1\tone\n     2\ttwo")
      assert.include(texts[1], "GIF picture of 1 x 1 pixels")
      assert.include(texts[1], "is not shown: the model \"m\" takes no pictures")
      assert.isTrue(AgentTool.rulesOf(FileTools.Read).safe)
    }))

  it.effect("M-108, M-109: Write puts a whole file in the place of another, and Edit wants what it replaces there once", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const { agent, handlers } = inFolder(root)
      const { parts, texts } = yield* results(
        agent,
        handlers,
        [call("a", "Write", { file_path: "a.txt", content: "one two one\n" })],
        [call("b", "Edit", { file_path: "a.txt", old_string: "one", new_string: "three" })],
        [call("c", "Edit", { file_path: "a.txt", old_string: "two", new_string: "2" })]
      )
      assert.deepStrictEqual(parts.map(({ isFailure }) => isFailure), [false, true, false])
      assert.include(texts[1], "is in it 2 times")
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "one 2 one\n")
      assert.deepStrictEqual(readdirSync(root), ["a.txt"], "no draft lies about")
      assert.isFalse(AgentTool.rulesOf(FileTools.Write).safe || AgentTool.rulesOf(FileTools.Edit).safe)
    }))

  it.effect("M-129: devices are no files, by their own name or by a link", () =>
    Effect.gen(function*() {
      const root = yield* folder
      const { agent, handlers } = inFolder(root)
      const devices = ["/dev/zero", "/dev/random", "/proc/kcore"]
      for (const [index, device] of devices.entries()) symlinkSync(device, join(root, `link${index}`))
      const { parts } = yield* results(agent, handlers, [
        ...devices.map((file_path) => call(file_path, "Read", { file_path })),
        ...devices.map((_, index) => call(`l${index}`, "Read", { file_path: `link${index}` }))
      ])
      assert.lengthOf(parts, 6)
      assert.isTrue(parts.every(({ isFailure }) => isFailure))
    }))

  it.effect("M-114: an agent gives work to one below it, five deep and no deeper", () =>
    Effect.gen(function*() {
      const asked: Array<number> = []
      // One of seven, each of which has the next one below it.
      const make = (level: number): ReadonlyArray<Agent.Any & { readonly layer: unknown }> => {
        const below = level === 6 ? [] : make(level + 1)
        return [
          Agent.make(`level-${level}`, { instructions: `${level}`, model: "m", agents: below.slice(0, 1) }),
          ...below
        ]
      }
      const agents = make(0)
      const script: Script = ({ prompt }, turn) => {
        const level = Number(prompt.content[0]!.content)
        if (turn === 0) asked.push(level)
        return turn === 0 && level < 6
          ? calls(call(`c${level}`, `level-${level + 1}`, { prompt: "go on" }))
          : answer(turn === 0 ? "the deepest" : JSON.stringify(prompt.content.at(-1)))
      }
      const served = agents.map(({ layer }) => layer as NonNullable<Parameters<typeof world>[1]>)
      const text = yield* Effect.provide(
        Effect.gen(function*() {
          const [host, runs] = [yield* TestHost, yield* Runs]
          const { runId } = yield* runs.start("level-0", { id: "1", input: "go" })
          yield* host.settled
          return JSON.stringify((yield* runs.show(runId)).output)
        }),
        world(script, ...served)
      )
      assert.deepStrictEqual(asked, [0, 1, 2, 3, 4, 5])
      assert.include(text, "5 agents")
    }))
})

describe("who is asked about a call", () => {
  const edits = (policy: Policy.Policy) =>
    Effect.gen(function*() {
      const root = yield* folder
      writeFileSync(join(root, "a.txt"), "old\n")
      const { agent, handlers } = inFolder(root, policy)
      const script = inTurn(
        calls(call("r", "Read", { file_path: "a.txt" }), call("w", "Write", { file_path: "a.txt", content: "new\n" })),
        answer("done")
      )
      return yield* Effect.gen(function*() {
        const [host, runs] = [yield* TestHost, yield* Runs]
        const run = yield* agent.start("go", { id: "1" })
        let view = yield* runs.show(run)
        while (view.status !== "completed" && view.status !== "suspended") {
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          yield* host.settled
          view = yield* runs.show(run)
        }
        const told = (yield* Wire).length > 1 ? said((yield* Wire)[1]!).at(-1)! : ""
        return { asked: (yield* runs.approvals()).length, file: readFileSync(join(root, "a.txt"), "utf8"), told }
      }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, handlers))))
    })

  it.effect("M-207: the same call is made, asked about or refused, as the mode says", () =>
    Effect.gen(function*() {
      const open = yield* edits(Policy.rules({ mode: "open" }))
      assert.deepStrictEqual([open.asked, open.file], [0, "new\n"])
      const rules = yield* edits(Policy.rules({ mode: "rules", approvers: ["ada"] }))
      assert.deepStrictEqual([rules.asked, rules.file], [1, "old\n"])
      const byRule = yield* edits(Policy.rules({ mode: "rules", allow: ["Write(a.txt)"] }))
      assert.deepStrictEqual([byRule.asked, byRule.file], [0, "new\n"])
      const locked = yield* edits(Policy.rules({ mode: "locked", allow: ["Read"] }))
      assert.deepStrictEqual([locked.asked, locked.file], [0, "old\n"])
    }))

  it.effect("M-208: rules decide by tool: Read is allowed, Write denied", () =>
    Effect.gen(function*() {
      const { asked, file, told } = yield* edits(Policy.rules({ allow: ["Read"], deny: ["Write"] }))
      assert.deepStrictEqual([asked, file], [0, "old\n"])
      assert.include(told, String.raw`1\told`)
      assert.include(told, "Write")
    }))

  it.effect("N-24: without a word on policy nothing is changed unless somebody is asked", () =>
    Effect.gen(function*() {
      const { asked, file } = yield* edits(Policy.rules())
      assert.deepStrictEqual([asked, file], [1, "old\n"])
    }))

  it.effect("N-10: a risky command asks for approval and says its risk, and one that reads is made", () =>
    Effect.gen(function*() {
      const agent = Agent.make("agent", {
        instructions: "",
        model: "m",
        toolkit: ShellTools.toolkit,
        policy: Policy.rules({ allow: ["Bash(risk:reads)"], approvers: ["ada"] })
      })
      const script = inTurn(
        calls(call("a", "Bash", { command: "git log --oneline | head -3" })),
        calls(call("b", "Bash", { command: "git status && rm -rf build" })),
        answer("done")
      )
      const prompt = yield* Effect.gen(function*() {
        yield* agent.start("go", { id: "1" })
        yield* (yield* TestHost).settled
        const [question] = yield* (yield* Runs).approvals()
        return question!.prompt
      }).pipe(Effect.provide(world(script, Layer.provide(agent.layer, Layer.mergeAll(ShellTools.layer, fake)))))
      assert.include(prompt, "rm")
      assert.include(prompt, `Its risk: ${CommandRisk.of("git status && rm -rf build").risk}`)
    }))
})
