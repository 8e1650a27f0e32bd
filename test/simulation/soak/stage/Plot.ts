/** Curves over time as one SVG: a panel for each figure, and a mark for each kill. */
import type { Point } from "./Statistics.ts"

/** One figure, with a curve for each process or call. */
export interface Panel {
  readonly title: string
  readonly unit: string
  readonly curves: Readonly<Record<string, ReadonlyArray<Point>>>
}

const width = 900
const height = 150
const margin = { left: 70, right: 150, top: 26, bottom: 20 }
const colours = ["#1f5fd0", "#b3261e", "#0f6b3d", "#8a5300", "#6b4a8a", "#4a5360"]

/** The plot, as text. `minutes` is how long it took, `kills` are times in minutes. */
export const plot = (panels: ReadonlyArray<Panel>, minutes: number, kills: ReadonlyArray<number>): string => {
  const shown = panels.filter(({ curves }) => Object.values(curves).some((points) => points.length > 0))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${
      shown.length * height + 10
    }" font-family="sans-serif" font-size="11">`,
    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
    ...shown.map((panel, index) => panelOf(panel, index * height, Math.max(minutes, 1e-9), kills)),
    "</svg>",
    ""
  ].join("\n")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const panelOf = (
  { curves, title, unit }: Panel,
  top: number,
  minutes: number,
  kills: ReadonlyArray<number>
): string => {
  const values = Object.values(curves).flatMap((points) => points.map(({ value }) => value)).filter(Number.isFinite)
  const most = Math.max(...values, 1e-9)
  const [right, bottom] = [width - margin.right, height - margin.bottom]
  const x = (at: number) => margin.left + at / minutes * (right - margin.left)
  const y = (value: number) => bottom - value / most * (bottom - margin.top)
  const number = (value: number) => value >= 100 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 3)
  const lines = Object.entries(curves).map(([name, points], index) => {
    const colour = colours[index % colours.length]
    const places = points.filter(({ value }) => Number.isFinite(value))
      .map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`)
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${places.join(" ")}"/>`
      + `<text x="${right + 8}" y="${margin.top + 12 + index * 14}" fill="${colour}">${escaped(name)}</text>`
  })
  return [
    `<g transform="translate(0 ${top})">`,
    `<text x="${margin.left}" y="16" font-weight="bold">${escaped(`${title} (${unit})`)}</text>`,
    `<text x="${margin.left - 6}" y="${margin.top + 4}" text-anchor="end">${number(most)}</text>`,
    `<text x="${margin.left - 6}" y="${bottom}" text-anchor="end">0</text>`,
    `<text x="${right}" y="${height - 5}" text-anchor="end">${number(minutes)} min</text>`,
    `<path d="M${margin.left} ${margin.top}V${bottom}H${right}" fill="none" stroke="#939da9"/>`,
    ...kills.map((at) => `<path d="M${x(at).toFixed(1)} ${bottom}v4" stroke="#b3261e"/>`),
    ...lines,
    "</g>"
  ].join("\n")
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
