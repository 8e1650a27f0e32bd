/** Skills: what an agent can look up how to do, on disk, given with a run, and at an address. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Scripted, Skill, SkillFolder } from "@fermata/agent"
import * as Models from "@fermata/agent/model/Models"
import * as SecretRef from "@fermata/core/SecretRef"
import { Chunks } from "@fermata/engine/Chunks"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Egress, Folder } from "@fermata/host-node"
import { CrashHost } from "@fermata/testing"
import { Cause, Effect, Exit, Layer, Logger, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { answer, call, calls, inTurn, said, Wire, world } from "./AgentWorld.ts"

/** A folder with these files, until the scope ends. */
const folderOf = (files: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "fermata-skills-"))
      write(root, files)
      return root
    }),
    (root) => Effect.sync(() => rmSync(root, { recursive: true }))
  )

const write = (root: string, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
}

const skillOf = (name: string, description: string, body: string) =>
  `---\nname: ${name}\ndescription: ${description}\n---\n\n${body}\n`

const samples = {
  "memo-style/SKILL.md": skillOf("memo-style", "How memos are written", "Memos are short."),
  "memo-style/pages/layout.md": "One column.",
  "brand-voice/SKILL.md": skillOf("brand-voice", "\"How we sound: softly\"", "Softly, always.")
}

/** A folder in memory. */
const inMemory = (files: ReadonlyMap<string, string>) =>
  countingOf({
    path: "memory",
    folders: Effect.sync(() => [...new Set([...files.keys()].map((file) => file.split("/")[0]!))]),
    files: (below) =>
      Effect.sync(() =>
        [...files.keys()].flatMap((file) => file.startsWith(`${below}/`) ? [file.slice(below.length + 1)] : [])
      ),
    read: (file) => Effect.sync(() => files.get(file))
  })

const counting = (root: string) => countingOf(Folder.at(root))

/** The folder, with the names of what is read of it: whole, or its beginning. */
const countingOf = (folder: SkillFolder.Folder) => {
  const reads: Array<string> = []
  const read: SkillFolder.Folder["read"] = (file, bytes) => {
    reads.push(bytes === undefined ? file : `${file} (head)`)
    return folder.read(file, bytes)
  }
  return { reads, source: SkillFolder.source({ ...folder, read }) }
}

type Options = Partial<Agent.Options<typeof Schema.String, typeof Schema.String, {}>>

const agentWith = (options: Options) => Agent.make("agent", { instructions: "Do it.", model: "m", ...options })

const load = (name: string, page?: string) =>
  call(`${name}-${page}`, "Skill", { name, ...(page === undefined ? {} : { page }) })

const system = (asked: Parameters<typeof said>[0]) => said(asked)[0]!

/** What the model was told last, request by request. */
const lastWords = Effect.map(Wire, (asked) => asked.map((one) => said(one).at(-1)!))

/** A server on loopback that answers with its count and the path, and what it was asked. */
const listen = Effect.acquireRelease(
  Effect.callback<{
    readonly origin: string
    readonly asked: Array<IncomingMessage>
    readonly connections: () => number
    readonly close: () => Promise<void>
  }>((resume) => {
    const asked: Array<IncomingMessage> = []
    let connections = 0
    const server = createServer((request, response) => {
      asked.push(request)
      if (request.url === "/missing") return void response.writeHead(404).end("no")
      if (request.url?.startsWith("/to/") === true) {
        return void response.writeHead(302, { location: request.url.slice(4) }).end()
      }
      const sent = request.headers["authorization"]
      response.end(`text ${asked.length} of ${request.url}${sent === undefined ? "" : ` for ${sent}`}`)
    })
    server.on("connection", () => connections++)
    server.listen(0, "127.0.0.1", () => {
      resume(Effect.succeed({
        origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        asked,
        connections: () => connections,
        close: () =>
          new Promise((done) => {
            server.close(() => done())
            server.closeAllConnections()
          })
      }))
    })
  }),
  ({ close }) => Effect.promise(close)
)

