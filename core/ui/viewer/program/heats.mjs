// @ts-check
// Which heatmap lies over the pictures, and how it looks; and the bar that says which colour is which value.

/** @import { Heat, HeatLook } from "./types.mjs" */

import { html } from "./elements.mjs"
import { number } from "./words.mjs"

const STOPS = 16

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
  }

  /** The one that is chosen of a pane's, else its first. @param {Heat[]} heats @returns {Heat | null} */
  of(heats) {
    const chosen = heats.find(({ label, method }) => label === this.label && (!this.method || method === this.method))
    return chosen ?? heats[0] ?? null
  }

  /** At half of the strongest evidence, or none. @param {Heat} heat */
  toggleContour(heat) {
    const strongest = strongestOf(heat)
    this.look = { ...this.look, contour: this.look.contour === null && strongest > 0 ? strongest / 2 : null }
  }

  /** Draw the contour of another heatmap where there was one. @param {Heat | null} heat */
  follow(heat) {
    if (heat && this.look.contour !== null) this.look = { ...this.look, contour: strongestOf(heat) / 2 }
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
    return [bar, html("span", { class: "unit", title: heat.unit }, `${heat.title} · ${heat.method}, ${heat.unit}`)]
  }
}

/** @param {Heat} heat */
const strongestOf = (heat) => heat.values.reduce((most, value) => (value > most ? value : most), 0)
