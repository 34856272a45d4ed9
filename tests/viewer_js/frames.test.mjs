import assert from "node:assert/strict"
import { test } from "node:test"

import { Frames, Unshowable } from "../../core/ui/viewer/program/frames.mjs"

const HEADER = { dtype: "uint8", rows: 10, columns: 10, channels: 1, rescale: { intercept: 0 }, windows: [] }
const BYTES = 100

/** A picture of 100 bytes as the server sends it. */
function encoded(header = HEADER) {
  const words = new TextEncoder().encode(JSON.stringify(header))
  const answer = new Uint8Array(8 + words.length + header.rows * header.columns)
  new DataView(answer.buffer).setUint32(0, 0x3158424c, true)
  new DataView(answer.buffer).setUint32(4, words.length, true)
  answer.set(words, 8)
  return answer
}

/** Let everything that has been begun come to its end, without waiting for any clock. */
async function settle() {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Frames whose server answers at once; `asked` are the pictures it was asked for, in their order. */
function series({ count, room = Infinity, answer = () => new Response(encoded()) }) {
  /** @type {number[]} */
  const asked = []
  globalThis.setTimeout = (/** @type {() => void} */ run) => setImmediate(run)
  globalThis.fetch = (/** @type {string} */ address) => {
    const index = Number(address.replace("pixels/", ""))
    asked.push(index)
    return Promise.resolve().then(() => answer(index))
  }
  const settings = { address: "pixels/", token: "first", count, budget: room * BYTES, onArrival: () => {}, onEnded: () => {} }
  return { frames: new Frames(settings), asked }
}

/** @param {Frames} frames @param {number[]} asked @param {number} index @returns {Promise<number[]>} what was fetched for it */
async function look(frames, asked, index) {
  asked.length = 0
  frames.lookAt(index)
  await settle()
  frames.get(index)
  return [...asked]
}

test("what is looked at is fetched first, then its neighbours, nearest first, to both ends", async () => {
  const { frames, asked } = series({ count: 8 })
  assert.deepEqual(await look(frames, asked, 5), [5, 6, 4, 7, 3, 2, 1, 0])
})

test("a step in a series that does not fit fetches one picture and forgets the farthest", async () => {
  const { frames, asked } = series({ count: 40, room: 11 })
  await look(frames, asked, 20)
  assert.deepEqual([...frames.known.keys()].sort((a, b) => a - b), [15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
  for (let index = 21; index <= 30; index++) assert.deepEqual(await look(frames, asked, index), [index + 5])
  assert.deepEqual([...(await look(frames, asked, 29)), ...(await look(frames, asked, 28))], [23])
  assert.ok(frames.bytes <= 12 * BYTES, "one more than fit: the one that was drawn meanwhile")
})

test("after a jump only what now lies near is fetched, each picture once", async () => {
  const { frames, asked } = series({ count: 40, room: 11 })
  await look(frames, asked, 0)
  assert.deepEqual((await look(frames, asked, 39)).sort((a, b) => a - b), [29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39])
  assert.deepEqual(await look(frames, asked, 39), [])
})

test("the picture that is drawn stays until another one is", async () => {
  const { frames, asked } = series({ count: 40, room: 5 })
  await look(frames, asked, 0)
  frames.lookAt(30)
  await settle()
  assert.ok(frames.known.has(0))
  frames.get(30)
  await look(frames, asked, 31)
  assert.ok(!frames.known.has(0))
})

test("a picture that turns out too large to be kept is fetched once, its nearer ones stay", async () => {
  const large = { ...HEADER, rows: 60 }
  const { frames, asked } = series({ count: 9, room: 5, answer: (index) => new Response(encoded(index === 6 ? large : HEADER)) })
  const fetched = await look(frames, asked, 4)
  assert.equal(fetched.filter((index) => index === 6).length, 1)
  assert.deepEqual([3, 4, 5].map((index) => frames.known.has(index)), [true, true, true])
  assert.deepEqual(await look(frames, asked, 4), [])
})

test("a lost connection is tried three times, then said; what comes at the second try is shown", async () => {
  let failures = 4
  const lost = (/** @type {number} */ index) => {
    if (index === 0 && failures-- > 0) throw new TypeError("no connection")
    return new Response(encoded())
  }
  const { frames, asked } = series({ count: 1, answer: lost })
  assert.deepEqual(await look(frames, asked, 0), [0, 0, 0])
  assert.ok(frames.get(0) instanceof Unshowable)
  const again = series({ count: 1, answer: lost })
  assert.deepEqual(await look(again.frames, again.asked, 0), [0, 0])
  assert.ok(!(again.frames.get(0) instanceof Unshowable))
})

test("with a token that has ended nothing is fetched until there is another", async () => {
  let token = "first"
  const answer = () => (token === "first" ? new Response("", { status: 403 }) : new Response(encoded()))
  const { frames, asked } = series({ count: 3, answer })
  assert.deepEqual(await look(frames, asked, 1), [1])
  token = "second"
  asked.length = 0
  frames.renew(token)
  await settle()
  assert.deepEqual(asked, [1, 2, 0])
})
