// @ts-check
// Where a picture lies on the screen, and what can be measured in it. Points are {down, across} in pixels of the image,
// continuous, (0, 0) at the outer corner of the first pixel.

/** @import { Along, Frame, Place, Region, Spacing } from "./types.mjs" */
/** @typedef {{down: number, across: number}} Point */
/** @typedef {{x: number, y: number}} Spot a point of the screen */

const SMALLEST_ZOOM = 0.25
const LARGEST_SCALE = 64

/** From the image to the screen. The finer direction of pixels that are not square keeps its scale. */
export class View {
  /**
   * @param {Pick<Frame, "rows" | "columns" | "spacing">} frame
   * @param {number} width of the pane
   * @param {number} height
   * @param {Place} place
   */
  constructor(frame, width, height, place) {
    const { spacing } = frame
    const finest = spacing ? Math.min(spacing.row_mm, spacing.column_mm) : 1
    const [tall, wide] = spacing ? [spacing.row_mm / finest, spacing.column_mm / finest] : [1, 1]
    this.fit = Math.min(width / (frame.columns * wide), height / (frame.rows * tall))
    const asked = this.fit * place.zoom
    // The picture's own size is meant exactly.
    const scale = Math.abs(asked - 1) < 1e-9 ? 1 : asked
    /** Pixels of the screen for one row and one column of the image. */
    this.perRow = scale * tall
    this.perColumn = scale * wide
    // On whole pixels, so that a picture shown at its own size is shown as it is.
    this.left = Math.round(width / 2 - place.across * frame.columns * this.perColumn)
    this.top = Math.round(height / 2 - place.down * frame.rows * this.perRow)
    this.width = width
    this.height = height
    this.frame = frame
  }

  /** @param {Point} point @returns {Spot} */
  toScreen(point) {
    return { x: this.left + point.across * this.perColumn, y: this.top + point.down * this.perRow }
  }

  /** @param {Spot} spot @returns {Point} */
  toImage(spot) {
    return { down: (spot.y - this.top) / this.perRow, across: (spot.x - this.left) / this.perColumn }
  }

  /** The part of the image that is on the screen. @returns {Region} */
  region() {
    const first = this.toImage({ x: 0, y: 0 })
    const last = this.toImage({ x: this.width, y: this.height })
    return {
      top: clamp(first.down, 0, this.frame.rows),
      left: clamp(first.across, 0, this.frame.columns),
      bottom: clamp(last.down, 0, this.frame.rows),
      right: clamp(last.across, 0, this.frame.columns),
    }
  }
}

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high)

/**
 * Magnify around a spot of the screen, which stays where it is.
 * @param {View} view
 * @param {Place} place
 * @param {number} factor
 * @param {Spot} spot
 * @returns {Place}
 */
export function zoomedAt(view, place, factor, spot) {
  const zoom = clamp(place.zoom * factor, SMALLEST_ZOOM, Math.max(LARGEST_SCALE / view.fit, 1))
  const grown = zoom / place.zoom
  const { down, across } = view.toImage(spot)
  const [fixedDown, fixedAcross] = [down / view.frame.rows, across / view.frame.columns]
  return keptInSight({
    zoom,
    down: fixedDown + (place.down - fixedDown) / grown,
    across: fixedAcross + (place.across - fixedAcross) / grown,
  })
}

/**
 * @param {View} view
 * @param {Place} place
 * @param {number} dx
 * @param {number} dy
 * @returns {Place}
 */
export function panned(view, place, dx, dy) {
  const { rows, columns } = view.frame
  return keptInSight({
    zoom: place.zoom,
    down: place.down - dy / (view.perRow * rows),
    across: place.across - dx / (view.perColumn * columns),
  })
}

/** The middle of the pane stays on the picture. @param {Place} place @returns {Place} */
const keptInSight = (place) => ({ ...place, down: clamp(place.down, 0, 1), across: clamp(place.across, 0, 1) })

/**
 * A round length for a scale bar of at most this many pixels of the screen.
 * @param {number} most
 * @param {number} pixelsPerMm
 * @returns {{mm: number, pixels: number}}
 */
export function scaleBar(most, pixelsPerMm) {
  const limit = most / pixelsPerMm
  const power = 10 ** Math.floor(Math.log10(limit))
  const mm = [5, 2, 1].map((factor) => factor * power).find((length) => length <= limit) ?? power
  return { mm, pixels: mm * pixelsPerMm }
}

