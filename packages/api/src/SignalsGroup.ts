/** The routes by which a run is told what it waits for. */
import { Receipt } from "@fermata/core/Receipt"
import { SignalReserved, SignalUnfit, SignalUnknown } from "@fermata/core/RunsErrors"
import { suspendReasons } from "@fermata/core/RunStatus"
import { ValueRefused } from "@fermata/core/ValueRefused"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Schema from "effect/Schema"
import { ForTenants, RequiredScope } from "./Access.ts"
import * as Problem from "./Problem.ts"
import { actErrors, readErrors } from "./RunsGroup.ts"

const Run = { run: Schema.String }

const send = HttpApiEndpoint.post("send", "/signals/:name", {
  params: { ...Run, name: Schema.String },
  payload: Schema.Struct({
    /** What the signal says; null when absent. */
    payload: Schema.optionalKey(Schema.Unknown),
    /** Signals of one id are one signal. */
    id: Schema.optionalKey(Schema.String)
  }),
  success: Receipt,
  error: [
    ...actErrors,
    Problem.of(ValueRefused),
    Problem.of(SignalUnknown),
    Problem.of(SignalUnfit),
    Problem.of(SignalReserved)
  ]
}).annotate(RequiredScope, "operate")

const sample = HttpApiEndpoint.get("sample", "/sample", {
  params: Run,
  query: { reason: Schema.Literals(suspendReasons), key: Schema.String },
  /** JSON that would end this wait; absent where it is not known here. */
  success: Schema.Struct({ sample: Schema.optionalKey(Schema.Unknown) }),
  error: readErrors
}).annotate(RequiredScope, "read")

/** The routes for signals, below `/api/runs/:run`. */
export class SignalsGroup extends HttpApiGroup.make("signals").add(send, sample).prefix("/runs/:run")
  .annotate(ForTenants, true)
{}
