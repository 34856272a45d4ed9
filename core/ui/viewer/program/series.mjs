// @ts-check
// The series in the viewer: where each is looked at, and how one follows another.

import { Frames } from "./frames.mjs"
import { clamp, nearestSlice, sameWay } from "./geometry.mjs"
import { Look } from "./looks.mjs"

/**
 * One series in the viewer. `mm` is where it is looked at along its normal, between two slices included; null where
 * that is unknown or has not been asked for.
 * @typedef {{frames: Frames, look: Look, index: number, mm: number | null, told: any}} Series
 */

/**
 * @param {any} told what the page says of a pane
 * @param {string} address of pixels
 * @param {() => void} onArrival of a picture
 * @param {() => void} onEnded the token is not valid any more
 * @returns {Series}
 */
export function openedSeries(told, address, onArrival, onEnded) {
  const place = new URL(address, document.baseURI).href
  const frames = new Frames({ address: place, token: told.token, count: told.frames, onArrival, onEnded })
  return { frames, look: new Look(), index: 0, mm: null, told }
}

/** @param {Series} series @param {number} index */
export function showSlice(series, index) {
  series.index = clamp(index, 0, series.told.frames - 1)
  series.frames.lookAt(series.index)
}

/**
 * Move by as many mm as the first series, where both are known to lie alike; else by as many slices.
 * @param {Series} other
 * @param {Series} first
 * @param {number} before the first one's slice
 */
export function follow(other, first, before) {
  const [a, b] = [first.told.along, other.told.along]
  const way = sameWay(a, b)
  if (way === 0) {
    showSlice(other, other.index + first.index - before)
    return
  }
  /** @type {number} */
  const place = (other.mm ?? b.mm[other.index]) + way * (a.mm[first.index] - a.mm[before])
  other.mm = place
  showSlice(other, nearestSlice(b.mm, place))
}

/**
 * Begin with what lies at the same height in the patient, or with the middle.
 * @param {Series} other
 * @param {Series} first
 */
export function meet(other, first) {
  const [a, b] = [first.told.along, other.told.along]
  const place = a && b ? a.mm[first.index] * sameWay(a, b) : NaN
  const isInside = place >= Math.min(...(b?.mm ?? [])) && place <= Math.max(...(b?.mm ?? []))
  other.mm = isInside && sameWay(a, b) ? place : null
  showSlice(other, other.mm === null ? Math.floor(other.told.frames / 2) : nearestSlice(b.mm, other.mm))
}
