// @ts-check
// Which heatmap lies over the pictures, and how it looks; and the bar that says which colour is which value.

/** @import { Heat, HeatLook } from "./types.mjs" */

import { html } from "./elements.mjs"
import { number } from "./words.mjs"

const STOPS = 16
/** Of the strongest evidence: where the contour runs at first. */
const HALF = 0.5

/** @param {string} text */
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))

/** @param {any} told @returns {Heat} */
export function decodeHeat(told) {
  return { ...told, values: new Float32Array(bytes(told.values).buffer) }
}

export class Heats {
  constructor() {
    this.isOn = true
    this.label = ""
    this.method = ""
    /** @type {HeatLook} */
    this.look = { opacity: 0.6, threshold: 0, contour: null }
    /** Where the contour runs, as a part of the strongest evidence; null until a heatmap is here. @type {number | null} */
    this.share = null
    this.unit = ""
    this.map = new Uint8Array(768)
    this.contourColour = 0
  }

  /** @param {any} told */
  setColours(told) {
    if (!told) return
    this.map = bytes(told.map)
    const [red, green, blue] = told.contour
    this.contourColour = (0xff << 24) | (blue << 16) | (green << 8) | red
  }

  /** @param {any} start */
  begin(start) {
    this.isOn = start.heat
    this.label = start.label
    this.method = start.method
    this.look = { opacity: start.opacity, threshold: start.threshold, contour: start.contour }
    this.share = null
    this.unit = ""
  }

  /** The one that is chosen of a pane's, else its first. @param {Heat[]} heats @returns {Heat | null} */
  of(heats) {
    const chosen = heats.find(({ label, method }) => label === this.label && (!this.method || method === this.method))
    return chosen ?? heats[0] ?? null
  }

  /** Where the contour was last, at half of the strongest evidence at first; or none. @param {Heat} heat */
  toggleContour(heat) {
    const strongest = strongestOf(heat)
    this.share ??= HALF
    const level = strongest > 0 ? strongest * this.share : null
    this.look = { ...this.look, contour: this.look.contour === null ? level : null }
  }

  /** @param {Heat} heat @param {number} level in its unit */
  setContour(heat, level) {
    this.share = level / strongestOf(heat)
    this.look = { ...this.look, contour: level }
  }

  /**
   * Another heatmap has come: its contour runs at the same part of its own strongest evidence, and a threshold in
   * another unit means nothing. Returns whether the look has changed.
   * @param {Heat | null} heat
   */
  follow(heat) {
    if (!heat) return false
    const { threshold, contour } = this.look
    const strongest = strongestOf(heat)
    if (contour !== null && strongest > 0) {
      this.share ??= contour / strongest
      this.look = { ...this.look, contour: strongest * this.share }
    }
    if (this.unit && this.unit !== heat.unit) this.look = { ...this.look, threshold: 0 }
    this.unit = heat.unit
    return this.look.contour !== contour || this.look.threshold !== threshold
  }

  /**
   * The bar under a picture: what a colour means, in the heatmap's own unit.
   * @param {Heat} heat
   */
  bar(heat) {
    const colours = Array.from({ length: STOPS }, (_, stop) => {
      const shade = Math.round((stop * 255) / (STOPS - 1))
      return `rgb(${this.map.subarray(3 * shade, 3 * shade + 3).join(" ")})`
    })
    const [low, high] = heat.limits.map(number)
    const spoken = `${heat.title}, ${heat.method}: colours run from ${low} to ${high}, ${heat.unit}`
    const scale = html("i", { style: `background: linear-gradient(to right, ${colours.join(", ")})` })
    const bar = html("span", { class: "colours", role: "img", "aria-label": spoken }, low, scale, high)
    return [bar, html("span", { class: "unit", title: heatWords(heat) }, `${heat.title} · ${heat.method}, ${shortUnit(heat)}`)]
  }
}

/** The first part names the unit, the rest explains it. @param {Pick<Heat, "unit">} heat */
export const shortUnit = ({ unit }) => unit.split(/[:,]/)[0]

/** What the colours mean, in full. @param {Pick<Heat, "method" | "unit">} heat */
export const heatWords = ({ method, unit }) => `The colours of ${method} show ${unit}.`

/** @param {Heat} heat */
const strongestOf = (heat) => heat.values.reduce((most, value) => (value > most ? value : most), 0)
