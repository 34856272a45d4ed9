// @ts-check
// The controls of the heatmap.

/** @import { Viewer } from "./viewer.mjs" */
/** @import { Heat, HeatLook } from "./types.mjs" */

import { fillList, html } from "./elements.mjs"
import { number } from "./words.mjs"

export class HeatControls {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.isOn = tick("Heatmap (H)", () => viewer.toggleHeat())
    this.labels = html("select", { "aria-label": "Heatmap for" })
    this.labels.addEventListener("change", () => viewer.chooseHeat(this.labels.selectedIndex))
    this.opacity = range("Opacity", 0, 1, 0.05, (value) => viewer.setHeatLook({ opacity: value }))
    this.threshold = range("Threshold", 0, 1, 0.01, (place) => viewer.setThreshold(place))
    this.contour = tick("Contour (C)", () => viewer.toggleContour())
    this.level = range("Contour level", 0.01, 1, 0.01, (place) => viewer.setContour(place))
    for (const { input } of [this.opacity, this.threshold, this.level]) input.addEventListener("change", () => viewer.soon())
    this.element = html("div", { class: "group heats" })
    this.element.append(
      html("label", {}, this.isOn, "Heatmap"),
      this.labels,
      html("label", { title: "How much of the image the strongest evidence hides" }, "Opacity", ...this.opacity.parts),
      html("label", { title: "Weaker evidence than this is not coloured" }, "Threshold", ...this.threshold.parts),
      html("label", {}, this.contour, "Contour"),
      html("label", { title: "The line runs around everything that reaches this value" }, ...this.level.parts),
    )
  }

  /**
   * @param {Heat[]} heats
   * @param {Heat | null} heat
   * @param {HeatLook & {isOn: boolean}} look
   * @param {boolean} isExpected a heatmap may come, so that its controls keep their place
   */
  show(heats, heat, look, isExpected) {
    this.element.hidden = heats.length === 0 && !isExpected
    for (const control of [this.isOn, this.contour, this.opacity.input, this.threshold.input]) control.disabled = !heat
    this.level.input.disabled = !heat || look.contour === null
    const titles = heats.map(({ title, method }) => (heats.some((other) => other.method !== method) ? `${title} (${method})` : title))
    fillList(this.labels, titles, heat ? heats.indexOf(heat) : 0)
    this.labels.hidden = heats.length < 2
    this.isOn.checked = look.isOn
    this.contour.checked = look.contour !== null
    this.opacity.set(look.opacity, `${Math.round(look.opacity * 100)} %`)
    const place = (/** @type {number | null} */ value) => (heat ? placeOf(heat.limits, value) : 0)
    this.threshold.set(place(look.threshold), heat ? number(look.threshold) : "")
    this.level.set(place(look.contour), heat && look.contour !== null ? number(look.contour) : "")
  }
}

/** Where a value lies between two others, 0 to 1. @param {[number, number]} limits @param {number | null} value */
const placeOf = ([low, high], value) => ((value ?? low) - low) / (high - low)

/** @param {string} title @param {() => void} press */
function tick(title, press) {
  const box = html("input", { type: "checkbox", title })
  box.addEventListener("change", press)
  return box
}

/** @param {string} words @param {number} min @param {number} max @param {number} step @param {(value: number) => void} move */
function range(words, min, max, step, move) {
  const input = html("input", { type: "range", min: String(min), max: String(max), step: String(step) })
  input.setAttribute("aria-label", words)
  const said = html("output", {})
  input.addEventListener("input", () => move(input.valueAsNumber))
  const set = (/** @type {number} */ value, /** @type {string} */ text) => {
    input.valueAsNumber = value
    input.setAttribute("aria-valuetext", text)
    said.textContent = text
  }
  return { parts: [input, said], input, set }
}
