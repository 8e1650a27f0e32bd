/** What a configuration brings for all of its programs and agents: where they may go on the network, the services that they may ask there, skills, and MCP servers. */
import * as McpServers from "@fermata/agent/mcp/McpServers"
import * as Skill from "@fermata/agent/Skill"
import * as SkillFolder from "@fermata/agent/SkillFolder"
import * as HttpService from "@fermata/engine/HttpService"
import * as Egress from "@fermata/host-node/Egress"
import * as Folder from "@fermata/host-node/Folder"
import * as Layer from "effect/Layer"
import { dirname, resolve } from "node:path"
import type { Loaded } from "../Config.ts"
import * as McpLogins from "../McpLogins.ts"

/** As a layer, which dies where the policy is none, or the name of a server. What MCP servers give is kept beside the database. */
export const layer = (
  { config: { egress, mcp, services, skills }, file = "." }: Loaded,
  db: string
): Layer.Layer<never> =>
  Layer.mergeAll(
    mcp === undefined
      ? Layer.empty
      : Layer.provideMerge(Layer.suspend(() => McpServers.layer(mcp)), McpLogins.layer(db)),
    // The way to services is open, whatever else is.
    egress === undefined && services === undefined ? Layer.empty : Layer.suspend(() => Egress.layer(egress)),
    services === undefined ? Layer.empty : HttpService.layer(services),
    skills === undefined ? Layer.empty : Skill.layer(SkillFolder.source(Folder.at(resolve(dirname(file), skills))))
  )
