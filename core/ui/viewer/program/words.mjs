// @ts-check
// Numbers and facts in words.

/** @import { Frame, Spacing, Voi } from "./types.mjs" */

/** Four significant digits, whole numbers in full, a true minus sign. @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return "–"
  const rounded = Number.isInteger(value) || Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))
  return String(rounded).replace("-", "−").replace("e+", "e")
}

/** Two decimals, as core/reports/wording.py has it: no score is a certainty. @param {number} score */
export function scoreNumber(score) {
  if (score >= 0.995) return "> 0.99"
  return score < 0.005 ? "< 0.01" : score.toFixed(2)
}

/** Two decimals, or as many more as keep it from being 0 or 1. @param {number} threshold */
export function thresholdNumber(threshold) {
  const short = threshold.toFixed(2)
  return short === "0.00" || short === "1.00" ? number(threshold) : short
}

/** @param {Voi | null} voi @param {string} name */
export function windowWords(voi, name) {
  if (!voi) return "true colour"
  if ("values" in voi) return name
  const curve = voi.function === "SIGMOID" ? ", sigmoid" : ""
  return `W ${number(voi.width)} L ${number(voi.center)}${curve}`
}

/** What a value of a picture is. @param {Frame} frame @param {number[]} values */
export function valueWords(frame, values) {
  if (frame.channels === 3) return `RGB ${values.join(" ")}`
  return frame.unit ? `${number(values[0])} ${frame.unit}` : `value ${number(values[0])}`
}

/** Distances at the detector are larger than those in the patient. */
const AT_DETECTOR = "ImagerPixelSpacing"

/** @param {number} length @param {Spacing | null} spacing */
export function lengthWords(length, spacing) {
  if (!spacing) return `${length.toFixed(1)} px`
  const where = spacing.source === AT_DETECTOR ? " at the detector" : ""
  return `${length.toFixed(length >= 100 ? 0 : 1)} mm${where}`
}

/** @param {number} area @param {Spacing | null} spacing */
export function areaWords(area, spacing) {
  if (!spacing) return `${Math.round(area)} px²`
  return area >= 1000 ? `${number(Math.round(area) / 100)} cm²` : `${number(area)} mm²`
}

/** @param {number} mm */
export const barWords = (mm) => (mm >= 10 ? `${number(mm / 10)} cm` : `${number(mm)} mm`)
