// @ts-check
// Cine: a clip at its own pace, a stack at ten slices a second.

/** @import { Viewer } from "./viewer.mjs" */

const DEFAULT_MS = 100

export class Cine {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer
    this.isPlaying = false
  }

  /** @param {number | null} frameTime ms from one frame to the next, where the file says so */
  start(frameTime) {
    const pace = frameTime ?? DEFAULT_MS
    this.isPlaying = true
    let due = performance.now() + pace
    const tick = (/** @type {number} */ now) => {
      if (!this.isPlaying) return
      if (now >= due && this.advance()) due = (now - due < pace ? due : now) + pace
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  }

  stop() {
    if (!this.isPlaying) return
    this.isPlaying = false
    this.viewer.soon()
  }

  /** Go on by one, over the end to the beginning; wait for a picture that is not here yet. */
  advance() {
    const { frames, index, told } = this.viewer.active()
    const next = (index + 1) % told.frames
    if (!frames.known.has(next)) {
      frames.lookAt(index)
      return false
    }
    this.viewer.goTo(next)
    return true
  }
}
