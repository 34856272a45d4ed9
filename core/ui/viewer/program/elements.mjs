// @ts-check
// Making elements.

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  element.append(...children)
  return element
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, String(value))
  element.append(...children)
  return element
}

/** Offer these names, one of them chosen. @param {HTMLSelectElement} list @param {string[]} names @param {number} chosen */
export function fillList(list, names, chosen) {
  if (list.length !== names.length || names.some((name, i) => list.options[i].text !== name)) {
    list.replaceChildren(...names.map((name) => html("option", {}, name)))
  }
  if (names.length > 0) list.selectedIndex = chosen
}
