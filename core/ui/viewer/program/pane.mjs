// @ts-check
// One picture on the screen: canvas, heat over it, measures, and what is written into its corners.

/** @import { Frame, Heat, HeatLook, NamedVoi, Place } from "./types.mjs" */
/** @import { Pyramid } from "./frame.mjs" */

import { clamp, scaleBar, View } from "./geometry.mjs"
import { graphicsSheet } from "./graphics.mjs"
import { heatOnGrid, paintContour, paintHeat } from "./heat.mjs"
import { html } from "./elements.mjs"
import { barWords } from "./words.mjs"

/** Pictures up to this size are painted as a whole, so that panning them paints nothing. */
const WHOLE_PIXELS = 1 << 20
/** Heat is smooth: it is worked out for at most about so many pixels and then enlarged. */
const HEAT_PIXELS = 1 << 20

/** The pixels of one copy of a picture, painted; panes of the same series share them. */
class Sheet {
  /** @param {{rows: number, columns: number}} level */
  constructor(level) {
    this.canvas = new OffscreenCanvas(level.columns, level.rows)
    this.context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      this.canvas.getContext("2d", { alpha: false, willReadFrequently: true })
    )
    this.data = this.context.createImageData(level.columns, level.rows)
    this.out = new Int32Array(this.data.data.buffer)
    this.key = ""
  }
}

/** Sheets by the size of what they hold: a series is scrolled on one. */
const sheets = new Map()

/** @param {{rows: number, columns: number}} level @param {string} source @returns {Sheet} */
function sheetFor(level, source) {
  const key = `${source} ${level.columns}×${level.rows}`
  const sheet = sheets.get(key) ?? new Sheet(level)
  sheets.delete(key)
  sheets.set(key, sheet)
  // Two series next to each other, each at its size and at half of it.
  if (sheets.size > 4) sheets.delete(sheets.keys().next().value)
  return sheet
}

/** Let go of the memory of pictures that were painted. */
export function forgetSheets() {
  sheets.clear()
}

