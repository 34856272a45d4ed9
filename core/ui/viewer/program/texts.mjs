// @ts-check
// What is written around a picture.

/** @import { Frame, Heat, NamedVoi } from "./types.mjs" */
/** @import { Pane } from "./pane.mjs" */
/** @import { Point } from "./geometry.mjs" */
/** @import { Heats } from "./heats.mjs" */
/** @import { Series } from "./series.mjs" */

import { html } from "./elements.mjs"
import { valueAt } from "./frame.mjs"
import { heatAt } from "./heat.mjs"
import { number, valueWords, windowWords } from "./words.mjs"

/** @param {HTMLElement} element @param {string[]} lines */
function writeLines(element, lines) {
  const text = lines.filter(Boolean).join("\n")
  if (element.textContent !== text) element.textContent = text
}

/**
 * @param {Pane} pane
 * @param {Series} series
 * @param {number} shown
 * @param {Frame | null} frame
 * @param {{named: NamedVoi | null, hasMore: boolean}} look its window, and whether the file has graphics that are not drawn
 * @param {string} what the pane shows
 */
export function writeCorners(pane, series, shown, frame, { named, hasMore }, what) {
  const { told, frames, index } = series
  pane.corners.topLeft.classList.toggle("synthetic", told.synthetic)
  writeLines(pane.corners.topLeft, [told.title, ...told.identity])
  const number_ = told.frames > 1 && shown >= 0 ? `${told.unit} ${shown + 1} / ${told.frames}` : ""
  const awaited = shown !== index && told.frames > 1 ? `${told.unit} ${index + 1} is loading` : ""
  const here = frames.known.size
  const loaded = !awaited && here < told.frames ? `${here} of ${told.frames} loaded` : ""
  writeLines(pane.corners.topRight, [number_, awaited || loaded])
  const window = frame ? windowWords(named?.voi ?? null, named?.name ?? "") : ""
  const inverted = series.look.invert ? "inverted" : ""
  const scale = pane.view && frame ? `Zoom ${number(Math.round(pane.view.perColumn * 100))} %` : ""
  const more = hasMore ? "The file brings graphics: G shows them" : ""
  writeLines(pane.corners.bottomLeft, [more, [window, inverted].filter(Boolean).join(", "), scale])
  const view = [what, told.title, number_, window, inverted].filter(Boolean).join(", ")
  pane.canvas.setAttribute("role", "img")
  if (pane.canvas.getAttribute("aria-label") !== view) pane.canvas.setAttribute("aria-label", view)
}

/**
 * What a pane shows, for those who cannot see it.
 * @param {{evidence: boolean}} told
 * @param {Heat | null} heat
 */
export function paneWords(told, heat) {
  if (heat) return `Image with the evidence for ${heat.title} by ${heat.method}`
  return told.evidence ? "Image without heatmap" : "Image"
}

/**
 * @param {Pane} pane
 * @param {Frame} frame
 * @param {{heats: Heat[], words: string, shown: number}} slot
 * @param {Heats} heats
 * @param {Heat | null} laid
 */
export function writeCaption(pane, frame, slot, heats, laid) {
  const said = laid ? "" : reasonForNone(slot, heats) || matrixWords(frame)
  const key = JSON.stringify([laid?.label, laid?.method, laid?.limits, said])
  if (pane.caption.dataset.key === key) return
  pane.caption.dataset.key = key
  if (laid) pane.caption.replaceChildren(...heats.bar(laid))
  else pane.caption.replaceChildren(html("span", {}, said))
}

/** @param {{heats: Heat[], words: string, shown: number}} slot @param {Heats} heats */
function reasonForNone(slot, heats) {
  const heat = heats.of(slot.heats)
  if (!heat) return slot.words
  if (!heats.isOn) return "Heatmap switched off (H)"
  return heat.frame >= 0 ? `The heatmap is that of image ${heat.frame + 1}` : slot.words
}

/** @param {Frame} frame */
function matrixWords({ columns, rows, spacing }) {
  if (!spacing) return `${columns} × ${rows} · uncalibrated: lengths are in pixels`
  return `${columns} × ${rows} · ${spacing.row_mm.toPrecision(3)} × ${spacing.column_mm.toPrecision(3)} mm (${spacing.source})`
}

/**
 * What lies under the pointer: position, value, heat.
 * @param {Pane} pane
 * @param {Point | null} point
 * @param {Frame | null} frame
 * @param {Heat | null} heat
 * @param {boolean} isElsewhere the pointer is over another pane: mark the place
 */
export function writeProbe(pane, point, frame, heat, isElsewhere) {
  const values = point && frame && valueAt(frame, Math.floor(point.down), Math.floor(point.across))
  pane.cross.hidden = !(values && isElsewhere && pane.view)
  if (!values || !point || !frame) {
    pane.probe.textContent = ""
    return
  }
  if (pane.view && isElsewhere) {
    const { x, y } = pane.view.toScreen(point)
    pane.cross.style.transform = `translate(${x / pane.ratio}px, ${y / pane.ratio}px)`
  }
  const warmth = heat ? heatAt(heat, point.down, point.across) : NaN
  const heatWords = Number.isNaN(warmth) ? "" : `\nheat ${number(warmth)}`
  const place = `x ${Math.floor(point.across)}  y ${Math.floor(point.down)}`
  pane.probe.textContent = `${place}\n${valueWords(frame, values)}${heatWords}`
}
