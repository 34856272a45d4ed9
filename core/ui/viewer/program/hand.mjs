// @ts-check
// Mouse, pen and touch on one pane, told to the viewer as what is meant.

/** @import { Viewer } from "./viewer.mjs" */
/** @import { Pane } from "./pane.mjs" */
/** @import { Spot } from "./geometry.mjs" */

const WHEEL_NOTCH = 100
const LINE_PX = 33
/** Ctrl-wheel and the pinch of a touchpad: so much turning doubles the size. */
const PX_PER_DOUBLING = 240

export class Hand {
  /** @param {Viewer} viewer @param {Pane} pane */
  constructor(viewer, pane) {
    this.viewer = viewer
    this.pane = pane
    /** @type {Map<number, Spot>} fingers on the pane */
    this.down = new Map()
    /** What the pointer does until it is lifted. @type {((spot: Spot) => void) | null} */
    this.drag = null
    this.turned = 0
    const stage = pane.stage
    stage.addEventListener("pointerdown", (event) => this.press(event))
    stage.addEventListener("pointermove", (event) => this.move(event))
    stage.addEventListener("pointerup", (event) => this.lift(event))
    stage.addEventListener("pointercancel", (event) => this.lift(event))
    stage.addEventListener("pointerleave", () => viewer.probe(pane, null))
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false })
    stage.addEventListener("dblclick", () => viewer.fit())
    stage.addEventListener("contextmenu", (event) => event.preventDefault())
  }

  /** In pixels of the canvas. @param {MouseEvent} event @returns {Spot} */
  spot(event) {
    const box = this.pane.stage.getBoundingClientRect()
    const ratio = this.pane.ratio
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio }
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.viewer.focus()
    this.pane.stage.setPointerCapture(event.pointerId)
    const spot = this.spot(event)
    this.down.set(event.pointerId, spot)
    event.preventDefault()
    if (this.down.size === 2) this.drag = this.pinch()
    else if (event.button === 1 || event.shiftKey) this.drag = this.viewer.tools.pan(this.pane, spot)
    else if (event.button === 2) this.drag = this.viewer.tools.zoom(this.pane, spot)
    else this.drag = this.viewer.tools.begin(this.pane, spot)
  }

  /** @param {PointerEvent} event */
  move(event) {
    const spot = this.spot(event)
    if (this.down.has(event.pointerId)) this.down.set(event.pointerId, spot)
    if (this.drag) this.drag(spot)
    this.viewer.probe(this.pane, spot)
  }

  /** @param {PointerEvent} event */
  lift(event) {
    this.down.delete(event.pointerId)
    if (this.down.size > 0) return
    if (this.drag) this.viewer.tools.lifted()
    this.drag = null
  }

  /** Two fingers: what lies under them stays under them. */
  pinch() {
    const span = () => {
      const [a, b] = [...this.down.values()]
      return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) || 1 }
    }
    this.viewer.tools.forget()
    let before = span()
    return () => {
      if (this.down.size < 2) return
      const now = span()
      this.viewer.pan(this.pane, now.x - before.x, now.y - before.y)
      this.viewer.zoom(this.pane, now.length / before.length, now)
      before = now
    }
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault()
    const turned = event.deltaY * (event.deltaMode === 1 ? LINE_PX : 1)
    if (event.ctrlKey || event.metaKey || this.viewer.count(this.pane) === 1) {
      this.viewer.zoom(this.pane, 2 ** (-turned / PX_PER_DOUBLING), this.spot(event))
      this.viewer.soon()
      return
    }
    // A touchpad turns in small parts, a wheel in notches.
    this.turned += turned
    const steps = Math.abs(turned) >= WHEEL_NOTCH / 2 ? Math.sign(turned) : Math.trunc(this.turned / (WHEEL_NOTCH / 3))
    if (steps === 0) return
    this.turned = 0
    this.viewer.step(steps)
    this.viewer.soon()
  }
}