/**
 * Distance of two points: in mm where the spacing is known, else in pixels.
 * @param {Point} a
 * @param {Point} b
 * @param {Spacing | null} spacing
 */
export function distance(a, b, spacing) {
  const [row, column] = spacing ? [spacing.row_mm, spacing.column_mm] : [1, 1]
  return Math.hypot((b.down - a.down) * row, (b.across - a.across) * column)
}

/**
 * The angle at `corner` between two arms, in degrees, 0 to 180; true to shape where the spacing is known.
 * @param {Point} a
 * @param {Point} corner
 * @param {Point} b
 * @param {Spacing | null} spacing
 */
export function angle(a, corner, b, spacing) {
  const [row, column] = spacing ? [spacing.row_mm, spacing.column_mm] : [1, 1]
  const [ay, ax] = [(a.down - corner.down) * row, (a.across - corner.across) * column]
  const [by, bx] = [(b.down - corner.down) * row, (b.across - corner.across) * column]
  return (Math.atan2(Math.abs(ax * by - ay * bx), ax * bx + ay * by) * 180) / Math.PI
}

/**
 * Count, mean, standard deviation (of the sample), least and largest of the pixels whose centres lie in a rectangle or
 * the ellipse within it. What means "no image here" is left out.
 * @param {Frame} frame
 * @param {Point} a
 * @param {Point} b
 * @param {"rectangle" | "ellipse"} shape
 */
export function statistics(frame, a, b, shape) {
  const [top, bottom] = [Math.min(a.down, b.down), Math.max(a.down, b.down)]
  const [left, right] = [Math.min(a.across, b.across), Math.max(a.across, b.across)]
  const [low, high] = frame.padding ?? [NaN, NaN]
  let [count, mean, squares, least, largest] = [0, 0, 0, Infinity, -Infinity]
  for (let row = Math.max(0, Math.ceil(top - 0.5)); row < Math.min(frame.rows, bottom - 0.5); row++) {
    for (let column = Math.max(0, Math.ceil(left - 0.5)); column < Math.min(frame.columns, right - 0.5); column++) {
      if (shape === "ellipse" && !inEllipse(row + 0.5, column + 0.5, top, bottom, left, right)) continue
      const value = frame.pixels[row * frame.columns + column] + frame.intercept
      if (!Number.isFinite(value) || (value >= low && value <= high)) continue
      count++
      // Welford's method: exact also where the mean is large and the spread small.
      const off = value - mean
      mean += off / count
      squares += off * (value - mean)
      if (value < least) least = value
      if (value > largest) largest = value
    }
  }
  return count === 0 ? null : { count, mean, deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : NaN, least, largest }
}

/** @param {number} y @param {number} x @param {number} top @param {number} bottom @param {number} left @param {number} right */
function inEllipse(y, x, top, bottom, left, right) {
  const dy = (y - (top + bottom) / 2) / ((bottom - top) / 2)
  const dx = (x - (left + right) / 2) / ((right - left) / 2)
  return dy * dy + dx * dx <= 1
}

/**
 * The area of a rectangle or of the ellipse within it, in mm² or pixels.
 * @param {Point} a
 * @param {Point} b
 * @param {"rectangle" | "ellipse"} shape
 * @param {Spacing | null} spacing
 */
export function area(a, b, shape, spacing) {
  const unit = spacing ? spacing.row_mm * spacing.column_mm : 1
  const box = Math.abs(b.down - a.down) * Math.abs(b.across - a.across) * unit
  return shape === "ellipse" ? (box * Math.PI) / 4 : box
}

/**
 * The slice that lies nearest to a place along the normal.
 * @param {number[]} mm
 * @param {number} place
 */
export function nearestSlice(mm, place) {
  return mm.reduce((best, here, i) => (Math.abs(here - place) < Math.abs(mm[best] - place) ? i : best), 0)
}

/** Two stacks count as parallel where their normals differ by less than some 15 degrees. */
const PARALLEL = 0.965

/**
 * +1 where two stacks run along the same direction, -1 where against each other, 0 where neither or unknown.
 * @param {Along | null} a
 * @param {Along | null} b
 */
export function sameWay(a, b) {
  if (!a || !b) return 0
  const cosine = a.normal.reduce((sum, part, i) => sum + part * b.normal[i], 0)
  return Math.abs(cosine) < PARALLEL ? 0 : Math.sign(cosine)
}