describe("skills on disk", () => {
  it.effect("M-22: a run by default is told of no skills, and has no tool for any", () => {
    const agent = agentWith({})
    return Effect.gen(function*() {
      yield* agent.run("go")
      const [asked] = yield* Wire
      assert.deepStrictEqual(asked!.tools, [])
      assert.notInclude(system(asked!).toLowerCase(), "skill")
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })

  it.effect("M-98, M-99: those in the folder are named in the prompt, without bodies; what is no skill is left out with a warning", () =>
    Effect.gen(function*() {
      const root = yield* folderOf({
        ...samples,
        "empty/notes.txt": "no skill",
        "nameless/SKILL.md": "Just text.",
        "other/SKILL.md": skillOf("another", "Named otherwise", "Text."),
        "undescribed/SKILL.md": "---\nname: undescribed\n---\nText.",
        "bodyless/SKILL.md": "---\nname: bodyless\ndescription: d\n---\n",
        "README.md": "not a folder"
      })
      symlinkSync(tmpdir(), join(root, "elsewhere"))
      const warnings: Array<string> = []
      const heard = Logger.layer([Logger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(String(message))
      })])
      const agent = agentWith({ skills: SkillFolder.source(Folder.at(root)) })
      yield* Effect.gen(function*() {
        yield* agent.run("go")
        const [asked] = yield* Wire
        const told = system(asked!)
        assert.include(
          told,
          "- brand-voice: How we sound: softly\\n- memo-style: How memos are written (pages: layout)"
        )
        for (const body of ["Memos are short", "Softly, always", "One column", "another", "nameless"]) {
          assert.notInclude(told, body)
        }
        assert.deepStrictEqual(asked!.tools.map(({ name }) => name), ["Skill"])
      }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer).pipe(Layer.provideMerge(heard))))
      const about = (name: string) => warnings.filter((text) => text.includes(`skill "${name}"`)).join()
      assert.include(about("empty"), "it has no SKILL.md")
      assert.include(about("nameless"), "between two lines ---")
      assert.include(about("other"), `has to say "name: other"`)
      assert.include(about("undescribed"), "has no description")
      assert.include(about("bodyless"), "says nothing below")
    }))

  it.effect("M-100: bodies and pages are read when the model asks for them, and at no other time", () =>
    Effect.gen(function*() {
      const root = yield* folderOf(samples)
      const { reads, source } = counting(root)
      const agent = agentWith({ skills: source })
      const heads = ["brand-voice/SKILL.md (head)", "memo-style/SKILL.md (head)"]
      yield* Effect.gen(function*() {
        yield* agent.run("go", { id: "idle" })
        assert.deepStrictEqual(reads, heads)
      }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
      reads.length = 0
      yield* Effect.gen(function*() {
        yield* agent.run("go", { id: "busy" })
        assert.deepStrictEqual(reads, [...heads, "memo-style/SKILL.md", "memo-style/pages/layout.md"])
        const words = yield* lastWords
        assert.include(words[1]!, "\"Memos are short.\"")
        assert.include(words[2]!, "One column.")
        assert.include(words[3]!, "is loaded already")
        assert.include(words[4]!, "has no page \\\"../../brand-voice/SKILL\\\"; it has layout")
        assert.include(words[5]!, "there is no skill \\\"../x\\\"; there is brand-voice, memo-style")
      }).pipe(Effect.provide(world(
        inTurn(
          calls(load("memo-style")),
          calls(load("memo-style", "layout")),
          calls(load("memo-style", "layout")),
          calls(load("memo-style", "../../brand-voice/SKILL")),
          calls(load("../x")),
          answer("done")
        ),
        agent.layer
      )))
    }))

  it.effect("M-98: the process has a folder for agents that name none, and an agent that wants none has none", () =>
    Effect.gen(function*() {
      const root = yield* folderOf(samples)
      const process = Skill.layer(SkillFolder.source(Folder.at(root)))
      const ask = (agent: ReturnType<typeof agentWith>) =>
        Effect.gen(function*() {
          yield* agent.run("go")
          return system((yield* Wire)[0]!)
        }).pipe(Effect.provide(world(inTurn(answer("done")), Layer.provide(agent.layer, process))))
      assert.include(yield* ask(agentWith({})), "memo-style")
      assert.notInclude(yield* ask(agentWith({ skills: [] })), "memo-style")
    }))

  it.effect("a folder that is not there fails the run at its start, and says where it was looked for", () => {
    const agent = agentWith({ skills: SkillFolder.source(Folder.at("/nowhere/skills")) })
    return Effect.gen(function*() {
      const failed = yield* Effect.flip(agent.run("go"))
      assert.strictEqual(failed.code, "ERR_CONFIG")
      assert.include(failed.problem, "/nowhere/skills")
      assert.strictEqual((yield* Wire).length, 0)
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })
})

describe("skills of a run", () => {
  it.effect("M-101, M-103: inline ones are served with no way out and no file, and stand in for all that the agent has", () =>
    Effect.gen(function*() {
      const root = yield* folderOf(samples)
      const { reads, source } = counting(root)
      const agent = agentWith({ skills: source })
      yield* Effect.gen(function*() {
        yield* agent.run("go", {
          skills: [{
            name: "poems",
            description: "How poems go",
            content: "In lines.",
            pages: { rhyme: { content: "Rarely." } }
          }]
        })
        const asked = yield* Wire
        assert.include(system(asked[0]!), "- poems: How poems go (pages: rhyme)")
        assert.notInclude(system(asked[0]!), "memo-style")
        const words = yield* lastWords
        assert.include(words[1]!, "In lines.")
        assert.include(words[2]!, "Rarely.")
        assert.include(words[3]!, "there is no skill \\\"memo-style\\\"; there is poems")
        assert.deepStrictEqual(reads, [])
      }).pipe(Effect.provide(world(
        inTurn(calls(load("poems")), calls(load("poems", "rhyme")), calls(load("memo-style")), answer("done")),
        agent.layer
      )))
    }))

  it.effect("M-101: inline ones are served in the process that goes on with a run, which knows none of them", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })
      const kit = Toolkit.make(Write)
      const agent = Agent.make("agent", { instructions: "Do it.", model: "m", toolkit: kit })
      const script: Scripted.Script = (request, turn) => {
        asked.push(JSON.stringify(request.prompt.content))
        return turn === 0
          ? [Scripted.call("Write", { path: "p" })]
          : turn === 1
          ? [Scripted.call("Skill", { name: "poems" })]
          : "done"
      }
      const layer = Layer.provide(
        agent.layer,
        Layer.mergeAll(
          kit.toLayer({ Write: () => Effect.succeed("written") }),
          Models.layer([Scripted.provider(script, { name: "m" })]),
          Chunks.layerMemory
        )
      )
      const world = yield* CrashHost.make
      const before = yield* world.start(layer)
      const skills = [{ name: "poems", description: "How poems go", content: "In lines." }]
      const run = yield* before.use(agent.start("go", { id: "1", skills }))
      yield* before.settled
      const after = yield* world.restart(before, layer)
      yield* after.use(Effect.provide(
        Effect.gen(function*() {
          const runs = yield* Runs
          const [question] = yield* runs.approvals()
          yield* runs.answer(question!.id, { decision: "approve", by: "operator" })
        }),
        Runs.layer
      ))
      yield* after.settled
      assert.strictEqual((yield* world.run(run)).status, "completed")
      assert.notInclude(asked[1]!, "In lines.")
      assert.include(asked[2]!, "In lines.")
    }))

  it.effect("M-103: an empty list leaves a run without any", () =>
    Effect.gen(function*() {
      const agent = agentWith({ skills: [{ name: "memo", description: "d", content: "c" }] })
      yield* Effect.gen(function*() {
        yield* agent.run("go", { skills: [] })
        assert.deepStrictEqual((yield* Wire)[0]!.tools, [])
      }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
    }))

  it.effect("M-102, M-105: those at an address are fetched when they are asked for, with their headers, once in a run and anew in the next", () =>
    Effect.gen(function*() {
      const server = yield* listen
      const agent = agentWith({})
      const skills: ReadonlyArray<Skill.OfRun> = [
        {
          name: "remote",
          description: "Elsewhere",
          url: `${server.origin}/body`,
          headers: { authorization: SecretRef.make("SKILLS_KEY") },
          pages: { more: { url: `${server.origin}/more` }, open: { url: `${server.origin}/open`, headers: {} } }
        },
        { name: "unused", description: "Never asked for", url: `${server.origin}/unused` },
        { name: "twin", description: "At the same address", url: `${server.origin}/body` }
      ]
      const out = Layer.merge(
        Egress.layer({ origins: [server.origin] }),
        Secrets.layerMemory({ SKILLS_KEY: "Bearer sk-4eC39HqL" })
      )
      yield* Effect.gen(function*() {
        const run = yield* agent.start("go", { id: "1", skills })
        yield* agent.run("go", { id: "1" })
        assert.deepStrictEqual(server.asked.map(({ url }) => url), ["/body", "/more", "/open"])
        assert.deepStrictEqual(server.asked.map(({ headers }) => headers.authorization), [
          "Bearer sk-4eC39HqL",
          "Bearer sk-4eC39HqL",
          undefined
        ])
        const words = yield* lastWords
        assert.include(words[1]!, "text 1 of /body for [secret SKILLS_KEY]")
        assert.include(words[1]!, "is what another call of this answer loads")
        assert.include(words[2]!, "text 2 of /more")
        assert.include(words[3]!, "text 3 of /open")
        assert.include(words[4]!, "is loaded already")
        assert.notInclude(JSON.stringify(yield* (yield* Runs).journal(run)), "sk-4eC39HqL")
        yield* agent.run("go", { id: "2", skills })
        assert.deepStrictEqual(server.asked.slice(3).map(({ url }) => url), ["/body", "/more", "/open"])
      }).pipe(Effect.provide(world(
        inTurn(
          calls(load("remote"), load("twin")),
          calls(load("remote", "more")),
          calls(load("remote", "open")),
          calls(load("twin")),
          answer("done")
        ),
        Layer.provide(agent.layer, out)
      )))
    }))

  it.effect("M-105: what was fetched and has been left out of a long conversation is not fetched again", () =>
    Effect.gen(function*() {
      const server = yield* listen
      const agent = agentWith({
        compaction: { strategy: "drop-middle", contextLimit: 200, threshold: 0.5, keepLast: 1 }
      })
      const answers = [calls(load("remote")), calls(load("nothing")), calls(load("remote")), answer("done")]
      let turn = 0
      yield* Effect.gen(function*() {
        yield* agent.run("go", { skills: [{ name: "remote", description: "d", url: `${server.origin}/body` }] })
        const words = yield* lastWords
        assert.include(words[1]!, "text 1 of /body")
        assert.include(words[3]!, "text 1 of /body")
        assert.strictEqual(server.asked.length, 1)
      }).pipe(Effect.provide(world(
        () => answers[turn++]!,
        Layer.provide(agent.layer, Egress.layer({ origins: [server.origin] }))
      )))
    }))

  it.effect("M-104: a host that is not allowed is refused before anything goes out, at a redirect too, and the way out is closed by default", () =>
    Effect.gen(function*() {
      const server = yield* listen
      const other = yield* listen
      const { port } = new URL(other.origin)
      const ask = (
        options: Options,
        policy: Partial<EgressPolicy.EgressPolicy> | undefined,
        url: string
      ) => {
        const agent = agentWith(options)
        return Effect.gen(function*() {
          yield* agent.run("go", { skills: [{ name: "remote", description: "d", url }] })
          return (yield* lastWords)[1]!
        }).pipe(Effect.provide(world(
          inTurn(calls(load("remote")), answer("done")),
          policy === undefined ? agent.layer : Layer.provide(agent.layer, Egress.layer(policy))
        )))
      }
      const origins = [server.origin, other.origin]
      const blocked = yield* ask({ skillHosts: ["skills.example"] }, { origins }, `${server.origin}/body`)
      assert.include(blocked, "it is none of the hosts that may be asked for this")
      assert.include(yield* ask({}, undefined, `${server.origin}/body`), "was given no way out")
      assert.include(yield* ask({}, {}, `${server.origin}/body`), "none of the hosts that may be reached")
      // Open is what other engines are by default: every public address, and no other.
      assert.include(yield* ask({}, { ...EgressPolicy.open, ports: [Number(port)] }, `${other.origin}/`), "loopback")
      assert.deepStrictEqual([server.connections(), other.connections()], [0, 0])
      const led = yield* ask(
        { skillHosts: ["127.0.0.1"] },
        { origins: [server.origin, `http://localhost:${port}`] },
        `${server.origin}/to/http://localhost:${port}/body`
      )
      assert.include(led, "(redirect 1) was not sent")
      assert.strictEqual(other.connections(), 0)
      assert.include(yield* ask({ skillHosts: ["127.0.0.1"] }, { origins }, `${server.origin}/body`), "of /body")
      assert.include(yield* ask({}, { origins }, `${server.origin}/missing`), "answered with status 404")
    }))

  it.effect("M-101: two of one name are refused when the run is started", () => {
    const agent = agentWith({})
    const skill = { name: "twice", description: "d", content: "c" }
    return Effect.gen(function*() {
      const exit = yield* Effect.exit(agent.start("go", { skills: [skill, skill] }))
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "two skills \"twice\"")
      assert.throws(() => agentWith({ skills: [skill, skill] }), /two skills "twice"/)
      assert.throws(() => agentWith({ skillHosts: ["http://a/"] }), /is no host/)
    }).pipe(Effect.provide(world(inTurn(answer("done")), agent.layer)))
  })
})

