// What Streamlit runs. The program itself is plain modules from a route of the same server.

/** When the page told the newest data of each viewer. @type {WeakMap<ShadowRoot, number>} */
const newest = new WeakMap()

/** @param {import("./program/types.mjs").Component} component */
export default async function (component) {
  const { parentElement: root, data: { told } } = component
  newest.set(root, Math.max(told, newest.get(root) ?? 0))
  let program
  try {
    program = await import(new URL(component.data.program, document.baseURI).href)
  } catch {
    // Blocked or cut off: the page then shows pictures made by the server.
    component.setStateValue("failed", true)
    return
  }
  // On a busy machine data come in another order than they were told, and imports end in another than they began.
  if (told < (newest.get(root) ?? 0)) return
  return program.show(component)
}
