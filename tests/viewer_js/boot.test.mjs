// What Streamlit runs, with programs that come sooner or later.

import assert from "node:assert/strict"
import { test } from "node:test"

import boot from "../../core/ui/viewer/boot.js"

globalThis.document = { baseURI: "http://localhost/" }

/** A program that is there after a while and notes what it is to show. */
const program = (wait, name) => {
  const text = `await new Promise((done) => setTimeout(done, ${wait}))
    export const show = (component) => { component.shown.push("${name}"); return "${name} is cleaned up" }`
  return `data:text/javascript,${encodeURIComponent(text)}`
}

const component = (parentElement, told, shown, wait, name) => ({
  parentElement,
  shown,
  data: { program: program(wait, name), told },
  setStateValue: (...told) => shown.push(told),
})

test("what was told before is not shown after what is new", async () => {
  const [root, shown] = [{}, []]
  const first = boot(component(root, 1, shown, 60, "old"))
  const second = boot(component(root, 2, shown, 1, "new"))
  assert.deepEqual(await Promise.all([first, second]), [undefined, "new is cleaned up"])
  assert.deepEqual(shown, ["new"])
})

test("what was told before may come later", async () => {
  const [root, shown] = [{}, []]
  await boot(component(root, 2, shown, 1, "new"))
  await boot(component(root, 1, shown, 1, "old"))
  await boot(component(root, 2, shown, 1, "new again"))
  assert.deepEqual(shown, ["new", "new again"])
})

test("each viewer on a page is told its own", async () => {
  const shown = []
  await Promise.all([boot(component({}, 2, shown, 30, "left")), boot(component({}, 1, shown, 1, "right"))])
  assert.deepEqual(shown, ["right", "left"])
})

test("a page whose program does not come is told so", async () => {
  const shown = []
  await boot({ ...component({}, 1, shown, 0, ""), data: { program: "data:text/javascript,throw 1", told: 1 } })
  assert.deepEqual(shown, [["failed", true]])
})
