// @ts-check
// The viewer: panes, what they share, and what the reader does with them. State goes to the page when the hand is lifted.

/** @import { Component, Frame, Heat, HeatLook, NamedVoi, Place } from "./types.mjs" */
/** @import { Spot } from "./geometry.mjs" */
/** @import { Series } from "./series.mjs" */

import { Cine } from "./cine.mjs"
import { html } from "./elements.mjs"
import { Pyramid } from "./frame.mjs"
import { Unshowable } from "./frames.mjs"
import { panned, zoomedAt } from "./geometry.mjs"
import { Hand } from "./hand.mjs"
import { decodeHeat, Heats, heatWords } from "./heats.mjs"
import { keySheet, pressKey } from "./keys.mjs"
import { MANUAL } from "./looks.mjs"
import { drawMeasures, Measures } from "./measures.mjs"
import { forgetSheets, Pane } from "./pane.mjs"
import { Scores } from "./scores.mjs"
import { follow, meet, openedSeries, showSlice } from "./series.mjs"
import { paneWords, writeCaption, writeCorners, writeProbe } from "./texts.mjs"
import { Toolbar } from "./toolbar.mjs"
import { Tools } from "./tools.mjs"
import { windowWords } from "./words.mjs"

const QUIET_MS = 250
const WHOLE = { zoom: 1, down: 0.5, across: 0.5 }

/**
 * A pane and what it holds; `shown` is the frame that is drawn, while the wanted one may still be loading.
 * @typedef {{pane: Pane, source: string, heats: Heat[], words: string, evidence: boolean, shown: number}} Slot
 */

/** @param {[number, number]} limits @param {number} place between them, 0 to 1 */
const valueAlong = ([low, high], place) => low + place * (high - low)

export class Viewer {
  /** @param {Component} component */
  constructor(component) {
    this.component = component
    /** @type {Map<string, Series>} */
    this.series = new Map()
    /** @type {Slot[]} */
    this.panes = []
    /** @type {Place} */
    this.place = { ...WHOLE }
    /** Whether the files' own graphics are drawn over their pictures; they may name the patient. */
    this.graphics = false
    this.heats = new Heats()
    this.measures = new Measures()
    this.tools = new Tools(this)
    this.cine = new Cine(this)
    this.toolbar = new Toolbar(this)
    this.scores = new Scores(this)
    this.stages = html("div", { class: "panes" })
    this.live = html("div", { class: "spoken", role: "status", "aria-live": "polite" })
    this.element = html("div", { class: "viewer", tabindex: "0", role: "application", "aria-label": "Images. Press ? for keys." })
    this.element.append(this.stages, this.scores.element, this.toolbar.element, this.live)
    // For tests and benchmarks.
    Object.assign(this.element, { lightbox: this })
    this.element.addEventListener("keydown", (event) => pressKey(this, event))
    this.element.addEventListener("pointerenter", () => this.focusWhereNobodyTypes())
    component.parentElement.append(this.element)
    this.watch = new ResizeObserver(() => this.draw())
    this.watch.observe(this.stages)
    this.awaited = 0
    this.quiet = 0
    this.drawn = 0
    this.reported = ""
    this.jumped = null
    this.heatsTold = ""
  }

  // ── What the page says ──────────────────────────────────────────────────────────────────────────────────────────

  /** Take over what the page wants shown; what is shown already stays as it is. @param {Component} component */
  update(component) {
    this.component = component
    const { data } = component
    const before = this.panes[0]?.source
    const added = this.openSeries(data)
    if (added.length > 0) this.graphics = false
    if (data.panes[0].source !== before) this.begin(data.start)
    for (const source of added) {
      const series = /** @type {Series} */ (this.series.get(source))
      const first = /** @type {Series} */ (this.series.get(data.panes[0].source))
      if (series !== first) meet(series, first)
    }
    this.heats.setColours(data.colours)
    this.arrange(data)
    if (data.jump && data.jump.serial !== this.jumped) {
      if (this.jumped !== null || before !== undefined) this.goTo(data.jump.frame)
      this.jumped = data.jump.serial
    }
    this.schedule()
  }

