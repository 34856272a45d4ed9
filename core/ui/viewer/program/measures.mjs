// @ts-check
// Length, angle and regions, drawn on the picture. Each belongs to one frame and is kept in pixels of the image.

/** @import { Point, Spot, View } from "./geometry.mjs" */
/** @import { Frame } from "./types.mjs" */

import { angle, area, distance, statistics } from "./geometry.mjs"
import { svg } from "./elements.mjs"
import { areaWords, lengthWords, number } from "./words.mjs"

/** @typedef {"length" | "angle" | "rectangle" | "ellipse"} Kind */
/** @typedef {{kind: Kind, points: Point[]}} Measure */

/** How many points a measure has; the last one follows the pointer while it is made. */
export const POINTS = { length: 2, angle: 3, rectangle: 2, ellipse: 2 }
const REACH = 9

export class Measures {
  constructor() {
    /** @type {Map<string, Measure[]>} by series and frame */
    this.all = new Map()
    /** @type {Measure | null} */
    this.selected = null
  }

  /** @param {string} place @returns {Measure[]} */
  on(place) {
    return this.all.get(place) ?? []
  }

  /** @param {string} place @param {Measure} measure */
  add(place, measure) {
    this.all.set(place, [...this.on(place), measure])
    this.selected = measure
  }

  /** @param {Measure} measure */
  remove(measure) {
    for (const [place, measures] of this.all) {
      this.all.set(
        place,
        measures.filter((other) => other !== measure),
      )
    }
    if (this.selected === measure) this.selected = null
  }

  /**
   * The handle within reach of a spot.
   * @param {string} place
   * @param {View} view
   * @param {Spot} spot
   * @param {number} ratio
   * @returns {{measure: Measure, point: number} | null}
   */
  handleAt(place, view, spot, ratio) {
    for (const measure of this.on(place)) {
      const point = measure.points.findIndex((each) => {
        const { x, y } = view.toScreen(each)
        return Math.hypot(x - spot.x, y - spot.y) <= REACH * ratio
      })
      if (point >= 0) return { measure, point }
    }
    return null
  }
}

/**
 * What a measure says, in lines.
 * @param {Measure} measure
 * @param {Frame} frame
 * @returns {string[]}
 */
export function measureWords({ kind, points }, frame) {
  const { spacing } = frame
  if (kind === "length") return [lengthWords(distance(points[0], points[1], spacing), spacing)]
  if (kind === "angle") return points.length < 3 ? [] : [`${angle(points[0], points[1], points[2], spacing).toFixed(1)}°`]
  const size = areaWords(area(points[0], points[1], kind, spacing), spacing)
  if (frame.channels === 3) return [size]
  const found = statistics(frame, points[0], points[1], kind)
  if (!found) return [size]
  const unit = frame.unit ? ` ${frame.unit}` : ""
  return [
    `mean ${number(found.mean)} ± ${number(found.deviation)}${unit}`,
    `${number(found.least)} to ${number(found.largest)}${unit}`,
    `${size} · ${found.count} pixels`,
  ]
}

/**
 * Draw the measures of a frame.
 * @param {SVGElement} sheet
 * @param {Measure[]} measures
 * @param {Measure | null} selected
 * @param {View} view
 * @param {Frame} frame
 * @param {number} ratio
 */
export function drawMeasures(sheet, measures, selected, view, frame, ratio) {
  sheet.replaceChildren(
    ...measures.map((measure) => {
      const spots = measure.points.map((point) => view.toScreen(point))
      const group = svg("g", { class: measure === selected ? "measure selected" : "measure" })
      group.append(...outline(measure.kind, spots, ratio))
      for (const { x, y } of spots) group.append(svg("circle", { cx: x, cy: y, r: 3 * ratio }))
      group.append(label(measureWords(measure, frame), spots, ratio))
      return group
    }),
  )
}

/** @param {Kind} kind @param {Spot[]} spots @param {number} ratio @returns {Element[]} */
function outline(kind, spots, ratio) {
  const width = { "stroke-width": 1.5 * ratio }
  if (kind === "length" || kind === "angle") {
    const points = spots.map(({ x, y }) => `${x},${y}`).join(" ")
    return ["halo", "line"].map((name) => svg("polyline", { points, class: name, ...width }))
  }
  const [a, b] = spots
  const box = { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(b.x - a.x), height: Math.abs(b.y - a.y) }
  const round = { cx: (a.x + b.x) / 2, cy: (a.y + b.y) / 2, rx: box.width / 2, ry: box.height / 2 }
  return ["halo", "line"].map((name) =>
    kind === "rectangle"
      ? svg("rect", { ...box, class: name, ...width })
      : svg("ellipse", { ...round, class: name, ...width }),
  )
}

/** @param {string[]} lines @param {Spot[]} spots @param {number} ratio */
function label(lines, spots, ratio) {
  const x = Math.max(...spots.map((spot) => spot.x)) + 8 * ratio
  const y = spots.reduce((sum, spot) => sum + spot.y, 0) / spots.length
  const size = 12.5 * ratio
  const text = svg("text", { x, y, "font-size": size, "stroke-width": 3 * ratio })
  text.append(...lines.map((line, i) => svg("tspan", { x, dy: i === 0 ? 0 : size * 1.25 }, line)))
  return text
}
