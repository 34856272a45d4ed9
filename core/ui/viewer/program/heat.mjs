// @ts-check
// Heat over a picture: core/overlay/grid.py and core/overlay/colour.py in the browser.

/** @import { Heat, HeatLook, Region } from "./types.mjs" */

/**
 * Where the centres of `count` grid lines lie, counted in cells from the first cell's centre; NaN outside the extent.
 * @param {number} count
 * @param {[number, number]} region
 * @param {[number, number]} extent
 * @param {number} cells
 * @param {number} shift
 */
export function cellPosition(count, region, extent, cells, shift) {
  const position = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const centre = region[0] + ((i + 0.5) * (region[1] - region[0])) / count
    const isSeen = centre >= extent[0] && centre <= extent[1]
    position[i] = isSeen ? ((centre - extent[0]) * cells) / (extent[1] - extent[0]) - 0.5 - shift : NaN
  }
  return position
}

/**
 * Between which two of `cells` places a position lies, and how near it is to the second.
 * @param {number} position
 * @param {number} cells
 */
function neighbours(position, cells) {
  const inside = Math.min(Math.max(position, 0), cells - 1)
  const before = Math.floor(inside)
  return { before, after: Math.min(before + 1, cells - 1), weight: Math.fround(inside - before) }
}

/**
 * Interpolate a heatmap onto a grid that covers a region of the image; NaN where the model has not looked.
 * @param {Heat} heat
 * @param {number} rows
 * @param {number} columns
 * @param {Region} region
 * @returns {Float32Array}
 */
export function heatOnGrid(heat, rows, columns, region) {
  const [top, left, bottom, right] = heat.extent
  const [down, across] = heat.centre_shift
  const rowPlace = cellPosition(rows, [region.top, region.bottom], [top, bottom], heat.rows, down)
  const columnPlace = cellPosition(columns, [region.left, region.right], [left, right], heat.columns, across)
  const wide = onColumns(heat, columnPlace)
  const grid = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    if (Number.isNaN(rowPlace[row])) {
      grid.fill(NaN, row * columns, (row + 1) * columns)
      continue
    }
    const { before, after, weight } = neighbours(rowPlace[row], heat.rows)
    const [above, below, start] = [before * columns, after * columns, row * columns]
    for (let column = 0; column < columns; column++) {
      const value = wide[above + column]
      grid[start + column] = value + (wide[below + column] - value) * weight
    }
  }
  return grid
}

/** @param {Heat} heat @param {Float64Array} place */
function onColumns(heat, place) {
  const wide = new Float32Array(heat.rows * place.length)
  for (let column = 0; column < place.length; column++) {
    const { before, after, weight } = neighbours(place[column], heat.columns)
    for (let row = 0; row < heat.rows; row++) {
      const value = heat.values[row * heat.columns + before]
      const between = value + (heat.values[row * heat.columns + after] - value) * weight
      wide[row * place.length + column] = Number.isNaN(place[column]) ? NaN : between
    }
  }
  return wide
}

/**
 * The heatmap's value at a point of the image; NaN outside its extent.
 * @param {Heat} heat
 * @param {number} down
 * @param {number} across
 */
export function heatAt(heat, down, across) {
  const tiny = 1e-6
  const region = { top: down - tiny, bottom: down + tiny, left: across - tiny, right: across + tiny }
  return heatOnGrid(heat, 1, 1, region)[0]
}

/**
 * Colour a grid of heat, to be laid over the picture: opacity grows with the place between the limits.
 * @param {Float32Array} grid
 * @param {Int32Array} out
 * @param {[number, number]} limits
 * @param {HeatLook} look
 * @param {Uint8Array} map 256 colours
 */
export function paintHeat(grid, out, limits, look, map) {
  const { colours, limit } = heatColours(look, map)
  const scale = 255 / (limits[1] - limits[0])
  for (let i = 0; i < grid.length; i++) {
    const value = grid[i]
    if (!(value > limit)) {
      out[i] = 0
      continue
    }
    const place = (value - limits[0]) * scale + 0.5
    out[i] = colours[place < 0 ? 0 : place > 255 ? 255 : place | 0]
  }
}

/** @param {HeatLook} look @param {Uint8Array} map */
function heatColours(look, map) {
  const colours = new Int32Array(256)
  for (let shade = 0; shade < 256; shade++) {
    const alpha = Math.floor(shade * look.opacity + 0.5)
    const [red, green, blue] = map.subarray(3 * shade, 3 * shade + 3)
    colours[shade] = (alpha << 24) | (blue << 16) | (green << 8) | red
  }
  return { colours, limit: look.threshold }
}

/**
 * Draw a line around everything that reaches a level, from the inside.
 * @param {Float32Array} grid
 * @param {number} columns
 * @param {Int32Array} out
 * @param {number} level
 * @param {number} colour
 * @param {number} width in pixels of the grid
 */
export function paintContour(grid, columns, out, level, colour, width) {
  const rows = grid.length / columns
  const isInside = (/** @type {number} */ row, /** @type {number} */ column) =>
    grid[Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1)] >= level
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!(grid[row * columns + column] >= level)) continue
      const isCore =
        isInside(row - width, column) &&
        isInside(row + width, column) &&
        isInside(row, column - width) &&
        isInside(row, column + width)
      if (!isCore) out[row * columns + column] = colour
    }
  }
}
