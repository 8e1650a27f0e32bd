/** A repository whose configuration names programs, under a command that people let go unasked. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeSandbox from "@fermata/agent-node/NodeSandbox"
import * as Workspace from "@fermata/agent-node/Workspace"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
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
})
