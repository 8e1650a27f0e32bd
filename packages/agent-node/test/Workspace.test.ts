import { assert, describe, it } from "@effect/vitest"
import * as Workspace from "@fermata/agent-node/Workspace"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import corpus from "./corpus/paths.json" with { type: "json" }

/** A workspace with a folder around it, both gone with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const outside = mkdtempSync(join(tmpdir(), "fermata-workspace-"))
    const root = join(outside, "space")
    for (const name of ["", "src", "ünï", "folder", "keys", "home/.ssh", ".fermata", ".git/hooks", "new-not"]) {
      mkdirSync(join(root, name), { recursive: true })
    }
    mkdirSync(join(outside, "space-sibling"))
    const files = [
      "a.txt",
      "src/b.ts",
      "ünï/ß.txt",
      "with space.txt",
      "..a.txt",
      "src/...",
      "target.txt",
      ".env",
      "src/.env",
      ".env.local",
      ".npmrc",
      "keys/server.pem",
      "id_rsa",
      "home/.ssh/config",
      ".fermata/fermata.db",
      ".env.example",
      ".git/config",
      ".git/hooks/pre-commit",
      "fermata.config.ts"
    ]
    for (const name of files) writeFileSync(join(root, name), `content of ${name}`)
    for (const name of ["outside.txt", "space-sibling/x.txt"]) writeFileSync(join(outside, name), "secret")
    const links: ReadonlyArray<readonly [to: string, at: string]> = [
      ["../outside.txt", "link-out.txt"],
      ["..", "link-dir"],
      ["link-out.txt", "link-chain"],
      ["../not-there", "dangling-out"],
      ["loop-b", "loop-a"],
      ["loop-a", "loop-b"],
      ["../..", "src/up"],
      [".env", "link-env"],
      ["/dev/zero", "link-zero"],
      ["/proc/kcore", "link-kcore"],
      ["target.txt", "inner-link.txt"],
      ["target.txt", ".netrc"]
    ]
    for (const [to, at] of links) symlinkSync(to, join(root, at))
    return { outside, root }
  }),
  ({ outside }) => Effect.sync(() => rmSync(outside, { recursive: true, force: true }))
).pipe(Effect.tap(({ root }) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      new Promise<Server>((resolve) => {
        const server = createServer().listen(join(root, "socket"), () => resolve(server))
      })
    ),
    (server) => Effect.promise(() => new Promise((resolve) => server.close(resolve)))
  )
))

const text = (content: string) => new TextEncoder().encode(content)

/** Every file below a folder, links not followed. */
const filesOf = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesOf(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : []
  )

/** What the files below a folder are, without those below another. */
const stateOf = (folder: string, without: string): string =>
  JSON.stringify(
    filesOf(folder).filter((file) => !file.startsWith(`${without}/`)).map((file) => [file, readFileSync(file, "utf8")])
  )

