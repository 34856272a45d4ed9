// @ts-check
// The controls under the pictures.

/** @import { Tool } from "./tools.mjs" */
/** @import { Viewer } from "./viewer.mjs" */

import { fillList, html, svg } from "./elements.mjs"
import { HeatControls } from "./heat_controls.mjs"

/** Icons on a grid of 16. */
const ICONS = {
  window: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 1 1 0 12",
  pan: "M8 1v14M1 8h14M8 1 6 3M8 1l2 2M8 15l-2-2M8 15l2-2M1 8l2-2M1 8l2 2M15 8l-2-2M15 8l-2 2",
  length: "M2 14 14 2M1 11l4 4M11 1l4 4",
  angle: "M14 13H2L11 3M7 13a6 6 0 0 0-2-4",
  rectangle: "M2 4h12v8H2z",
  ellipse: "M8 4c4 0 6 2 6 4s-2 4-6 4-6-2-6-4 2-4 6-4z",
  fit: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  invert: "M8 2a6 6 0 1 0 0 12 6 6 0 1 0 0-12M8 2v12M8 5l4-1M8 8h6M8 11l4 1",
  graphics: "M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5 11.5l3-7 3 7M6.2 9h3.6",
  reset: "M3 8a5 5 0 1 0 2-4M5 1v3h3",
  cine: "M4 2l9 6-9 6z",
  keys: "M6 6a2 2 0 1 1 3 2c-1 .6-1 1-1 2M8 12.5v.5",
}
/** @type {[Tool & keyof ICONS, string, string][]} */
const TOOLS = [
  ["window", "Window and level", "W"],
  ["pan", "Pan", "P"],
  ["length", "Length", "L"],
  ["angle", "Angle", "A"],
  ["rectangle", "Rectangle: mean, spread, area", "B"],
  ["ellipse", "Ellipse: mean, spread, area", "E"],
]

export class Toolbar {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer
    this.tools = new Map(TOOLS.map(([name, words, key]) => [name, button(name, words, key, () => viewer.tools.choose(name))]))
    this.presets = html("select", { "aria-label": "Window", title: "Window (keys 1 to 9)" })
    this.presets.addEventListener("change", () => viewer.choosePreset(this.presets.selectedIndex))
    this.invert = button("invert", "Invert", "I", () => viewer.invert())
    this.graphics = button("graphics", "The file's own graphics, which may name the patient", "G", () => viewer.toggleGraphics())
    this.cine = button("cine", "Cine", "Space", () => viewer.toggleCine())
    this.slice = html("input", { type: "range", min: "0", step: "1", "aria-label": "Slice" })
    this.slice.addEventListener("input", () => viewer.goTo(this.slice.valueAsNumber))
    this.slice.addEventListener("change", () => viewer.soon())
    this.heat = new HeatControls(viewer)
    this.series = html("div", { class: "group series" }, this.slice, this.cine)
    const group = (/** @type {Node[]} */ ...children) => html("div", { class: "group" }, ...children)
    this.element = html("div", { class: "toolbar", role: "toolbar", "aria-label": "Viewer" })
    this.element.append(
      group(...this.tools.values()),
      group(this.presets, this.invert, this.graphics),
      group(
        button("fit", "Fit", "F", () => viewer.fit()),
        button("reset", "Reset window and place", "R", () => viewer.reset()),
        button("keys", "Mouse and keys", "?", () => viewer.toggleSheet()),
      ),
      this.series,
      this.heat.element,
    )
  }

  /**
   * @param {object} state
   * @param {string} state.tool
   * @param {string[]} state.presets
   * @param {string} state.preset
   * @param {boolean} state.invert
   * @param {number} state.count
   * @param {number} state.index
   * @param {string} state.unit
   * @param {boolean} state.isPlaying
   * @param {boolean | null} state.graphics whether they are drawn; null where there are none
   */
  show({ tool, presets, preset, invert, count, index, unit, isPlaying, graphics }) {
    for (const [name, tool_] of this.tools) tool_.setAttribute("aria-pressed", String(name === tool))
    fillList(this.presets, presets, Math.max(0, presets.indexOf(preset)))
    this.presets.hidden = presets.length === 0
    this.invert.setAttribute("aria-pressed", String(invert))
    this.graphics.hidden = graphics === null
    this.graphics.setAttribute("aria-pressed", String(graphics === true))
    this.series.hidden = count < 2
    this.slice.max = String(count - 1)
    this.slice.value = String(index)
    this.slice.setAttribute("aria-label", unit)
    this.slice.setAttribute("aria-valuetext", `${unit} ${index + 1} of ${count}`)
    this.cine.setAttribute("aria-pressed", String(isPlaying))
  }
}

/** @param {keyof ICONS} icon @param {string} words @param {string} key @param {() => void} press */
function button(icon, words, key, press) {
  const sign = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[icon] }))
  const made = html("button", { type: "button", "aria-label": words, title: `${words} (${key})` }, sign)
  made.addEventListener("click", press)
  return made
}
