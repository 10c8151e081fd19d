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
 * The same, but what has not changed stays: a button that is being pressed, a text that is being marked. Listeners may be
 * on links and fields alone, whose attributes say all that their listeners know.
 * @param {Element} parent
 * @param {...(Node | string | null | undefined | false)} children
 */
export function update(parent, ...children) {
  const key = document.activeElement?.getAttribute('data-key');
  merge(
    parent,
    children.filter((child) => present(child)).map((child) => wrap(child)),
  );
  // A row that moved is another element.
  if (!key || document.activeElement?.getAttribute('data-key') === key) return;
  const again = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (again instanceof HTMLElement) again.focus();
}

/** @param {Element} parent @param {readonly (Node | string)[]} children */
function merge(parent, children) {
  const old = [...parent.childNodes];
  for (const [index, child] of children.entries()) {
    const node = typeof child === 'string' ? document.createTextNode(child) : child;
    const before = old[index];
    if (!before) parent.append(node);
    else if (before.isEqualNode(node)) continue;
    else if (before instanceof Element && node instanceof Element && isFrame(before, node)) {
      for (const { name } of [...before.attributes])
        if (!node.hasAttribute(name)) before.removeAttribute(name);
      for (const { name, value } of node.attributes) before.setAttribute(name, value);
      merge(before, [...node.childNodes]);
    } else before.replaceWith(node);
  }
  for (const node of old.slice(children.length)) node.remove();
}

/** @param {Element} before @param {Element} node */
function isFrame(before, node) {
  return before.tagName === node.tagName && !/^(A|BUTTON|INPUT|SELECT|FORM)$/.test(node.tagName);
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
