// @ts-check
// The file's own graphics: core/io/dicom/graphics.py reads them, core/overlay/colour.py says how they look.

/** @import { Frame } from "./types.mjs" */

/** Of core.overlay.GRAPHICS_COLOUR, as a pixel of a canvas: alpha, blue, green, red. */
export const COLOUR = (0xff << 24) | (142 << 16) | (255 << 8) | 126

/**
 * @param {Uint8Array} bits
 * @param {Int32Array} out
 */
export function paintGraphics(bits, out) {
  for (let i = 0; i < out.length; i++) if ((bits[i >> 3] >> (i & 7)) & 1) out[i] = COLOUR
}

/** @type {WeakMap<Frame, OffscreenCanvas>} */
const sheets = new WeakMap()

/**
 * The graphics of a picture, transparent elsewhere.
 * @param {Frame} frame with graphics
 */
export function graphicsSheet(frame) {
  const known = sheets.get(frame)
  if (known) return known
  const sheet = new OffscreenCanvas(frame.columns, frame.rows)
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (sheet.getContext("2d"))
  const data = context.createImageData(frame.columns, frame.rows)
  paintGraphics(/** @type {Uint8Array} */ (frame.graphics), new Int32Array(data.data.buffer))
  context.putImageData(data, 0, 0)
  sheets.set(frame, sheet)
  return sheet
}
