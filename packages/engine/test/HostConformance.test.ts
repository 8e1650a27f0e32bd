import { Effect } from "effect"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as HostConformance from "../src/testing/HostConformance.ts"

HostConformance.suite("memory", Effect.sync(() => MemoryBackend.make(MemoryBackend.makeStore())))
