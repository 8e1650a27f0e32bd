/** What the routes for steps do. */
import { Api } from "@fermata/api/Api"
import type { StepBrief } from "@fermata/api/StepsGroup"
import { StepNotRequested } from "@fermata/core/RunsErrors"
import * as RunView from "@fermata/core/RunView"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as LargeFields from "./LargeFields.ts"
import * as Pages from "./Pages.ts"

/** The group `steps`. */
export const layer = HttpApiBuilder.group(
  Api,
  "steps",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ params: { run }, query: { after, limit = Pages.defaultLimit, q, status } }) {
        const steps = yield* runs.steps(run)
        const behind = yield* Pages.behind(steps, after, ({ key }) => key)
        const wanted = behind.filter((step) => isOf(step, status, q?.toLowerCase()))
        const { next, shown } = Pages.of(wanted, limit, ({ key }) => key)
        return { steps: shown.map(brief), ...next }
      }),
      get: Effect.fnUntraced(function*({ params: { key, run } }) {
        const view = yield* runs.show(run)
        const step = RunView.step(view, key)
        if (step === undefined) {
          return yield* new StepNotRequested({ runId: view.id, key, known: view.steps.map((known) => known.key) })
        }
        return yield* LargeFields.leaveOut(runs, step, ["input", "output"])
      }),
      settle: Effect.fnUntraced(function*({ params: { key, run }, payload }) {
        return yield* runs.settle(run, key, { by: yield* Acting.name, action: payload })
      })
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isOf = (
  { key, label, status, title }: RunView.StepView,
  wanted: ReadonlyArray<RunView.StepStatus> | undefined,
  text: string | undefined
): boolean =>
  (wanted === undefined || wanted.includes(status)) &&
  (text === undefined || [key, label, title].some((field) => field?.toLowerCase().includes(text) === true))

const brief = ({ error, input: _input, output: _output, ...step }: RunView.StepView): StepBrief => ({
  ...step,
  ...(error === undefined ? {} : { problem: error.message })
})
