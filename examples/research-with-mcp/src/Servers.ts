/** The MCP servers, as processes of their own: those that the authors of the protocol publish on npm. */
import * as McpStdio from "@fermata/agent-node/McpStdio"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The program of a server, beside its manifest. */
const program = (manifest: string): string => join(dirname(fileURLToPath(manifest)), "dist", "index.js")

/** The two servers, of which one remembers in this file. */
export const servers = (memory: string) => ({
  handbook: McpStdio.server({
    command: process.execPath,
    args: [
      program(import.meta.resolve("@modelcontextprotocol/server-filesystem/package.json")),
      fileURLToPath(new URL("../handbook", import.meta.url))
    ],
    trusted: true
  }),
  memory: McpStdio.server({
    command: process.execPath,
    args: [program(import.meta.resolve("@modelcontextprotocol/server-memory/package.json"))],
    env: { MEMORY_FILE_PATH: memory },
    trusted: true
  })
})
