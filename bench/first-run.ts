import { Effect } from "effect"
import { host, Sequential } from "./subject.ts"

const runtime = host(process.argv[2]!)
const done = await runtime.runPromise(Sequential.execute({ id: "first", n: 5 }).pipe(Effect.timeout("10 seconds")))
await runtime.dispose()
if (done !== 5) process.exit(1)
