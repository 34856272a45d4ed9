// @ts-check
// The nouns of the program, for readers and editors. Nothing here runs.

/**
 * @typedef {Uint8Array | Int16Array | Uint16Array | Int32Array | Float32Array | Float64Array} Values
 */

/**
 * A window: which values are spread from black to white; see core/domain.py, WindowLevel.
 * @typedef {{center: number, width: number, function: "LINEAR" | "LINEAR_EXACT" | "SIGMOID"}} Window
 */

/**
 * A VOI LUT; see core/domain.py, VoiLut.
 * @typedef {{values: Uint16Array, firstValue: number, bits: number}} Lut
 */

/**
 * @typedef {Window | Lut} Voi
 * @typedef {{name: string, voi: Voi}} NamedVoi
 * @typedef {{row_mm: number, column_mm: number, source: string}} Spacing
 * @typedef {{left: string, right: string, top: string, bottom: string}} Edges
 */

/**
 * One picture, as core/ui/viewer/encoding.py packs it. A value is `intercept + pixels[i]`.
 * @typedef {object} Frame
 * @property {number} rows
 * @property {number} columns
 * @property {1 | 3} channels
 * @property {Values} pixels
 * @property {number} intercept
 * @property {boolean} isInverse MONOCHROME1
 * @property {[number, number] | null} padding
 * @property {string} unit
 * @property {Spacing | null} spacing
 * @property {Edges | null} edges
 * @property {NamedVoi[]} windows
 * @property {Uint8Array | null} graphics a bit a pixel, the first in the lowest; null where there are none
 */

/**
 * A heatmap of one frame, on its coarse grid; see core/domain.py, Explanation.
 * @typedef {object} Heat
 * @property {string} label
 * @property {string} title
 * @property {string} method
 * @property {string} unit
 * @property {number} frame
 * @property {number} rows
 * @property {number} columns
 * @property {Float32Array} values
 * @property {[number, number, number, number]} extent top, left, bottom, right; in pixels of the image
 * @property {[number, number]} centre_shift down, right; in cells
 * @property {[number, number]} limits
 */

/**
 * Scores along a series, one for each picture; null where there is none (yet). `reasons` say why there will be none.
 * @typedef {{title: string, values: (number | null)[], threshold: number | null, reasons: (string | null)[]}} ScoreLine
 */

/**
 * Where slices lie along their normal, in mm.
 * @typedef {{normal: number[], mm: number[]}} Along
 */

/**
 * A rectangle in pixels of the image, from its top left corner.
 * @typedef {{top: number, left: number, bottom: number, right: number}} Region
 */

/**
 * How heat is shown.
 * @typedef {{opacity: number, threshold: number, contour: number | null}} HeatLook
 */

/**
 * Where a pane looks: magnification relative to the whole picture, and the point in the middle as fractions of it.
 * @typedef {{zoom: number, down: number, across: number}} Place
 */

/**
 * What Streamlit passes to a component.
 * @typedef {object} Component
 * @property {any} data
 * @property {ShadowRoot} parentElement
 * @property {(name: string, value: unknown) => void} setStateValue
 * @property {(name: string, value: unknown) => void} setTriggerValue
 */

export {}