describe("a workspace", () => {
  it.live(`M-129: ${corpus.paths.length} paths lead where they may, and no further`, () =>
    Effect.gen(function*() {
      const { outside, root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      const wrong: Array<unknown> = []
      for (const each of corpus.paths) {
        const path = each.path.replaceAll("{root}", root).replaceAll("{outside}", outside).replaceAll(
          "{name}",
          basename(root)
        )
        const before = stateOf(outside, root)
        const read = yield* Effect.result(workspace.read(path))
        const written = yield* Effect.result(workspace.write(path, text("written")))
        if (Result.isSuccess(read) !== each.read || Result.isSuccess(written) !== each.write) {
          wrong.push({ path, wanted: [each.read, each.write], read: String(read), written: String(written) })
        }
        if (Result.isSuccess(read)) assert.notInclude(new TextDecoder().decode(read.success.bytes), "secret")
        assert.strictEqual(stateOf(outside, root), before, path)
        for (const result of [read, written]) {
          if (Result.isFailure(result)) assert.notStrictEqual(result.failure.problem, "")
        }
      }
      assert.deepStrictEqual(wrong, [])
      assert.isAtLeast(corpus.paths.length, 40)
    }))

  it.live("no path of any form reads or writes outside of it", () =>
    Effect.gen(function*() {
      const { outside, root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      const before = stateOf(outside, root)
      const parts = fc.constantFrom(
        "..",
        ".",
        "",
        "/",
        "src",
        "up",
        "link-dir",
        "outside.txt",
        "link-out.txt",
        "space-sibling",
        "x.txt",
        root
      )
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(parts, { minLength: 1, maxLength: 6 }), async (names) => {
            const path = names.join("/")
            const read = await Effect.runPromise(Effect.result(workspace.read(path)))
            if (Result.isSuccess(read)) {
              assert.isTrue(read.success.real.startsWith(`${root}/`), path)
              assert.notInclude(new TextDecoder().decode(read.success.bytes), "secret")
            }
            await Effect.runPromise(Effect.result(workspace.write(path, text("written"))))
            assert.strictEqual(stateOf(outside, root), before, path)
          }),
          { numRuns: 150 }
        )
      )
    }))

  it.live("M-108: a file is replaced at once, keeps its rights, and leaves nothing beside it", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      chmodSync(join(root, "a.txt"), 0o755)
      const inode = statSync(join(root, "a.txt")).ino
      yield* workspace.write("a.txt", text("new"), { key: "k" })
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "new")
      assert.strictEqual(statSync(join(root, "a.txt")).mode & 0o777, 0o755)
      assert.notStrictEqual(statSync(join(root, "a.txt")).ino, inode, "what was there is not written into")
      assert.deepStrictEqual(readdirSync(root).filter((name) => name.endsWith(".tmp")), [])
    }))

  it.live("what is written is what is named: by a link nothing is, and the name is told by which it is", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      symlinkSync("ünï", join(root, "src", "other"))
      const workspace = yield* Workspace.make({ root })
      for (const write of [workspace.write("inner-link.txt", text("x")), workspace.find("inner-link.txt")]) {
        assert.strictEqual((yield* Effect.flip(write)).problem, "is by a link what is named target.txt: write to that")
      }
      const before = readFileSync(join(root, "target.txt"), "utf8")
      assert.strictEqual(before, new TextDecoder().decode((yield* workspace.read("inner-link.txt")).bytes))
      symlinkSync("../folder", join(root, "src", "by-folder"))
      const made = yield* Effect.flip(workspace.write("src/by-folder/new.txt", text("x")))
      assert.strictEqual(made.problem, "is by a link what is named folder/new.txt: write to that")
      assert.isFalse(existsSync(join(root, "folder", "new.txt")))
      // The folder itself may be named by a link that leads to it.
      const linked = join(dirname(root), "linked")
      symlinkSync(root, linked)
      yield* (yield* Workspace.make({ root: linked })).write(join(linked, "a.txt"), text("named"))
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "named")
    }))

  it.live("M-108: a file stays its owner's, and nobody is lent their rights by what is written", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      const file = join(root, "a.txt")
      // Only root may give files away.
      if (process.getuid?.() === 0) chownSync(file, 12_345, 23_456)
      chmodSync(file, 0o6755)
      const { gid, uid } = statSync(file)
      yield* workspace.write("a.txt", text("new"))
      const after = statSync(file)
      assert.deepStrictEqual([after.uid, after.gid, after.mode & 0o7777], [uid, gid, 0o755])
    }))

  it.live("what is kept from agents is kept from them by upper and lower case, and by every form of its letters", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      for (const name of [".ENV", "schl\u00fcssel.txt", "schlu\u0308ssel.txt", "Fermata.Config.ts"]) {
        writeFileSync(join(root, name), "x")
      }
      const workspace = yield* Workspace.make({ root, hidden: [...Workspace.hiddenFiles, "schl\u00fcssel.txt"] })
      for (const name of [".ENV", "KEYS/SERVER.PEM", "schl\u00fcssel.txt", "schlu\u0308ssel.txt"]) {
        assert.strictEqual((yield* Effect.flip(workspace.read(name))).problem, "is hidden from agents", name)
      }
      for (
        const name of [
          "Fermata.Config.ts",
          ".GIT/config",
          "src/.Git/hooks/x",
          ".vscode/tasks.json",
          "a/.IDEA/x",
          ".envrc"
        ]
      ) {
        assert.strictEqual(
          (yield* Effect.flip(workspace.write(name, text("x")))).problem,
          "is protected: agents only read it"
        )
      }
    }))

  it.live("what a killed attempt left behind is taken over by the next one under its key", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      // A folder in the place of the file lets the attempt come as far as its draft.
      const names = new Set(readdirSync(root))
      yield* workspace.write("a.txt", text("one"), { key: "k" })
      assert.deepStrictEqual(new Set(readdirSync(root)), names)
      const draft = join(root, `.${Workspace.digestOf(text(`k ${join(root, "a.txt")}`)).slice(0, 16)}.tmp`)
      writeFileSync(draft, "half of wh")
      yield* workspace.write("a.txt", text("whole"), { key: "k" })
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "whole")
      assert.isFalse(existsSync(draft))
    }))

  it.live("is not written where it is only read, nor over what is not there any more as it was", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const reading = yield* Workspace.make({ root, readOnly: true })
      const refused = yield* Effect.flip(reading.write("a.txt", text("x")))
      assert.match(refused.message, /a\.txt: is not written/)
      const workspace = yield* Workspace.make({ root })
      const { digest } = yield* workspace.read("a.txt")
      writeFileSync(join(root, "a.txt"), "by somebody else")
      const changed = yield* Effect.flip(workspace.write("a.txt", text("x"), { before: digest }))
      assert.match(changed.message, /has changed since/)
      const taken = yield* Effect.flip(workspace.write("a.txt", text("x"), { before: null }))
      assert.match(taken.message, /has changed since/)
      assert.strictEqual(readFileSync(join(root, "a.txt"), "utf8"), "by somebody else")
      rmSync(join(root, "a.txt"))
      assert.match((yield* Effect.flip(workspace.write("a.txt", text("x"), { before: digest }))).message, /is gone/)
    }))

  it.live("is bounded: a larger file is neither read nor written", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const workspace = yield* Workspace.make({ root, maxBytes: 10 })
      writeFileSync(join(root, "large"), "x".repeat(11))
      assert.match((yield* Effect.flip(workspace.read("large"))).message, /11 bytes, and 10 is the most/)
      assert.match((yield* Effect.flip(workspace.write("new", text("x".repeat(11))))).message, /11 bytes, and 10/)
      assert.isFalse(existsSync(join(root, "new")))
    }))

  it.live("says what is wrong with a path", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      const workspace = yield* Workspace.make({ root })
      for (
        const [path, problem] of [
          ["dangling-out", "is a link that leads nowhere"],
          ["loop-a", "its links lead in a circle"],
          ["socket", "is no file, but a device, a pipe or a socket"],
          ["a.txt/b", "a part of it is no folder"],
          [".env", "is hidden from agents"]
        ] as const
      ) assert.strictEqual((yield* Effect.flip(workspace.read(path))).problem, problem)
    }))

  it.live("must be a folder that is there", () =>
    Effect.gen(function*() {
      const { root } = yield* folder
      assert.match((yield* Effect.flip(Workspace.make({ root: join(root, "not") }))).message, /no such file/)
      assert.match((yield* Effect.flip(Workspace.make({ root: join(root, "a.txt") }))).message, /is not a folder/)
      assert.strictEqual(
        (yield* Workspace.make({ root: join(root, "link-dir", "space") })).root,
        join(dirname(root), "space")
      )
    }))
})
