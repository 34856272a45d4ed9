// @ts-check
// How one series is looked at: which window, inverted or not. Panes of the same series share it.

/** @import { Frame, NamedVoi, Window } from "./types.mjs" */

export const MANUAL = "Manual"
const AUTOMATIC = "Automatic"
/** So many pixels of dragging make a window e times as wide, or move its centre by its width. */
const PIXELS_PER_E = 240

export class Look {
  constructor() {
    /** Name of the window; empty for the one that the file wants. */
    this.preset = ""
    /** @type {Window | null} made by hand */
    this.window = null
    this.invert = false
  }

  reset() {
    this.preset = ""
    this.invert = false
  }

  /**
   * The window to show a picture with; null for colour.
   * @param {Frame} frame
   * @returns {NamedVoi | null}
   */
  on(frame) {
    if (frame.channels === 3) return null
    if (this.preset === MANUAL && this.window) return { name: MANUAL, voi: this.window }
    return frame.windows.find((window) => window.name === this.preset) ?? frame.windows[0]
  }

  /**
   * Where a drag begins: the window as it is; a table has none, so the automatic one.
   * @param {Frame} frame
   * @returns {Window}
   */
  beginning(frame) {
    const shown = this.on(frame)
    const window = shown && "values" in shown.voi ? frame.windows.find(({ name }) => name === AUTOMATIC)?.voi : shown?.voi
    return /** @type {Window} */ ({ ...window })
  }

  /**
   * To the right wider, downwards a higher centre. Whole numbers where the picture's values are.
   * @param {Frame} frame
   * @param {Window} from
   * @param {number} dx
   * @param {number} dy
   */
  drag(frame, from, dx, dy) {
    const pixels = frame.pixels
    const isWhole = !(pixels instanceof Float32Array || pixels instanceof Float64Array)
    const round = isWhole && from.width > 1 ? Math.round : roundTo(from)
    const width = round(from.width * Math.exp(dx / PIXELS_PER_E))
    const center = round(from.center + (dy * from.width) / PIXELS_PER_E)
    this.window = { center, width: Math.max(width, smallestWidth(frame, from)), function: from.function }
    this.preset = MANUAL
  }

  /** Exchange the straight line of a window for the S-curve, or back. @param {Frame} frame */
  toggleCurve(frame) {
    const window = this.beginning(frame)
    this.window = { ...window, function: window.function === "SIGMOID" ? "LINEAR_EXACT" : "SIGMOID" }
    this.preset = MANUAL
  }
}

/** To a thousandth of the window's power of ten. @param {Window} window @returns {(value: number) => number} */
function roundTo(window) {
  const step = 10 ** (Math.floor(Math.log10(window.width)) - 3)
  return (value) => Number((Math.round(value / step) * step).toPrecision(12))
}

/** LINEAR must not be narrower than 1; the others only not empty. @param {Frame} frame @param {Window} from */
function smallestWidth(frame, from) {
  const isFraction = frame.pixels instanceof Float32Array || frame.pixels instanceof Float64Array
  return isFraction && from.function !== "LINEAR" ? 16 * Number.EPSILON * Math.max(Math.abs(from.center), 1e-12) : 1
}
