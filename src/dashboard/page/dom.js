// Makes elements. Text is always set as text, so nothing that a process, a person or a model wrote becomes markup.

/**
 * An element with these properties, attributes and children. `on` holds its listeners.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'on') for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (key === 'class') element.className = value;
    else if (key === 'value' && 'value' in element) element.value = value;
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => present(child)).map((child) => wrap(child)));
  return element;
}

/**
 * Puts these children in place of what is there.
 * @param {Element} parent
 * @param {...(Node | string | null | undefined | false)} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => present(child)).map((child) => wrap(child)));
}

/**
 * A button.
 * @param {string} text
 * @param {() => void} act
 * @param {Record<string, any>} [properties]
 */
export function button(text, act, properties = {}) {
  return el('button', { type: 'button', ...properties, on: { click: act } }, text);
}

/**
 * The element with this id, which index.html has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/** @param {unknown} child */
function present(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {any} child @returns {Node | string} */
function wrap(child) {
  return typeof child === 'number' ? String(child) : child;
}