describe("a run that waits", () => {
  it.effect("M-98, M-105: has after a restart the skills that it began with, whatever the folder holds by then, and fetches none again", () =>
    Effect.gen(function*() {
      const files = new Map(Object.entries(samples))
      const said: Array<string> = []
      const build = (options: Options) => {
        const agent = agentWith({ policy: () => ({ decision: "ask", approvers: ["ada"] }), ...options })
        const script: Scripted.Script = (asked, turn) => {
          said.push(JSON.stringify(asked.prompt))
          return turn === 0
            ? [Scripted.call("Skill", { name: "memo-style" })]
            : turn === 1
            ? [Scripted.call("Skill", { name: "brand-voice" })]
            : "Done."
        }
        const models = Models.layer([Scripted.provider(script, { name: "m" })])
        return { agent, layer: Layer.provide(agent.layer, Layer.mergeAll(models, Chunks.layerMemory)) }
      }
      const approve = Effect.provide(
        Effect.gen(function*() {
          const runs = yield* Runs
          const [question] = yield* runs.approvals()
          yield* runs.answer(question!.id, { decision: "approve", by: "ada" })
        }),
        Runs.layer
      )
      const { reads, source } = inMemory(files)
      const crash = yield* CrashHost.make
      const first = build({ skills: source })
      const before = yield* crash.start(first.layer)
      const run = yield* before.use(first.agent.start("go", { id: "1" }))
      yield* before.settled
      yield* before.use(approve)
      yield* before.settled
      assert.strictEqual(reads.filter((file) => file === "memo-style/SKILL.md").length, 1)
      // A third one comes, and what one says is written anew.
      files.set("third/SKILL.md", skillOf("third", "New", "New."))
      files.set("brand-voice/SKILL.md", skillOf("brand-voice", "Otherwise", "Loudly now."))
      const after = yield* crash.restart(before, build({ skills: source }).layer)
      yield* after.use(approve)
      yield* after.settled
      const row = yield* crash.run(run)
      if (row.status !== "completed") assert.fail(JSON.stringify([row.status, row.waits, yield* crash.story(run)]))
      assert.strictEqual(reads.filter((file) => file === "memo-style/SKILL.md").length, 1)
      assert.strictEqual(reads.filter((file) => file.endsWith("(head)")).length, 2)
      const last = said.at(-1)!
      assert.notInclude(last, "third")
      assert.include(last, "How we sound: softly")
      assert.include(last, "Memos are short.")
      assert.include(last, "Loudly now.")
      // Under a build whose agent has skills of its own it fits too.
      const again = yield* crash.start(first.layer)
      const other = yield* again.use(first.agent.start("go", { id: "2" }))
      yield* again.settled
      const changed = yield* crash.restart(
        again,
        build({ skills: [{ name: "own", description: "d", content: "c" }] }).layer
      )
      for (let answers = 0; answers < 2; answers++) {
        yield* changed.use(approve)
        yield* changed.settled
      }
      assert.strictEqual((yield* crash.run(other)).status, "completed")
      assert.include(said.at(-1)!, "there are no skills here any more")
    }))
})
