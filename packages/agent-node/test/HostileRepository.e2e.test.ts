/** A repository whose configuration names programs, under a command that people let go unasked. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeSandbox from "@fermata/agent-node/NodeSandbox"
import * as Workspace from "@fermata/agent-node/Workspace"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A repository that runs `evil` wherever Git lets it name a program, and has something to show. */
const repository = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "fermata-repository-"))
    const git = (...args: ReadonlyArray<string>) => execFileSync("git", ["-C", root, ...args], { stdio: "ignore" })
    const evil = join(root, "evil")
    writeFileSync(evil, `#!/bin/sh\necho "$*" >> '${root}/ran'\ncat\n`)
    chmodSync(evil, 0o755)
    git("init", "-q")
    writeFileSync(join(root, "a.txt"), "one\n")
    git("add", "a.txt")
    git("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "-m", "one")
    const programs = [
      ["core", "fsmonitor", "pager", "sshCommand", "editor"],
      ["pager", "log", "status", "diff"],
      ["diff \"x\"", "textconv"],
      ["filter \"x\"", "clean", "smudge"]
    ] as const
    for (const [section, ...keys] of programs) {
      // A part of it is in another file, which is included.
      const file = section.startsWith("filter") ? join(root, "more") : join(root, ".git/config")
      appendFileSync(file, `[${section}]\n${keys.map((key) => `\t${key} = ${evil} ${key}\n`).join("")}`)
    }
    appendFileSync(join(root, ".git/config"), `[include]\n\tpath = ${root}/more\n`)
    writeFileSync(join(root, ".gitattributes"), "*.txt filter=x diff=x\n")
    mkdirSync(join(root, ".git/hooks"), { recursive: true })
    const hook = join(root, ".git/hooks/post-index-change")
    writeFileSync(hook, `#!/bin/sh\nexec ${evil} hook\n`)
    chmodSync(hook, 0o755)
    writeFileSync(join(root, "a.txt"), "two\n")
    return { root, ran: join(root, "ran"), evil }
  }),
  ({ root }) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
)

const lines = [
  "git status",
  "git --no-pager diff",
  "git log -p",
  "git show",
  "git blame a.txt",
  "git grep two",
  "cat a.txt | git hash-object --stdin"
]