export class Pane {
  /** @param {string} notice */
  constructor(notice) {
    this.canvas = html("canvas", { class: "picture" })
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { alpha: false }))
    this.overlay = document.createElement("canvas")
    this.overlayKey = ""
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
    this.svg.setAttribute("class", "measures")
    this.corners = {
      topLeft: html("div", { class: "corner top left" }),
      topRight: html("div", { class: "corner top right" }),
      bottomLeft: html("div", { class: "corner bottom left" }),
      bottomRight: html("div", { class: "corner bottom right" }),
    }
    this.edges = Object.fromEntries(
      ["left", "right", "top", "bottom"].map((side) => [side, html("div", { class: `edge ${side}` })]),
    )
    this.bar = html("div", { class: "bar" }, html("i"), html("span"))
    this.words = html("div", { class: "words", role: "status" })
    this.caption = html("div", { class: "caption" })
    /** Where the pointer is in another pane. */
    this.cross = html("div", { class: "cross", hidden: "" })
    const stage = html("div", { class: "stage" }, this.canvas, this.svg, ...Object.values(this.corners))
    stage.append(...Object.values(this.edges), this.bar, this.words, this.cross)
    this.stage = stage
    this.element = html("figure", { class: "pane" }, stage, html("figcaption", {}, this.caption))
    this.notice = html("b", { class: "notice" }, notice)
    this.probe = html("div", { class: "probe" })
    this.corners.bottomRight.append(this.probe, this.notice)
    /** @type {View | null} */
    this.view = null
    this.ratio = 1
  }

  /** Make the canvas as fine as the screen. Returns whether its size has changed. */
  resize() {
    const box = this.stage.getBoundingClientRect()
    this.ratio = devicePixelRatio || 1
    const width = Math.max(1, Math.round(box.width * this.ratio))
    const height = Math.max(1, Math.round(box.height * this.ratio))
    if (this.canvas.width === width && this.canvas.height === height) return false
    this.canvas.width = width
    this.canvas.height = height
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`)
    return true
  }

  /**
   * Draw the picture, and heat over it.
   * @param {object} shown
   * @param {string} shown.source
   * @param {number} shown.index
   * @param {Pyramid} shown.pyramid
   * @param {NamedVoi | null} shown.named
   * @param {boolean} shown.invert
   * @param {Place} shown.place
   * @param {{heat: Heat, look: HeatLook, map: Uint8Array, contour: number} | null} shown.heat
   * @param {boolean} shown.graphics whether to draw the file's own
   */
  draw(shown) {
    const { frame } = shown.pyramid
    const { canvas } = this
    this.view = new View(frame, canvas.width, canvas.height, shown.place)
    this.paint(shown)
    if (shown.heat) this.layHeat(shown.heat, shown)
    if (shown.graphics && frame.graphics) this.layGraphics(frame)
    this.showBar(frame)
    this.showEdges(frame)
  }

  /** Black, where there is nothing to show (yet). */
  clear() {
    this.context.fillStyle = "#000"
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height)
    this.view = null
    this.bar.hidden = true
    for (const edge of Object.values(this.edges)) edge.textContent = ""
  }

  /** @param {{source: string, index: number, pyramid: Pyramid, named: NamedVoi | null, invert: boolean}} shown */
  paint({ source, index, pyramid, named, invert }) {
    const { context, canvas } = this
    const view = /** @type {View} */ (this.view)
    const scale = Math.max(view.perRow, view.perColumn)
    const level = pyramid.levelFor(scale)
    const shrink = 2 ** pyramid.levels.indexOf(level)
    const part = this.visiblePart(level, shrink)
    const sheet = sheetFor(level, source)
    const voi = JSON.stringify(named && "values" in named.voi ? named.name : (named?.voi ?? ""))
    const key = [source, index, voi, invert, ...Object.values(part)].join(" ")
    if (sheet.key !== key) {
      level.paint.set(/** @type {any} */ (named?.voi ?? null), invert)
      level.paint.paint(sheet.out, level.columns, part)
      const [width, height] = [part.right - part.left, part.bottom - part.top]
      sheet.context.putImageData(sheet.data, 0, 0, part.left, part.top, width, height)
      sheet.key = key
    }
    context.fillStyle = "#000"
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.imageSmoothingEnabled = scale * shrink !== 1
    const [width, height] = [level.columns * shrink * view.perColumn, level.rows * shrink * view.perRow]
    context.drawImage(sheet.canvas, view.left, view.top, width, height)
  }

  /** The part of a copy that is on the screen, with one pixel more for the smoothing. */
  visiblePart(/** @type {{rows: number, columns: number}} */ level, /** @type {number} */ shrink) {
    if (level.rows * level.columns <= WHOLE_PIXELS) return { top: 0, left: 0, bottom: level.rows, right: level.columns }
    const region = /** @type {View} */ (this.view).region()
    return {
      top: Math.max(0, Math.floor(region.top / shrink) - 1),
      left: Math.max(0, Math.floor(region.left / shrink) - 1),
      bottom: Math.min(level.rows, Math.ceil(region.bottom / shrink) + 1),
      right: Math.min(level.columns, Math.ceil(region.right / shrink) + 1),
    }
  }

  /** @param {Frame} frame with graphics */
  layGraphics(frame) {
    const view = /** @type {View} */ (this.view)
    const [width, height] = [frame.columns * view.perColumn, frame.rows * view.perRow]
    this.context.imageSmoothingEnabled = view.perColumn < 1
    this.context.drawImage(graphicsSheet(frame), view.left, view.top, width, height)
  }

  /**
   * @param {{heat: Heat, look: HeatLook, map: Uint8Array, contour: number}} laid
   * @param {{index: number}} shown
   */
  layHeat(laid, { index }) {
    const view = /** @type {View} */ (this.view)
    const seen = view.region()
    const first = view.toScreen({ down: seen.top, across: seen.left })
    const last = view.toScreen({ down: seen.bottom, across: seen.right })
    const box = {
      left: clamp(Math.floor(first.x), 0, view.width),
      top: clamp(Math.floor(first.y), 0, view.height),
      right: clamp(Math.ceil(last.x), 0, view.width),
      bottom: clamp(Math.ceil(last.y), 0, view.height),
    }
    const [width, height] = [box.right - box.left, box.bottom - box.top]
    if (width <= 0 || height <= 0) return
    const key = JSON.stringify([laid.heat.label, laid.heat.method, index, laid.look, box, view.left, view.top, view.perRow])
    if (key !== this.overlayKey || laid.heat !== this.laid) {
      this.paintOverlay(laid, box)
      this.overlayKey = key
      this.laid = laid.heat
    }
    this.context.imageSmoothingEnabled = true
    this.context.drawImage(this.overlay, box.left, box.top, width, height)
  }

  /**
   * @param {{heat: Heat, look: HeatLook, map: Uint8Array, contour: number}} laid
   * @param {{left: number, top: number, right: number, bottom: number}} box
   */
  paintOverlay({ heat, look, map, contour }, box) {
    const view = /** @type {View} */ (this.view)
    const coarser = Math.max(1, Math.ceil(Math.sqrt(((box.right - box.left) * (box.bottom - box.top)) / HEAT_PIXELS)))
    const columns = Math.ceil((box.right - box.left) / coarser)
    const rows = Math.ceil((box.bottom - box.top) / coarser)
    const from = view.toImage({ x: box.left, y: box.top })
    const to = view.toImage({ x: box.right, y: box.bottom })
    const region = { top: from.down, left: from.across, bottom: to.down, right: to.across }
    const grid = heatOnGrid(heat, rows, columns, region)
    Object.assign(this.overlay, { width: columns, height: rows })
    const context = /** @type {CanvasRenderingContext2D} */ (this.overlay.getContext("2d"))
    const data = context.createImageData(columns, rows)
    const out = new Int32Array(data.data.buffer)
    paintHeat(grid, out, heat.limits, look, map)
    const line = Math.max(1, Math.round((1.5 * this.ratio) / coarser))
    if (look.contour !== null) paintContour(grid, columns, out, look.contour, contour, line)
    context.putImageData(data, 0, 0)
  }

  /** @param {Frame} frame */
  showBar(frame) {
    const view = /** @type {View} */ (this.view)
    this.bar.hidden = frame.spacing === null
    if (!frame.spacing) return
    const perMm = view.perColumn / frame.spacing.column_mm / this.ratio
    const { mm, pixels } = scaleBar(Math.min(120, view.width / this.ratio / 4), perMm)
    const [line, text] = /** @type {HTMLElement[]} */ ([...this.bar.children])
    line.style.width = `${pixels}px`
    text.textContent = barWords(mm)
  }

  /** @param {Frame} frame */
  showEdges(frame) {
    for (const [side, edge] of Object.entries(this.edges)) {
      edge.textContent = frame.edges ? frame.edges[/** @type {keyof import("./types.mjs").Edges} */ (side)] : ""
    }
  }
}
