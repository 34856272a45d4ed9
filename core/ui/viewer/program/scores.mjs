// @ts-check
// The scores along a series, drawn under the pictures: threshold, highest score, the slice that is looked at.

/** @import { ScoreLine } from "./types.mjs" */
/** @import { Viewer } from "./viewer.mjs" */

import { html, svg } from "./elements.mjs"
import { clamp } from "./geometry.mjs"
import { scoreNumber, thresholdNumber } from "./words.mjs"

const HEIGHT = 56
const INSET = 6

/**
 * The index of the highest score; -1 where there is none.
 * @param {(number | null)[]} values
 */
export function peakOf(values) {
  return values.reduce((/** @type {number} */ peak, value, i) => (value !== null && (peak < 0 || value > Number(values[peak])) ? i : peak), -1)
}

/**
 * Runs of neighbouring scores, as lists of indices: a line is drawn through each.
 * @param {(number | null)[]} values
 */
export function runsOf(values) {
  /** @type {number[][]} */
  const runs = []
  values.forEach((value, i) => {
    if (value === null) return
    const last = runs.at(-1)
    if (last && last.at(-1) === i - 1) last.push(i)
    else runs.push([i])
  })
  return runs
}

/**
 * The slice at a place of the plot.
 * @param {number} x
 * @param {number} width of the plot
 * @param {number} count
 */
export function indexAt(x, width, count) {
  return clamp(Math.round(((x - INSET) / Math.max(1, width - 2 * INSET)) * (count - 1)), 0, count - 1)
}

/**
 * What the plot says, in words.
 * @param {ScoreLine} line
 * @param {string} unit what one picture of the series is called
 */
export function scoreWords({ title, values, threshold, reasons }, unit) {
  const peak = peakOf(values)
  const answered = values.filter((value, i) => value !== null || reasons[i] !== null).length
  const progress = answered < values.length ? `, ${answered} of ${values.length} scored` : ""
  if (peak < 0) return `${title}: no score${answered < values.length ? " yet" : ""}`
  const over = threshold === null ? "" : `, ${values.filter((value) => value !== null && value >= threshold).length} at or over ${thresholdNumber(threshold)}`
  return `${title}: highest ${scoreNumber(Number(values[peak]))} at ${unit.toLowerCase()} ${peak + 1}${over}${progress}`
}

/**
 * Which pictures will have no score, and why the first of them has none; empty where all have.
 * @param {ScoreLine} line
 * @param {string} unit
 */
export function gapWords({ reasons }, unit) {
  const gaps = reasons.flatMap((reason, i) => (reason === null ? [] : [i]))
  if (gaps.length === 0) return ""
  const which = gaps.length === 1 ? `${unit.toLowerCase()} ${gaps[0] + 1}` : `${gaps.length} ${unit.toLowerCase()}s (${listed(gaps)})`
  return `No score for ${which}. ${reasons[gaps[0]]}`
}

/** The first few of some pictures, by their numbers. @param {number[]} indices */
const listed = (indices) => indices.slice(0, 4).map((i) => i + 1).join(", ") + (indices.length > 4 ? ", …" : "")

export class Scores {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer
    /** @type {ScoreLine | null} */
    this.line = null
    this.key = ""
    this.plot = svg("svg", { class: "plot", height: HEIGHT, preserveAspectRatio: "none" })
    this.cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT })
    this.said = html("span", {})
    this.gaps = html("span", { class: "gaps" })
    this.jump = html("button", { type: "button", title: "Go to the highest score (M)" }, "Go there")
    this.jump.addEventListener("click", () => this.goToPeak())
    this.element = html("div", { class: "scores", role: "group", "aria-label": "Scores along the series" })
    this.element.append(html("div", { class: "words-along" }, this.said, this.jump, this.gaps), this.plot)
    this.plot.addEventListener("pointerdown", (event) => this.press(/** @type {PointerEvent} */ (event)))
    this.plot.addEventListener("pointermove", (event) => this.move(/** @type {PointerEvent} */ (event)))
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.plot.setPointerCapture(event.pointerId)
    this.viewer.focus()
    this.goTo(event)
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.buttons & 1) this.goTo(event)
  }

  /** @param {PointerEvent} event */
  goTo(event) {
    if (!this.line) return
    const box = this.plot.getBoundingClientRect()
    this.viewer.goTo(indexAt(event.clientX - box.left, box.width, this.line.values.length))
    this.viewer.soon()
  }

  goToPeak() {
    const peak = this.line ? peakOf(this.line.values) : -1
    if (peak < 0) return
    this.viewer.goTo(peak)
    this.viewer.soon()
  }

  /** @param {ScoreLine | null} line @param {number} index of the slice that is looked at @param {string} unit */
  show(line, index, unit) {
    this.line = line
    this.element.hidden = line === null
    if (!line) return
    const width = Math.max(1, this.plot.getBoundingClientRect().width)
    const x = (/** @type {number} */ i) => INSET + (i * (width - 2 * INSET)) / Math.max(1, line.values.length - 1)
    this.cursor.setAttribute("x1", String(x(index)))
    this.cursor.setAttribute("x2", String(x(index)))
    const key = JSON.stringify([line, width])
    if (key === this.key) return
    this.key = key
    this.said.textContent = scoreWords(line, unit)
    this.gaps.textContent = this.gaps.title = gapWords(line, unit)
    this.jump.hidden = peakOf(line.values) < 0
    this.plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`)
    this.plot.replaceChildren(...this.marks(line, width, x), this.cursor)
  }

  /** @param {ScoreLine} line @param {number} width @param {(i: number) => number} x */
  marks({ values, threshold, reasons }, width, x) {
    const y = (/** @type {number} */ value) => HEIGHT - 4 - clamp(value, 0, 1) * (HEIGHT - 8)
    const at = (/** @type {number} */ i) => `${x(i)},${y(Number(values[i]))}`
    const marks = runsOf(values).map((run) => svg("polyline", { class: "run", points: run.map(at).join(" ") }))
    if (threshold !== null) {
      marks.push(svg("line", { class: "threshold", x1: 0, x2: width, y1: y(threshold), y2: y(threshold) }))
      marks.push(svg("text", { class: "threshold", x: width - 4, y: y(threshold) - 3 }, `threshold ${thresholdNumber(threshold)}`))
    }
    values.forEach((value, i) => {
      if (value === null) return
      const isOver = threshold !== null && value >= threshold
      marks.push(svg("circle", { class: isOver ? "over" : "under", cx: x(i), cy: y(value), r: isOver ? 3 : 1.8 }))
    })
    reasons.forEach((reason, i) => {
      if (reason !== null) marks.push(svg("path", { class: "gap", d: `M${x(i) - 3} ${HEIGHT - 9}l6 6m0-6l-6 6` }))
    })
    return marks
  }
}