  /** @param {any} data @returns {string[]} the series that were not here before */
  openSeries(data) {
    /** @type {string[]} */
    const added = []
    const wanted = new Map(data.panes.map((/** @type {any} */ told) => [told.source, told]))
    for (const [source, { frames }] of this.series) {
      if (wanted.has(source)) continue
      frames.close()
      forgetSheets()
      this.series.delete(source)
    }
    for (const [source, told] of wanted) {
      const known = this.series.get(source)
      if (known) {
        known.told = told
        known.frames.renew(told.token)
      } else {
        this.series.set(source, this.openedSeries(told))
        added.push(source)
      }
    }
    return added
  }

  /** @param {any} told @returns {Series} */
  openedSeries(told) {
    const renew = () => this.component.setTriggerValue("renew", Date.now())
    return openedSeries(told, this.component.data.pixels, () => this.schedule(), renew)
  }

  /** Look at the first pane's series as the page remembers it. @param {any} start */
  begin(start) {
    const series = /** @type {Series} */ (this.series.get(this.component.data.panes[0].source))
    Object.assign(series.look, { preset: start.preset, window: start.window, invert: start.invert })
    this.place = { zoom: start.zoom, down: start.centre[0], across: start.centre[1] }
    this.heats.begin(start)
    this.cine.stop()
    showSlice(series, start.frame)
  }

  /** @param {any} data */
  arrange(data) {
    const heatsTold = JSON.stringify(data.panes.map((/** @type {any} */ told) => told.heats))
    const areNew = heatsTold !== this.heatsTold
    this.heatsTold = heatsTold
    if (this.panes.length !== data.panes.length) {
      this.panes = data.panes.map(() => ({ pane: new Pane(data.notice), source: "", heats: [], words: "", evidence: false, shown: -1 }))
      for (const { pane } of this.panes) new Hand(this, pane)
      this.stages.replaceChildren(...this.panes.map(({ pane }) => pane.element))
    }
    data.panes.forEach((/** @type {any} */ told, /** @type {number} */ i) => {
      const slot = this.panes[i]
      if (slot.source !== told.source) slot.shown = -1
      slot.source = told.source
      slot.words = told.words
      slot.evidence = told.evidence
      if (areNew) slot.heats = told.heats.map(decodeHeat)
    })
    // What is taken along has the contour that is seen, so the page must hear of it.
    if (areNew && this.heats.follow(this.heat())) this.soon()
  }

  close() {
    this.watch.disconnect()
    this.cine.stop()
    clearTimeout(this.quiet)
    for (const { frames } of this.series.values()) frames.close()
    this.series.clear()
    forgetSheets()
    this.element.remove()
  }

  // ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Draw before the next picture of the screen, once. */
  schedule() {
    if (this.awaited) return
    this.awaited = requestAnimationFrame(() => {
      this.awaited = 0
      this.draw()
    })
  }

  draw() {
    if (this.panes.length === 0) return
    const began = performance.now()
    for (const slot of this.panes) this.drawPane(slot)
    this.showControls()
    this.drawn = performance.now() - began
  }

  /** @param {Slot} slot */
  drawPane(slot) {
    const series = this.seriesOf(slot)
    const { pane } = slot
    pane.resize()
    const wanted = series.frames.get(series.index)
    if (wanted) slot.shown = series.index
    const picture = wanted ?? series.frames.get(slot.shown)
    if (!(picture instanceof Pyramid)) {
      const what = picture instanceof Unshowable ? "No image" : "Loading the image"
      writeCorners(pane, series, slot.shown, null, { named: null, hasMore: false }, what)
      pane.clear()
      pane.words.role = picture instanceof Unshowable ? "alert" : "status"
      pane.words.textContent = picture instanceof Unshowable ? picture.words : what
      pane.svg.replaceChildren()
      return
    }
    pane.words.textContent = ""
    const { frame } = picture
    const named = series.look.on(frame)
    const heat = this.heatOn(slot)
    const { look, map, contourColour } = this.heats
    const laid = heat && { heat, look, map, contour: contourColour }
    const { invert } = series.look
    const { place, graphics } = this
    pane.draw({ source: slot.source, index: slot.shown, pyramid: picture, named, invert, place, heat: laid, graphics })
    writeCorners(pane, series, slot.shown, frame, { named, hasMore: Boolean(frame.graphics) && !graphics }, paneWords(slot, heat))
    writeCaption(pane, frame, slot, this.heats, heat)
    const view = /** @type {import("./geometry.mjs").View} */ (pane.view)
    drawMeasures(pane.svg, this.measures.on(this.where(slot)), this.measures.selected, view, frame, pane.ratio)
  }

