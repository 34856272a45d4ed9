// @ts-check
// The keys, and the sheet that lists them.

/** @import { Viewer } from "./viewer.mjs" */

import { html } from "./elements.mjs"

/** @type {[string, string, (viewer: Viewer) => void][]} key (KeyboardEvent.key, lower case), what it does, how */
const KEYS = [
  ["i", "Invert", (viewer) => viewer.invert()],
  ["r", "Reset window and place", (viewer) => viewer.reset()],
  ["h", "Heatmap on or off", (viewer) => viewer.toggleHeat()],
  ["g", "The file's own graphics on or off", (viewer) => viewer.toggleGraphics()],
  ["c", "Contour on or off", (viewer) => viewer.toggleContour()],
  ["s", "Sigmoid or straight window", (viewer) => viewer.toggleCurve()],
  ["f", "Fit", (viewer) => viewer.fit()],
  ["0", "Own size: one pixel of the image is one of the screen", (viewer) => viewer.ownSize()],
  ["+", "Larger", (viewer) => viewer.zoomInMiddle(1.25)],
  ["-", "Smaller", (viewer) => viewer.zoomInMiddle(0.8)],
  ["w", "Tool: window", (viewer) => viewer.tools.choose("window")],
  ["p", "Tool: pan", (viewer) => viewer.tools.choose("pan")],
  ["l", "Tool: length", (viewer) => viewer.tools.choose("length")],
  ["a", "Tool: angle", (viewer) => viewer.tools.choose("angle")],
  ["b", "Tool: rectangle", (viewer) => viewer.tools.choose("rectangle")],
  ["e", "Tool: ellipse", (viewer) => viewer.tools.choose("ellipse")],
  ["delete", "Remove the measure chosen last", (viewer) => viewer.tools.remove()],
  ["arrowup", "Slice before", (viewer) => viewer.step(-1)],
  ["arrowdown", "Slice after", (viewer) => viewer.step(1)],
  ["arrowleft", "Slice before", (viewer) => viewer.step(-1)],
  ["arrowright", "Slice after", (viewer) => viewer.step(1)],
  ["pageup", "Ten slices back", (viewer) => viewer.step(-10)],
  ["pagedown", "Ten slices on", (viewer) => viewer.step(10)],
  ["home", "First slice", (viewer) => viewer.step(-Infinity)],
  ["end", "Last slice", (viewer) => viewer.step(Infinity)],
  ["m", "Slice with the highest score", (viewer) => viewer.scores.goToPeak()],
  [" ", "Cine", (viewer) => viewer.toggleCine()],
  ["?", "This sheet", (viewer) => viewer.toggleSheet()],
  ["escape", "Close this sheet, stop cine", (viewer) => viewer.escape()],
]
const SAME = { backspace: "delete", "=": "+", "−": "-" }

/** @param {Viewer} viewer @param {KeyboardEvent} event */
export function pressKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const inControl = /** @type {HTMLElement} */ (event.composedPath()[0]).matches?.("input, select, button")
  const pressed = event.key.toLowerCase()
  const key = SAME[/** @type {keyof SAME} */ (pressed)] ?? pressed
  // Sliders, lists and buttons have these keys for themselves.
  if (inControl && /^(arrow.*|page.*|home|end| |enter)$/.test(key)) return
  const found = KEYS.find(([name]) => name === key)
  if (found) found[2](viewer)
  else if (/^[1-9]$/.test(key)) viewer.choosePreset(Number(key) - 1)
  else return
  event.preventDefault()
  event.stopPropagation()
  viewer.soon()
}

const NAMES = {
  " ": "Space",
  arrowup: "↑ or ←",
  arrowdown: "↓ or →",
  pageup: "Page up",
  pagedown: "Page down",
  home: "Home",
  end: "End",
  delete: "Del",
  escape: "Esc",
}
/** They do the same as those beside them. */
const SILENT = { arrowleft: true, arrowright: true }
const MOUSE = [
  ["Drag", "Window: to the right wider, down a higher centre"],
  ["Wheel", "Slices; a single image: zoom"],
  ["Ctrl + wheel, pinch, right drag", "Zoom"],
  ["Middle drag, Shift + drag, two fingers", "Pan"],
  ["Double click", "Fit"],
]

/** @param {string[]} presets @param {string} heat what its colours mean, if there is one @param {() => void} close */
export function keySheet(presets, heat, close) {
  const shown = KEYS.filter(([key]) => !(key in SILENT))
  const rows = [
    ...MOUSE,
    ...presets.slice(0, 9).map((name, i) => [String(i + 1), `Window: ${name}`]),
    ...shown.map(([key, words]) => [NAMES[/** @type {keyof NAMES} */ (key)] ?? key.toUpperCase(), words]),
  ]
  const list = html("dl", {}, ...rows.map(([key, words]) => html("div", {}, html("dt", {}, key), html("dd", {}, words))))
  const button = html("button", { type: "button" }, "Close")
  button.addEventListener("click", close)
  return html("div", { class: "sheet", role: "dialog", "aria-label": "Mouse and keys" }, list, html("p", {}, heat), button)
}
