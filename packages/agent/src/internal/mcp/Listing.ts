/** What a server has, as it tells it. */
import type { Live } from "./Client.ts"
import { patient } from "./Problems.ts"

/** A tool as a server tells of it. */
export interface Tool {
  readonly name: string
  readonly description?: string | undefined
  readonly inputSchema: Readonly<Record<string, unknown>>
  readonly annotations?:
    | { readonly readOnlyHint?: boolean | undefined; readonly idempotentHint?: boolean | undefined }
    | undefined
}

/** What a server has, as it said last. */
export interface Offer {
  readonly instructions: string
  readonly tools: ReadonlyArray<Tool>
  readonly hasResources: boolean
  readonly hasPrompts: boolean
}

/** Asks a server what it has. */
export const listed = async ({ client, types }: Live, signal: AbortSignal | undefined): Promise<Offer> => {
  const capabilities = client.getServerCapabilities() ?? {}
  // Not `listTools`, which makes code of the schemas of the server.
  const from = async (cursor: string | undefined, pages: number): Promise<ReadonlyArray<Tool>> => {
    const { nextCursor, tools } = await client.request(
      { method: "tools/list", params: cursor === undefined ? {} : { cursor } },
      types.ListToolsResultSchema,
      { ...patient, ...(signal === undefined ? {} : { signal }) }
    )
    return nextCursor === undefined || pages === mostPages ? tools : [...tools, ...await from(nextCursor, pages + 1)]
  }
  return {
    instructions: client.getInstructions() ?? "",
    tools: capabilities.tools === undefined ? [] : await from(undefined, 1),
    hasResources: capabilities.resources !== undefined,
    hasPrompts: capabilities.prompts !== undefined
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Pages of a list, so that a server that has no end does not take one with it. */
const mostPages = 100