  /** The heatmap to lay over a pane: that of the slice which is shown, and no other. */
  heatOn(/** @type {Slot} */ slot) {
    const heat = this.heats.of(slot.heats)
    return this.heats.isOn && heat && heat.frame === slot.shown ? heat : null
  }

  showControls() {
    const series = this.active()
    const frame = this.frame()
    const named = frame && series.look.on(frame)
    const presets = frame ? frame.windows.map(({ name }) => name) : []
    if (named?.name === MANUAL) presets.push(MANUAL)
    this.toolbar.show({
      tool: this.tools.chosen,
      presets,
      preset: named?.name ?? "",
      invert: series.look.invert,
      count: series.told.frames,
      index: series.index,
      unit: series.told.unit,
      isPlaying: this.cine.isPlaying,
      graphics: frame?.graphics ? this.graphics : null,
    })
    this.scores.show(this.component.data.scores, series.index, series.told.unit)
    const heats = this.panes.flatMap((slot) => slot.heats)
    const look = { ...this.heats.look, isOn: this.heats.isOn }
    this.toolbar.heat.show(heats, this.heats.of(heats), look, this.panes.some((slot) => slot.evidence))
  }

  /** The first pane's series: what keys and controls act on. */
  active() {
    return /** @type {Series} */ (this.series.get(this.panes[0].source))
  }

  /** The picture that a pane shows. @returns {Frame | null} */
  frame(slot = this.panes[0]) {
    const picture = this.series.get(slot.source)?.frames.known.get(slot.shown)
    return picture instanceof Pyramid ? picture.frame : null
  }

  /** @param {Slot} slot */
  seriesOf(slot) {
    return /** @type {Series} */ (this.series.get(slot.source))
  }

  /** @param {Pane} pane */
  slot(pane) {
    return /** @type {Slot} */ (this.panes.find((slot) => slot.pane === pane))
  }

  /** Where measures belong. @param {{source: string, shown: number}} slot */
  where({ source, shown }) {
    return `${source}/${shown}`
  }

  // ── Slices ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {Pane} pane */
  count(pane) {
    return this.seriesOf(this.slot(pane)).told.frames
  }

  /** Move by slices; panes of other series move along. @param {number} by */
  step(by) {
    const first = this.active()
    const before = first.index
    showSlice(first, before + by)
    for (const other of this.series.values()) {
      if (other !== first) follow(other, first, before)
    }
    this.schedule()
  }

  /** @param {number} index of the first pane's series */
  goTo(index) {
    this.step(index - this.active().index)
  }

  toggleCine() {
    if (this.cine.isPlaying) this.cine.stop()
    else if (this.active().told.frames > 1) this.cine.start(this.active().told.frame_time_ms)
    this.schedule()
  }

  // ── Window ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {number} number */
  choosePreset(number) {
    const name = this.frame()?.windows[number]?.name
    if (name === undefined) return
    for (const { look } of this.series.values()) look.preset = name
    this.changed()
  }

  invert() {
    const invert = !this.active().look.invert
    for (const { look } of this.series.values()) look.invert = invert
    this.changed()
  }

  toggleGraphics() {
    this.graphics = !this.graphics
    this.schedule()
  }

  toggleCurve() {
    for (const slot of this.panes) {
      const frame = this.frame(slot)
      const { look } = this.seriesOf(slot)
      if (frame?.channels === 1 && slot === this.panes.find(({ source }) => source === slot.source)) look.toggleCurve(frame)
    }
    this.changed()
  }

  reset() {
    for (const { look } of this.series.values()) look.reset()
    this.place = { ...WHOLE }
    this.changed()
  }

  // ── Heat ────────────────────────────────────────────────────────────────────────────────────────────────────────

  toggleHeat() {
    this.heats.isOn = !this.heats.isOn
    this.changed()
  }

  /** The heatmap that is chosen, on whichever slice it lies. */
  heat() {
    return this.heats.of(this.panes.flatMap((slot) => slot.heats))
  }

  toggleContour() {
    const heat = this.heat()
    if (heat) this.heats.toggleContour(heat)
    this.changed()
  }

