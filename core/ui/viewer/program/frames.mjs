// @ts-check
// The pictures of one series: fetched once, the one that is looked at first, then its neighbours.

import { Pyramid, decodeFrame } from "./frame.mjs"

/** So many requests run at once; one more connection stays free for what is asked for next. */
const AT_ONCE = 3
const REMEMBERED_BYTES = 640 * 2 ** 20
const ATTEMPTS = 3
const RETRY_MS = 400
/** So often a new token is asked for in a row. */
const RENEWALS = 3

/** A picture that cannot be shown, in words for the reader. */
export class Unshowable {
  /** @param {string} words */
  constructor(words) {
    this.words = words
  }
}

export class Frames {
  /**
   * @param {object} settings
   * @param {string} settings.address of the pixels, to which the number of a frame is added
   * @param {string} settings.token
   * @param {number} settings.count
   * @param {(index: number) => void} settings.onArrival
   * @param {() => void} settings.onEnded the token is not valid any more
   * @param {number} [settings.budget] in bytes
   */
  constructor({ address, token, count, onArrival, onEnded, budget = REMEMBERED_BYTES }) {
    this.address = address
    this.token = token
    this.count = count
    this.onArrival = onArrival
    this.onEnded = onEnded
    this.budget = budget
    /** @type {Map<number, Pyramid | Unshowable>} */
    this.known = new Map()
    /** @type {Map<number, number>} of every picture that ever came, those forgotten since too */
    this.weights = new Map()
    /** @type {Set<number>} */
    this.running = new Set()
    this.bytes = 0
    this.current = 0
    this.drawn = 0
    this.isWaiting = false
    this.refusals = 0
    this.leaving = new AbortController()
  }

  /** What is drawn is kept until something else is. @param {number} index @returns {Pyramid | Unshowable | undefined} */
  get(index) {
    const known = this.known.get(index)
    if (known) this.drawn = index
    return known
  }

  /** Fetch this picture first, then those around it. @param {number} index */
  lookAt(index) {
    this.current = index
    this.fetchMore()
  }

  /** @param {string} token */
  renew(token) {
    if (token === this.token) return
    this.token = token
    this.isWaiting = false
    this.fetchMore()
  }

  close() {
    this.leaving.abort()
    this.known.clear()
    this.count = 0
  }

  /** What is looked at has the server for itself: neighbours wait until it is here. */
  mayFetch() {
    if (this.isWaiting || this.running.size >= AT_ONCE) return false
    return this.known.has(this.current) || !this.running.has(this.current)
  }

  fetchMore() {
    while (this.mayFetch()) {
      const next = this.nearestMissing()
      if (next === null) return
      this.running.add(next)
      this.fetch(next).finally(() => {
        this.running.delete(next)
        this.fetchMore()
      })
    }
  }

  /** The nearest picture that is neither here nor on its way, as far out as all nearer ones leave memory for it. */
  nearestMissing() {
    const usual = this.known.size > 0 ? this.bytes / this.known.size : 0
    let bytes = 0
    for (const index of this.nearestFirst()) {
      bytes += this.weights.get(index) ?? usual
      if (bytes > this.budget && !this.isBeside(index)) return null
      if (!this.known.has(index) && !this.running.has(index)) return index
    }
    return null
  }

  /** All pictures: the current one, +1, −1, +2, −2 … */
  *nearestFirst() {
    for (let step = 0; step < 2 * this.count; step++) {
      const index = this.current + (step % 2 === 1 ? (step + 1) / 2 : -step / 2)
      if (index >= 0 && index < this.count) yield index
    }
  }

  /** @param {number} index */
  isBeside(index) {
    return Math.abs(index - this.current) <= 1
  }

  /** @param {number} index */
  async fetch(index) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        await this.fetchOnce(index)
        return
      } catch {
        if (this.leaving.signal.aborted) return
        if (attempt < ATTEMPTS) await new Promise((resolve) => setTimeout(resolve, attempt * RETRY_MS))
      }
    }
    this.keep(index, new Unshowable("This image could not be fetched from the server."))
  }

  /** @param {number} index */
  async fetchOnce(index) {
    const answer = await fetch(this.address + index, {
      headers: { "Lightbox-Token": this.token },
      cache: "no-store",
      credentials: "same-origin",
      signal: this.leaving.signal,
    })
    if (answer.ok) {
      this.refusals = 0
      this.keep(index, new Pyramid(decodeFrame(await answer.arrayBuffer())))
    } else if (answer.status === 403 && this.refusals < RENEWALS) {
      this.waitForToken()
    } else {
      this.keep(index, new Unshowable((await answer.json()).message))
    }
  }

  /** The token has ended: ask the page for another one, once. */
  waitForToken() {
    if (this.isWaiting) return
    this.isWaiting = true
    this.refusals++
    this.onEnded()
  }

  /** @param {number} index @param {Pyramid | Unshowable} picture */
  keep(index, picture) {
    if (this.leaving.signal.aborted) return
    this.known.set(index, picture)
    this.weights.set(index, weight(picture))
    this.bytes += weight(picture)
    this.forgetFarthest()
    this.onArrival(index)
  }

  /** @param {number} index */
  forget(index) {
    const known = this.known.get(index)
    if (known) this.bytes -= weight(known)
    this.known.delete(index)
  }

  /** Forget what lies farthest away until the rest fits, beside the picture that is drawn. */
  forgetFarthest() {
    const drawn = this.known.get(this.drawn)
    const allowed = this.budget + (drawn ? weight(drawn) : 0)
    if (this.bytes <= allowed) return
    for (const index of [...this.nearestFirst()].reverse()) {
      if (this.bytes <= allowed) return
      if (index !== this.drawn && !this.isBeside(index)) this.forget(index)
    }
  }
}

/** @param {Pyramid | Unshowable} picture */
const weight = (picture) => (picture instanceof Pyramid ? picture.frame.pixels.byteLength : 0)
