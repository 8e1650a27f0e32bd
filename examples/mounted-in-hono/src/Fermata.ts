/** The routes of Fermata as one function from a request to its response. */
import { Contracts } from "@fermata/contracts/Contracts"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Store } from "@fermata/engine/Store"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { Layer } from "effect"
import type { WorkflowEngine } from "effect/workflow"
import { OrderLayer } from "./Order.ts"

type Host = Chunks | Engine | HostClock | Store | WorkflowEngine.WorkflowEngine

/** Serves orders on a host. Whoever reaches it is the shop: this is for an app that lets people in by itself. */
export const fermata = <E>(host: Layer.Layer<Host, E>) =>
  Server.toWebHandler(
    Layer.mergeAll(Contracts.layerServing(), Feed.layer, OrderLayer).pipe(
      Layer.provideMerge(host),
      Layer.provideMerge(ServerAccess.layerOpen({ person: "shop" }))
    )
  )