  /** @param {number} number */
  chooseHeat(number) {
    const heat = this.panes.flatMap((slot) => slot.heats)[number]
    Object.assign(this.heats, { label: heat.label, method: heat.method })
    this.heats.follow(heat)
    this.changed()
  }

  /** @param {Partial<HeatLook>} part */
  setHeatLook(part) {
    this.heats.look = { ...this.heats.look, ...part }
    this.schedule()
  }

  /** @param {number} place between the limits, 0 to 1 */
  setThreshold(place) {
    const heat = this.heat()
    if (heat) this.setHeatLook({ threshold: valueAlong(heat.limits, place) })
  }

  /** @param {number} place between the limits, 0 to 1 */
  setContour(place) {
    const heat = this.heat()
    if (!heat) return
    this.heats.setContour(heat, valueAlong(heat.limits, place))
    this.schedule()
  }

  // ── Place ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {Pane} pane @param {number} factor @param {Spot} spot */
  zoom(pane, factor, spot) {
    if (!pane.view) return
    this.place = zoomedAt(pane.view, this.place, factor, spot)
    this.schedule()
  }

  /** @param {number} factor */
  zoomInMiddle(factor) {
    const { pane } = this.panes[0]
    if (pane.view) this.zoom(pane, factor, { x: pane.view.width / 2, y: pane.view.height / 2 })
  }

  /** @param {Pane} pane @param {number} dx @param {number} dy */
  pan(pane, dx, dy) {
    if (!pane.view) return
    this.place = panned(pane.view, this.place, dx, dy)
    this.schedule()
  }

  fit() {
    this.place = { ...WHOLE }
    this.changed()
  }

  ownSize() {
    const { view } = this.panes[0].pane
    if (view) this.place = { ...this.place, zoom: 1 / view.fit }
    this.changed()
  }

  // ── The pointer, keys, focus, page ─────────────────────────────────────────────────────────────────────────────────

  /** Say what lies under the pointer, and mark the place in the other panes. @param {Pane} pane @param {Spot | null} spot */
  probe(pane, spot) {
    const slot = this.slot(pane)
    const frame = this.frame(slot)
    for (const other of this.panes) {
      const isSame = other.source === slot.source && other.shown === slot.shown
      const point = spot && pane.view && isSame ? pane.view.toImage(spot) : null
      writeProbe(other.pane, point, frame, this.heatOn(other), other.pane !== pane)
    }
  }

  focus() {
    this.element.focus({ preventScroll: true })
  }

  focusWhereNobodyTypes() {
    if (document.activeElement === document.body || document.activeElement === null) this.focus()
  }

  toggleSheet() {
    const open = this.element.querySelector(".sheet")
    if (open) {
      open.remove()
      this.focus()
      return
    }
    const presets = this.frame()?.windows.map(({ name }) => name) ?? []
    const heat = this.heat()
    const sheet = keySheet(presets, heat ? heatWords(heat) : "", () => this.toggleSheet())
    this.element.append(sheet)
    sheet.querySelector("button")?.focus()
  }

  escape() {
    if (this.element.querySelector(".sheet")) this.toggleSheet()
    this.cine.stop()
    this.schedule()
  }

  changed() {
    this.schedule()
    this.soon()
  }

  /** Tell the page where the reader stands once keys and wheel have come to rest. */
  soon() {
    clearTimeout(this.quiet)
    this.quiet = setTimeout(() => this.report(), QUIET_MS)
  }

  report() {
    clearTimeout(this.quiet)
    if (this.cine.isPlaying) return
    const series = this.active()
    const frame = this.frame()
    const named = frame && series.look.on(frame)
    const view = {
      source: this.panes[0].source,
      frame: series.index,
      preset: series.look.preset,
      window: named && "center" in named.voi ? named.voi : null,
      invert: series.look.invert,
      zoom: this.place.zoom,
      centre: [this.place.down, this.place.across],
      heat: this.heats.isOn,
      label: this.heats.label,
      method: this.heats.method,
      ...this.heats.look,
    }
    const told = JSON.stringify(view)
    if (told === this.reported) return
    this.reported = told
    this.live.textContent = `${series.told.unit} ${series.index + 1} of ${series.told.frames}. ${windowWords(named?.voi ?? null, named?.name ?? "")}`
    this.component.setStateValue("view", view)
  }
}
