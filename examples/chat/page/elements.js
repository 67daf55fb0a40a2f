// Making parts of the document. Whatever comes from other people passes through here as text:
// nothing on this page is ever parsed as HTML.

export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** One of the symbols of index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  svg.append(use);
  return svg;
}

/** Words for those who hear the page. */
export const heard = (textContent) => element("span", { className: "heard", textContent });

/** A name in an element of its own, so that its writing direction turns nothing around it. */
export const named = (textContent, className = "") => element("bdi", { textContent, className });

export function avatar(name) {
  const made = element("span", { className: "avatar", textContent: initials(name) });
  made.setAttribute("aria-hidden", "true");
  made.style.setProperty("--hue", hue(name));
  return made;
}

// Names that differ little get hues that differ much.
const hue = (name) => [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7) * 137 % 360;

function initials(name) {
  const words = name.split(/[^\p{L}\p{N}\p{M}]+/u).filter(Boolean);
  const letters = words.length ? [words[0], ...words.slice(1).slice(-1)].map((word) => [...word][0]) : [...name].slice(0, 1);
  return letters.join("").toLocaleUpperCase();
}

/** Makes `nodes` the children of `parent`. What stays is not touched: it keeps its focus and its place. */
export function arrange(parent, nodes) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  if (focused?.isConnected && focused !== document.activeElement) focused.focus();
}

export const kilobytes = (bytes) => bytes < 1_000 ? `${bytes} B` : `${(bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0)} kB`;