describe("a hostile repository", () => {
  it.live("P-60: runs nothing of its own under commands that only look, and they still look", () =>
    Effect.gen(function*() {
      const { ran, root } = yield* repository
      const box = yield* NodeSandbox.make({ without: "allow" }).pipe(Effect.provide(Workspace.layer({ root })))
      const seen = yield* Effect.forEach(lines, (line) => box.exec(box.shell, ["-c", line]))
      assert.isFalse(existsSync(ran), "nothing was run")
      assert.deepStrictEqual(seen.map(({ exitCode }) => exitCode), lines.map(() => 0))
      assert.include(seen[0]!.stdout, "modified:   a.txt")
      assert.include(seen[1]!.stdout, "-one\n+two")
    }))

  it.live("does run what it names where somebody asks Git as it is, so that the test above means something", () =>
    Effect.gen(function*() {
      const { ran, root } = yield* repository
      execFileSync("git", ["-C", root, "status"], { stdio: "ignore" })
      assert.isTrue(existsSync(ran))
    }))

  it.live("that has an external program for differences is told so, and the program is not run", () =>
    Effect.gen(function*() {
      const { evil, ran, root } = yield* repository
      appendFileSync(join(root, ".git/config"), `[diff]\n\texternal = ${evil} external\n`)
      const box = yield* NodeSandbox.make({ without: "allow" }).pipe(Effect.provide(Workspace.layer({ root })))
      const told = yield* box.exec(box.shell, ["-c", "git diff"])
      assert.notStrictEqual(told.exitCode, 0)
      assert.include(told.stderr, "external diff died")
      assert.include((yield* box.exec(box.shell, ["-c", "git diff --no-ext-diff"])).stdout, "-one\n+two")
      assert.isFalse(existsSync(ran))
    }))

  const commit = (root: string, ...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-C", root, "-c", "user.name=a", "-c", "user.email=a@b.example", ...args], { stdio: "ignore" })

  const hostile: ReadonlyArray<
    readonly [what: string, line: string, build: (root: string, evil: string) => void]
  > = [
    ["asks for an object that is missing by its own program", "git show; git diff", (root, evil) => {
      const blob = execFileSync("git", ["-C", root, "rev-parse", "HEAD:a.txt"], { encoding: "utf8" }).trim()
      rmSync(join(root, ".git/objects", blob.slice(0, 2), blob.slice(2)))
      appendFileSync(
        join(root, ".git/config"),
        `[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ${root}\n\tpromisor = true\n\tuploadpack = ${evil} upload </dev/null && exit 1;\n`
      )
    }],
    ["is among the files, as the inside of one", "cd inner && git diff", (root, evil) => {
      execFileSync("git", ["init", "-q", "--bare", join(root, "inner")])
      appendFileSync(
        join(root, "inner/config"),
        `[core]\n\tbare = false\n\tworktree = ${root}/inner\n[diff]\n\texternal = ${evil} inner\n`
      )
      writeFileSync(join(root, "inner/f"), "one")
      commit(join(root, "inner"), "add", "f")
      writeFileSync(join(root, "inner/f"), "two")
    }],
    ["is in a folder below", "git -C below diff; cd below && git log -p", (root, evil) => {
      const below = join(root, "below")
      execFileSync("git", ["init", "-q", below])
      writeFileSync(join(below, ".gitattributes"), "* diff=y filter=y\n")
      writeFileSync(join(below, "f"), "one")
      commit(below, "add", "f")
      commit(below, "commit", "-q", "-m", "one")
      appendFileSync(
        join(below, ".git/config"),
        `[diff]\n\texternal = ${evil} below\n[diff "y"]\n\ttextconv = ${evil} below\n[filter "y"]\n\tclean = ${evil} below\n`
      )
      writeFileSync(join(below, "f"), "two")
    }],
    ["is a submodule whose differences are shown", "git diff", (root, evil) => {
      const other = join(root, "other")
      execFileSync("git", ["init", "-q", other])
      writeFileSync(join(other, "f"), "one")
      commit(other, "add", "f")
      commit(other, "commit", "-q", "-m", "one")
      commit(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "./other", "below")
      appendFileSync(join(root, ".git/config"), "[diff]\n\tsubmodule = diff\n")
      appendFileSync(join(root, ".git/modules/below/config"), `[diff]\n\texternal = ${evil} submodule\n`)
      writeFileSync(join(root, "below/f"), "two")
    }],
    ["says by which program the branches of others are found", "git log --alternate-refs", (root, evil) => {
      appendFileSync(join(root, ".git/config"), `[core]\n\talternateRefsCommand = ${evil} alternate\n`)
      writeFileSync(join(root, ".git/objects/info/alternates"), `${root}/.git/objects\n`)
      execFileSync("git", ["init", "-q", join(root, "other")])
      writeFileSync(join(root, ".git/objects/info/alternates"), `${root}/other/.git/objects\n`)
    }]
  ]

  for (const [what, line, build] of hostile) {
    it.live(`P-60: one that ${what} runs nothing of its own either`, () =>
      Effect.gen(function*() {
        const { evil, ran, root } = yield* repository
        build(root, evil)
        rmSync(ran, { force: true })
        const box = yield* NodeSandbox.make({ without: "allow" }).pipe(Effect.provide(Workspace.layer({ root })))
        yield* box.exec(box.shell, ["-c", line], { timeout: "20 seconds" })
        assert.isFalse(existsSync(ran), existsSync(ran) ? readFileSync(ran, "utf8") : "")
        // Asked as it is, Git does run it.
        spawnSync("bash", ["-c", line], { cwd: root, stdio: "ignore", timeout: 20_000 })
        assert.isTrue(existsSync(ran))
      }))
  }

  it.live("one that configures more than is read runs nothing, and says so", () =>
    Effect.gen(function*() {
      const { ran, root } = yield* repository
      const many = Array.from({ length: 60_000 }, (_, at) => `\tkey-${at}-${"x".repeat(10)} = 1\n`).join("")
      appendFileSync(join(root, ".git/config"), `[many]\n${many}`)
      const box = yield* NodeSandbox.make({ without: "allow" }).pipe(Effect.provide(Workspace.layer({ root })))
      const refused = yield* Effect.flip(box.exec(box.shell, ["-c", "git diff"]))
      assert.match(refused.message, /what the repository at .* configures takes too long to be read/)
      assert.isFalse(existsSync(ran))
    }))
})
