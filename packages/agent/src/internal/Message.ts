/** What somebody says to a run of an agent while it is on its way. */
import * as Signal from "@fermata/engine/Signal"
import * as Schema from "effect/Schema"

/** Its model sees it when it is asked next. */
export const Message = Signal.make("message", { schema: Schema.Struct({ text: Schema.String }) })
