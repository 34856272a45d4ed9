// @ts-check
// From values to shades of gray: core/windowing.py in the browser, step by step the same arithmetic.
// PS3.3 C.11.2.1.2 (window), C.11.2.1.3 (sigmoid and exact), C.11.2.1.1 (VOI LUT), C.7.5.1.1.2 (padding).

/** @import { Frame, Lut, Values, Voi, Window } from "./types.mjs" */

/** Integer pictures that span fewer values than this go through one table. */
const TABLE_ENTRIES = 1 << 18
/** Steps into which the range of a floating-point picture is divided; step 0 is for what is not finite. */
const STEPS = 1 << 16
const OPAQUE = 0xff000000
/** In a table: look at the value itself, since its step holds more than one shade. No opaque pixel is 0. */
const UNDECIDED = 0

/**
 * The function from a value to 0 (black) … 1 (white), before MONOCHROME1 is turned round; NaN stays.
 * @param {Voi} voi
 * @returns {(value: number) => number}
 */
export function voiFunction(voi) {
  if ("values" in voi) return (value) => lookedUp(value, voi)
  const { center, width } = voi
  if (voi.function === "SIGMOID") return (value) => 1 / (1 + Math.exp(((value - center) / width) * -4))
  if (voi.function === "LINEAR_EXACT") return (value) => ramp(value, center, width)
  if (width === 1) return (value) => (Number.isNaN(value) ? NaN : value > center - 0.5 ? 1 : 0)
  return (value) => ramp(value, center - 0.5, width - 1)
}

/** @param {number} value @param {number} middle @param {number} length */
function ramp(value, middle, length) {
  const fraction = (value - middle) / length + 0.5
  return fraction < 0 ? 0 : fraction > 1 ? 1 : fraction
}

/** @param {number} value @param {Lut} lut */
function lookedUp(value, lut) {
  if (Number.isNaN(value)) return NaN
  const position = Math.min(Math.max(value - lut.firstValue, 0), lut.values.length - 1)
  return Math.min(lut.values[roundHalfToEven(position)] / (2 ** lut.bits - 1), 1)
}

/** As NumPy rounds. @param {number} value */
export function roundHalfToEven(value) {
  const below = Math.floor(value)
  const isTie = value - below === 0.5
  return isTie ? below + Math.abs(below % 2) : Math.round(value)
}

/**
 * The function from a value to a pixel of a canvas: gray and opaque.
 * @param {Pick<Frame, "isInverse" | "padding">} frame
 * @param {Voi} voi
 * @param {boolean} invert
 * @returns {(value: number) => number}
 */
export function shadeFunction(frame, voi, invert) {
  const spread = voiFunction(voi)
  const darkens = frame.isInverse !== invert
  const [low, high] = frame.padding ?? [NaN, NaN]
  return (value) => {
    if (Number.isNaN(value) || (value >= low && value <= high)) return OPAQUE | 0
    const shade = Math.floor(spread(value) * 255 + 0.5)
    return grayPixel(darkens ? 255 - shade : shade)
  }
}

/** @param {number} shade */
const grayPixel = (shade) => OPAQUE | (shade << 16) | (shade << 8) | shade

/** Paints the values of one grid: the picture itself, or a smaller copy of it. */
export class Shader {
  /**
   * @param {Frame} frame
   * @param {Values} pixels
   */
  constructor(frame, pixels) {
    this.frame = frame
    this.pixels = pixels
    const [low, high] = finiteRange(pixels)
    this.low = low
    this.high = high
    const isWhole = !(pixels instanceof Float32Array || pixels instanceof Float64Array)
    /** Whether each value has an entry of its own in the table. */
    this.isExact = isWhole && high - low < TABLE_ENTRIES
    this.scale = (STEPS - 4) / (high - low)
    /** @type {Uint16Array | null} */
    this.steps = null
    /** @type {Int32Array} */
    this.table = new Int32Array(this.isExact ? high - low + 1 : STEPS)
  }

  /**
   * Say how values are to be shown.
   * @param {Voi} voi
   * @param {boolean} invert
   */
  set(voi, invert) {
    this.shade = shadeFunction(this.frame, voi, invert)
    const { table, low, shade } = this
    const { intercept } = this.frame
    if (this.isExact) {
      for (let i = 0; i < table.length; i++) table[i] = shade(low + i + intercept)
    } else if ("values" in voi) {
      table.fill(UNDECIDED)
    } else {
      this.fillSteps(shade)
    }
  }

  /**
   * A window only rises: where the steps before and after have one shade, so has the step between.
   * @param {(value: number) => number} shade
   */
  fillSteps(shade) {
    const { table, low, scale } = this
    const { intercept } = this.frame
    table.fill(UNDECIDED)
    if (!Number.isFinite(scale)) return
    let [before, here] = [0, shade(low - 1 / scale + intercept)]
    for (let step = 1; step < STEPS - 1; step++) {
      const after = shade(low + step / scale + intercept)
      table[step] = before === after ? here : UNDECIDED
      before = here
      here = after
    }
    this.leavePaddingUndecided()
  }

  leavePaddingUndecided() {
    if (!this.frame.padding) return
    const [first, last] = this.frame.padding.map((end) => (end - this.frame.intercept - this.low) * this.scale)
    const from = Math.max(0, Math.floor(first) - 2)
    this.table.fill(UNDECIDED, Math.min(from, STEPS), Math.max(0, Math.min(STEPS, Math.ceil(last) + 4)))
  }

  /**
   * Paint a part of the grid.
   * @param {Int32Array} out pixels of the whole grid
   * @param {number} columns of the grid
   * @param {{top: number, left: number, bottom: number, right: number}} part whole numbers
   */
  paint(out, columns, part) {
    for (let row = part.top; row < part.bottom; row++) {
      this.paintRun(out, row * columns + part.left, row * columns + part.right)
    }
  }

  /** @param {Int32Array} out @param {number} from @param {number} to */
  paintRun(out, from, to) {
    const { pixels, table, low } = this
    if (this.isExact) {
      for (let i = from; i < to; i++) out[i] = table[pixels[i] - low]
      return
    }
    const steps = this.steps ?? this.divide()
    const shade = /** @type {(value: number) => number} */ (this.shade)
    const { intercept } = this.frame
    for (let i = from; i < to; i++) out[i] = table[steps[i]] || shade(pixels[i] + intercept)
  }

  /** Sort every value into its step, once. What is not finite becomes 0 when it is stored as an integer. */
  divide() {
    const { pixels, low, scale } = this
    const steps = new Uint16Array(pixels.length)
    if (Number.isFinite(scale)) for (let i = 0; i < pixels.length; i++) steps[i] = (pixels[i] - low) * scale + 1.5
    this.steps = steps
    return steps
  }
}

/**
 * The smallest and the largest finite value; [0, 0] where there is none.
 * @param {Values} pixels
 * @returns {[number, number]}
 */
export function finiteRange(pixels) {
  let low = Infinity
  let high = -Infinity
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]
    if (value < low && value > -Infinity) low = value
    if (value > high && value < Infinity) high = value
  }
  return low <= high ? [low, high] : [0, 0]
}
