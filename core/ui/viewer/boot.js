// What Streamlit runs. The program itself is plain modules from a route of the same server.

/** How often Streamlit has called for each viewer on the page. @type {WeakMap<ShadowRoot, number>} */
const calls = new WeakMap()

/** @param {import("./program/types.mjs").Component} component */
export default async function (component) {
  const root = component.parentElement
  const call = (calls.get(root) ?? 0) + 1
  calls.set(root, call)
  let program
  try {
    program = await import(new URL(component.data.program, document.baseURI).href)
  } catch {
    // Blocked or cut off: the page then shows pictures made by the server.
    component.setStateValue("failed", true)
    return
  }
  // Imports that are awaited side by side end in any order; what was told before must not be shown after what is new.
  if (calls.get(root) !== call) return
  return program.show(component)
}
