/** The shell of an agent in a sandbox that is not one, so that everything it tells can be said. */
import { assert, describe, it } from "@effect/vitest"
import * as ShellTools from "@fermata/agent-node/ShellTools"
import * as Agent from "@fermata/agent/Agent"
import * as AgentStream from "@fermata/agent/AgentStream"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { type ExecOptions, type Executed, Sandbox, SandboxFailed } from "@fermata/agent/Sandbox"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as CrashHost from "@fermata/testing/CrashHost"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"

const text = (content: string, stderr = "", exitCode = 0): Executed => ({
  stdout: content,
  stderr,
  exitCode,
  timedOut: false,
  written: {
    stdout: { bytes: content.length, cut: 0, isText: true },
    stderr: { bytes: stderr.length, cut: 0, isText: true }
  }
})

/** A sandbox in which every line comes to this, and what it was asked to run. */
const fake = (
  executed: Effect.Effect<Executed, SandboxFailed>,
  isolated = true
): { readonly layer: Layer.Layer<Sandbox>; readonly asked: Array<unknown> } => {
  const asked: Array<unknown> = []
  const failed = Effect.fail(new SandboxFailed({ subject: "a file", problem: "there is none here" }))
  const layer = Layer.succeed(Sandbox, {
    told: isolated ? "Commands run in a fake" : "Commands run WITHOUT a sandbox",
    isolated,
    shell: "/bin/bash",
    readFile: () => failed,
    writeFile: () => failed,
    exec: (command, args, { output: _, ...options } = {}) =>
      Effect.suspend(() => {
        asked.push([command, args, options])
        return executed
      })
  })
  return { layer, asked }
}

const agentWith = (toolkit: typeof ShellTools.toolkit, policy: Policy.Policy) =>
  Agent.make("agent", { instructions: "", model: "m", toolkit, policy })

const serving = (
  agent: ReturnType<typeof agentWith>,
  sandbox: Layer.Layer<Sandbox>,
  params: { readonly command: string; readonly timeout?: number },
  told: Array<string>
) =>
  Layer.provide(
    agent.layer,
    Layer.mergeAll(
      ShellTools.layer,
      sandbox,
      Models.layer([Scripted.provider((request, turn) => {
        if (turn > 0) told.push(Scripted.lastText(request))
        return turn === 0 ? [Scripted.call("Bash", params)] : "done"
      }, { name: "m" })]),
      Chunks.layerMemory
    )
  )

/** What the model is told of a line, and what is kept of it. */
const ran = (executed: Executed | SandboxFailed, isolated = true, timeout?: number) => {
  const { asked, layer } = fake("stdout" in executed ? Effect.succeed(executed) : Effect.fail(executed), isolated)
  const agent = agentWith(ShellTools.toolkit, Policy.rules({ mode: "open" }))
  const told: Array<string> = []
  return Effect.gen(function*() {
    const run = yield* agent.start("go", { id: "1" })
    yield* (yield* TestHost).settled
    const runs = yield* Runs
    const artifacts = yield* runs.artifacts(run)
    const kept = yield* Effect.forEach(
      artifacts,
      ({ name }) =>
        Effect.map(runs.artifact(run, name!), ({ content, mediaType }) => ({ name, mediaType, bytes: content.length }))
    )
    return { told: told.join("\n"), asked, kept }
  }).pipe(
    Effect.provide(
      serving(agent, layer, { command: "it", ...(timeout === undefined ? {} : { timeout }) }, told).pipe(
        Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layer))
      )
    )
  )
}

describe("what the model is told of a line", () => {
  it.effect("M-106: its output, its errors and its exit code, which are no failure of the tool", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* ran(text("hi\n", "it went wrong\n", 3))
      assert.include(told, "hi\n[stderr]\nit went wrong\n[exit code 3]")
      assert.deepStrictEqual(asked, [["/bin/bash", ["-c", "it"], {}]])
      const quiet = yield* ran(text(""), true, 1_500)
      assert.include(quiet.told, "[exit code 0]")
      assert.notInclude(quiet.told, "stderr")
      assert.deepStrictEqual(quiet.asked, [["/bin/bash", ["-c", "it"], { timeout: 1_500 }]])
      const killed = yield* ran({ ...text("half"), exitCode: 137, timedOut: true })
      assert.include(killed.told, "half\n[killed with all that it had started: its time was over]")
      const large = yield* ran({ ...text(""), exitCode: 137, exceeded: "it had 300 processes, and 256 is the most" })
      assert.include(large.told, "it had 300 processes, and 256 is the most")
      const none = yield* ran(new SandboxFailed({ subject: "bash", problem: "was not started" }))
      assert.include(none.told, "was not started")
    }))

  it.effect("where its output is cut, the whole is kept, and the model is told under what name", () =>
    Effect.gen(function*() {
      const whole = new TextEncoder().encode("x".repeat(50_000))
      const { kept, told } = yield* ran({
        ...text("head\n[cut: 49992 of 50000 bytes]\ntail"),
        written: {
          stdout: { bytes: 50_000, cut: 49_992, isText: true, whole },
          stderr: { bytes: 0, cut: 0, isText: true }
        }
      })
      assert.include(told, "tail\n[the whole of Bash.stdout.txt is kept]\n[exit code 0]")
      assert.deepStrictEqual(kept, [{ name: "Bash.stdout.txt", mediaType: "text/plain", bytes: 50_000 }])
    }))

  it.effect("what is no text is kept and not shown", () =>
    Effect.gen(function*() {
      const { kept, told } = yield* ran({
        ...text("a\0b"),
        written: {
          stdout: { bytes: 3, cut: 0, isText: false, whole: new Uint8Array([97, 0, 98]) },
          stderr: { bytes: 0, cut: 0, isText: true }
        }
      })
      assert.include(told, "[3 bytes of stdout that are no text]\n[the whole of Bash.stdout.bin is kept]")
      assert.notInclude(told, "\0")
      assert.deepStrictEqual(kept, [{ name: "Bash.stdout.bin", mediaType: "application/octet-stream", bytes: 3 }])
    }))

  it.effect("that nothing keeps it apart, each time", () =>
    Effect.gen(function*() {
      assert.include((yield* ran(text("hi"), false)).told, "[Commands run WITHOUT a sandbox]")
      assert.notInclude((yield* ran(text("hi"))).told, "Commands run")
    }))
})

