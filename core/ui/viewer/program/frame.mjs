// @ts-check
// A picture as it came from the server, and smaller copies of it: core/ui/viewer/encoding.py describes the bytes.

/** @import { Frame, NamedVoi, Values, Voi } from "./types.mjs" */

import { Shader } from "./shades.mjs"

const ARRAYS = {
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
}
const MAGIC = 0x3158424c // "LBX1"

/**
 * @param {ArrayBuffer} buffer
 * @returns {Frame}
 */
export function decodeFrame(buffer) {
  const view = new DataView(buffer)
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error("not a picture of this viewer")
  const length = view.getUint32(4, true)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)))
  const ArrayType = ARRAYS[/** @type {keyof ARRAYS} */ (header.dtype)]
  const pixels = new ArrayType(buffer, 8 + length, header.rows * header.columns * header.channels)
  const tables = 8 + length + pixels.byteLength
  return {
    rows: header.rows,
    columns: header.columns,
    channels: header.channels,
    pixels,
    intercept: header.rescale.intercept,
    isInverse: header.photometric_interpretation === "MONOCHROME1",
    padding: header.padding,
    unit: header.unit,
    spacing: header.spacing,
    edges: header.edges,
    windows: header.windows.map((/** @type {any} */ window) => namedVoi(window, buffer, tables)),
    graphics: header.graphics ? new Uint8Array(buffer, tables + 2 * entriesOf(header.windows)) : null,
  }
}

/** How many entries all VOI LUTs have together. @param {any[]} windows @returns {number} */
const entriesOf = (windows) => windows.reduce((sum, { lut }) => sum + (lut ? lut.entries : 0), 0)

/**
 * @param {any} told
 * @param {ArrayBuffer} buffer
 * @param {number} tables where the entries of the first VOI LUT begin
 * @returns {NamedVoi}
 */
function namedVoi(told, buffer, tables) {
  const { name, lut, ...window } = told
  if (!lut) return { name, voi: window }
  const start = tables + 2 * lut.first
  // A copy, since an odd number of bytes may lie before it.
  const values = new Uint16Array(buffer.slice(start, start + 2 * lut.entries))
  return { name, voi: { values, firstValue: lut.first_value, bits: lut.bits } }
}

/**
 * The value of a pixel: one number, three for colour; null outside the picture.
 * @param {Frame} frame
 * @param {number} row
 * @param {number} column
 * @returns {number[] | null}
 */
export function valueAt(frame, row, column) {
  if (row < 0 || column < 0 || row >= frame.rows || column >= frame.columns) return null
  const first = (row * frame.columns + column) * frame.channels
  return Array.from(frame.pixels.subarray(first, first + frame.channels), (stored) => stored + frame.intercept)
}

/**
 * Whether a value means that there is no image at its place.
 * @param {Pick<Frame, "padding">} frame
 * @param {number} value
 */
export function isHidden(frame, value) {
  return Number.isNaN(value) || (frame.padding !== null && value >= frame.padding[0] && value <= frame.padding[1])
}

/**
 * A picture, and copies of half, a quarter … of its sides, made when they are first needed. A copy's values are means
 * of four: shown smaller than it is, a picture then needs neither the work of all its pixels nor loses fine detail to
 * chance. At its own size and above, the picture itself is shown.
 */
export class Pyramid {
  /** @param {Frame} frame */
  constructor(frame) {
    this.frame = frame
    /** @type {{rows: number, columns: number, pixels: Values, paint: Painter}[]} */
    this.levels = [{ rows: frame.rows, columns: frame.columns, pixels: frame.pixels, paint: painter(frame, frame.pixels) }]
  }

  /**
   * The smallest copy that has at least as many pixels as the screen shows.
   * @param {number} scale device pixels for one pixel of the picture
   */
  levelFor(scale) {
    let number = 0
    for (; scale * 2 ** (number + 1) <= 1 && Math.min(this.frame.rows, this.frame.columns) >> (number + 1) >= 64; ) number++
    while (this.levels.length <= number) this.levels.push(this.halved())
    return this.levels[number]
  }

