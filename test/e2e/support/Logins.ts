/** An MCP server that asks for OAuth, who lets people in there, and a browser whose person agrees, until the test is over. */
import { Effect, Exit, Scope } from "effect"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { onTestFinished } from "vitest"
import { McpStub, text } from "../../parity/McpStub.ts"
import { OAuthStub } from "../../parity/OAuthStub.ts"

export const guarded = async () => {
  const scope = await Effect.runPromise(Scope.make())
  onTestFinished(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const issuer = new OAuthStub()
  const stub = new McpStub()
  const listen = Effect.gen(function*() {
    yield* issuer.listen
    stub.guard = { lets: issuer.lets, issuer: issuer.origin }
    stub.tools = { tell: { handle: () => text(`with ${stub.seen.at(-1)!.headers.authorization}`) } }
    return `${yield* stub.listen}/mcp`
  })
  return { issuer, stub, url: await Effect.runPromise(Effect.provideService(listen, Scope.Scope, scope)) }
}

/** A program that opens an address as a person does who agrees. */
export const browserIn = (folder: string): string => {
  const program = join(folder, "browser")
  const script = "fetch(process.argv[1]).then((page) => page.text())"
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" -e '${script}' "$1"\n`)
  chmodSync(program, 0o755)
  return program
}