describe("who is asked about a line", () => {
  it.effect("nobody where a rule lets it read, and people with its risk where it does more", () =>
    Effect.gen(function*() {
      const policy = Policy.rules({ allow: ["Bash(risk:reads)"], approvers: ["ada"] })
      for (const [command, asks] of [["ls -l | head", false], ["ls; rm -rf src", true]] as const) {
        const { asked, layer } = fake(Effect.succeed(text("done")))
        const agent = agentWith(ShellTools.toolkit, policy)
        const [question] = yield* Effect.gen(function*() {
          yield* agent.start("go", { id: "1" })
          yield* (yield* TestHost).settled
          return yield* (yield* Runs).approvals()
        }).pipe(
          Effect.provide(
            serving(agent, layer, { command }, []).pipe(
              Layer.provideMerge(Layer.provideMerge(Runs.layer, TestHost.layer))
            )
          )
        )
        assert.strictEqual(asked.length, asks ? 0 : 1, command)
        if (asks) assert.include(question!.prompt, "destroys")
        else assert.isUndefined(question)
      }
    }))
})

describe("a line that a crash has cut short", () => {
  const cases = [
    ["Bash", ShellTools.toolkit, "ls", 1],
    ["Bash", ShellTools.toolkit, "make release", 1],
    ["BashRereads", ShellTools.toolkitRereads, "ls", 2],
    ["BashRereads", ShellTools.toolkitRereads, "make release", 1]
  ] as const
  for (const [name, toolkit, command, times] of cases) {
    it.effect(`${name}: ${command} ${times === 1 ? "waits for a person" : "runs again, for it only reads"}`, () =>
      Effect.gen(function*() {
        const agent = agentWith(toolkit, Policy.rules({ mode: "open" }))
        const world = yield* CrashHost.make
        const never = fake(Effect.never)
        const host = yield* world.start(serving(agent, never.layer, { command }, []))
        const run = yield* host.use(agent.start("go", { id: "1" }))
        yield* host.settled
        assert.strictEqual(never.asked.length, 1)
        const told: Array<string> = []
        const again = fake(Effect.succeed(text("done again")))
        const after = yield* world.restart(host, serving(agent, again.layer, { command }, told))
        yield* after.settled
        assert.strictEqual(1 + again.asked.length, times)
        const { status } = yield* world.run(run)
        assert.strictEqual(status, times === 1 ? "suspended" : "completed")
        assert.strictEqual(told.join("").includes("done again"), times === 2)
      }))
  }
})

describe("what a long line writes", () => {
  it.effect("is told to who follows ten times a second at most, the latest of it, and not what a short line writes", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<NonNullable<ExecOptions["output"]>>()
      const { layer } = fake(Effect.succeed(text("all of it")))
      const slow = Layer.effect(
        Sandbox,
        Effect.map(Sandbox, (sandbox) => ({
          ...sandbox,
          exec: (command: string, args: ReadonlyArray<string> = [], options: ExecOptions = {}) =>
            Effect.gen(function*() {
              yield* Deferred.succeed(begun, options.output!)
              yield* Deferred.await(gate)
              return yield* sandbox.exec(command, args, options)
            })
        }))
      ).pipe(Layer.provide(layer))
      const agent = agentWith(ShellTools.toolkit, Policy.open)
      const world = serving(agent, slow, { command: "it" }, []).pipe(
        Layer.provideMerge(Layer.mergeAll(Chunks.layerMemory, Layer.provideMerge(Runs.layer, TestHost.layer)))
      )
      yield* Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1" })
        const events = yield* Effect.forkChild(Stream.runCollect(AgentStream.of(run)))
        const write = yield* Deferred.await(begun)
        write("stdout", bytesOf("one\n"))
        // Half of a character, and the other half.
        write("stdout", new Uint8Array([0xc3]))
        write("stdout", new Uint8Array([0xa4]))
        write("stderr", bytesOf("oh\n"))
        yield* TestClock.adjust("100 millis")
        write("stdout", bytesOf("x".repeat(1_000_000)))
        yield* TestClock.adjust("100 millis")
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        const told = (yield* Fiber.join(events)).flatMap((event) =>
          event.type === "tool-output" ? [[event.tool, event.stream, event.text]] : []
        )
        assert.deepStrictEqual(told, [
          ["Bash", "stdout", "one\n\u00e4"],
          ["Bash", "stderr", "oh\n"],
          ["Bash", "stdout", `[996000 characters are not told]\n${"x".repeat(4_000)}`]
        ])
      }).pipe(Effect.provide(world))
    }))
})

const bytesOf = (text: string) => new TextEncoder().encode(text)