  halved() {
    const { frame } = this
    const above = this.levels[this.levels.length - 1]
    const rows = Math.ceil(above.rows / 2)
    const columns = Math.ceil(above.columns / 2)
    const pixels = frame.channels === 3 ? halvedColour(above, rows, columns) : halvedGray(frame, above, rows, columns)
    return { rows, columns, pixels, paint: painter(frame, pixels) }
  }
}

/** @typedef {Shader | ColourPainter} Painter */

/** @param {Frame} frame @param {Values} pixels @returns {Painter} */
function painter(frame, pixels) {
  return frame.channels === 3 ? new ColourPainter(pixels) : new Shader(frame, pixels)
}

/** Paints true colour, to which no window applies. */
export class ColourPainter {
  /** @param {Values} pixels */
  constructor(pixels) {
    this.pixels = pixels
    this.flip = 0
  }

  /** @param {Voi | null} _ @param {boolean} invert */
  set(_, invert) {
    this.flip = invert ? 0xffffff : 0
  }

  /**
   * @param {Int32Array} out
   * @param {number} columns
   * @param {{top: number, left: number, bottom: number, right: number}} part
   */
  paint(out, columns, part) {
    const { pixels, flip } = this
    for (let row = part.top; row < part.bottom; row++) {
      for (let i = row * columns + part.left; i < row * columns + part.right; i++) {
        const colour = pixels[3 * i] | (pixels[3 * i + 1] << 8) | (pixels[3 * i + 2] << 16)
        out[i] = 0xff000000 | (colour ^ flip)
      }
    }
  }
}

/**
 * @param {Frame} frame
 * @param {{rows: number, columns: number, pixels: Values}} above
 * @param {number} rows
 * @param {number} columns
 */
function halvedGray(frame, above, rows, columns) {
  const from = above.pixels
  const ArrayType = /** @type {any} */ (from.constructor)
  /** @type {Values} */
  const to = new ArrayType(rows * columns)
  const rounds = !(from instanceof Float32Array || from instanceof Float64Array)
  const mayHide = frame.padding !== null || !rounds
  for (let row = 0; row < rows; row++) {
    const first = 2 * row * above.columns
    const second = Math.min(2 * row + 1, above.rows - 1) * above.columns
    for (let column = 0; column < columns; column++) {
      const left = 2 * column
      const right = Math.min(left + 1, above.columns - 1)
      const [a, b, c, d] = [from[first + left], from[first + right], from[second + left], from[second + right]]
      const mean = mayHide ? meanOfSeen(frame, a, b, c, d) : (a + b + c + d) / 4
      to[row * columns + column] = rounds ? Math.round(mean) : mean
    }
  }
  return to
}

/**
 * The mean of the stored values that show something; a hidden value where none does.
 * @param {Frame} frame
 * @param {number} a
 * @param {number} b
 * @param {number} c
 * @param {number} d
 */
function meanOfSeen(frame, a, b, c, d) {
  let [sum, count, seen] = [0, 0, a]
  for (const stored of [a, b, c, d]) {
    if (isHidden(frame, stored + frame.intercept)) continue
    sum += stored
    count++
    seen = stored
  }
  if (count === 0) return a
  // Between two values on both sides of the padding lies padding.
  const mean = sum / count
  return isHidden(frame, Math.round(mean) + frame.intercept) ? seen : mean
}

/**
 * @param {{rows: number, columns: number, pixels: Values}} above
 * @param {number} rows
 * @param {number} columns
 */
function halvedColour(above, rows, columns) {
  const from = above.pixels
  const to = new Uint8Array(rows * columns * 3)
  for (let row = 0; row < rows; row++) {
    const first = 2 * row * above.columns
    const second = Math.min(2 * row + 1, above.rows - 1) * above.columns
    for (let column = 0; column < columns; column++) {
      const left = 2 * column
      const right = Math.min(left + 1, above.columns - 1)
      for (let channel = 0; channel < 3; channel++) {
        const upper = from[3 * (first + left) + channel] + from[3 * (first + right) + channel]
        const lower = from[3 * (second + left) + channel] + from[3 * (second + right) + channel]
        to[3 * (row * columns + column) + channel] = Math.round((upper + lower) / 4)
      }
    }
  }
  return to
}
