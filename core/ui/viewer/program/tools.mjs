// @ts-check
// The tools: what a drag on a picture does, from the press to the lift.

/** @import { Frame } from "./types.mjs" */
/** @import { Spot } from "./geometry.mjs" */
/** @import { Kind, Measure } from "./measures.mjs" */
/** @import { Pane } from "./pane.mjs" */
/** @import { Slot, Viewer } from "./viewer.mjs" */

import { POINTS } from "./measures.mjs"

/** @typedef {"window" | "pan" | Kind} Tool */
/** @typedef {((spot: Spot) => void) | null} Drag */

/** A window moves only after so many pixels: a click is no change. */
const SLIP_PX = 2
const PX_PER_DOUBLING = 120

export class Tools {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer
    /** @type {Tool} */
    this.chosen = "window"
    /** @type {Measure | null} an angle that waits for its third point */
    this.pending = null
  }

  /** @param {Tool} tool */
  choose(tool) {
    this.chosen = tool
    this.pending = null
    this.viewer.stages.dataset.tool = tool
    this.viewer.schedule()
  }

  /** Begin what the chosen tool does. @param {Pane} pane @param {Spot} spot @returns {Drag} */
  begin(pane, spot) {
    const { viewer } = this
    const slot = viewer.slot(pane)
    const frame = viewer.frame(slot)
    if (!frame || !pane.view) return null
    if (this.pending) return this.measure(slot, spot)
    const held = viewer.measures.handleAt(viewer.where(slot), pane.view, spot, pane.ratio)
    if (held) return this.move(pane, held.measure, held.point)
    if (this.chosen === "pan") return this.pan(pane, spot)
    if (this.chosen in POINTS) return this.measure(slot, spot)
    return this.window(slot, frame, spot)
  }

  /** @param {Slot} slot @param {Frame} frame @param {Spot} from @returns {Drag} */
  window(slot, frame, from) {
    if (frame.channels === 3) return null
    const { look } = this.viewer.seriesOf(slot)
    const window = look.beginning(frame)
    let isMoving = false
    return (to) => {
      const { ratio } = slot.pane
      isMoving ||= Math.hypot(to.x - from.x, to.y - from.y) >= SLIP_PX * ratio
      if (!isMoving) return
      look.drag(frame, window, (to.x - from.x) / ratio, (to.y - from.y) / ratio)
      this.viewer.schedule()
    }
  }

  /** @param {Pane} pane @param {Spot} from @returns {Drag} */
  pan(pane, from) {
    let before = from
    return (to) => {
      this.viewer.pan(pane, to.x - before.x, to.y - before.y)
      before = to
    }
  }

  /** @param {Pane} pane @param {Spot} from @returns {Drag} */
  zoom(pane, from) {
    let before = from
    return (to) => {
      this.viewer.zoom(pane, 2 ** ((before.y - to.y) / (PX_PER_DOUBLING * pane.ratio)), from)
      before = to
    }
  }

  /** @param {Slot} slot @param {Spot} spot @returns {Drag} */
  measure(slot, spot) {
    const { pane } = slot
    if (!pane.view) return null
    const point = pane.view.toImage(spot)
    if (this.pending) {
      const angle = this.pending
      this.pending = null
      angle.points.push(point)
      return this.move(pane, angle, 2)
    }
    const measure = { kind: /** @type {Kind} */ (this.chosen), points: [point, { ...point }] }
    this.viewer.measures.add(this.viewer.where(slot), measure)
    this.pending = measure.kind === "angle" ? measure : null
    return this.move(pane, measure, 1)
  }

  /** @param {Pane} pane @param {Measure} measure @param {number} point @returns {Drag} */
  move(pane, measure, point) {
    this.viewer.measures.selected = measure
    this.viewer.schedule()
    return (to) => {
      if (pane.view) measure.points[point] = pane.view.toImage(to)
      this.viewer.schedule()
    }
  }

  /** The hand was lifted: a measure without size was a slip. */
  lifted() {
    const [a, b] = this.viewer.measures.selected?.points ?? []
    if (b && a.down === b.down && a.across === b.across) this.forget()
    this.viewer.report()
    this.viewer.schedule()
  }

  /** Drop the measure that has just been begun: it was a slip, or the first finger of two. */
  forget() {
    const { measures } = this.viewer
    if (this.chosen in POINTS && measures.selected) measures.remove(measures.selected)
    this.pending = null
  }

  /** Remove the measure that was chosen last. */
  remove() {
    const { measures } = this.viewer
    const last = measures.selected ?? measures.on(this.viewer.where(this.viewer.panes[0])).at(-1)
    if (last) measures.remove(last)
    this.pending = null
    this.viewer.schedule()
  }
}
