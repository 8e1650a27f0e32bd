import * as HostConformance from "@fermata/testing/HostConformance"
import { Effect } from "effect"
import * as MemoryBackend from "../src/MemoryBackend.ts"

HostConformance.suite("memory", Effect.sync(() => MemoryBackend.make(MemoryBackend.makeStore())))
