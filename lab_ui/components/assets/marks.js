// Small things that every screen draws alike: levels, numbers, ages, elements.

export const GREY = 0;
export const GREEN = 1;
export const RED = 4;
const SHAPES = [
  '<path d="M4 4 L12 12 M12 4 L4 12" stroke="#8B95A1" stroke-width="2.4" stroke-linecap="round"/>',
  '<circle cx="8" cy="8" r="5.4" fill="#5E997D"/>',
  '<path d="M8 1.6 L15 14 L1 14 Z" fill="#FCEF66"/>',
  '<path d="M8 .8 L15.2 8 L8 15.2 L.8 8 Z" fill="#ED8310"/>',
  '<path d="M5.1 1 L10.9 1 L15 5.1 L15 10.9 L10.9 15 L5.1 15 L1 10.9 L1 5.1 Z"' +
    ' fill="#C91420" stroke="#F4D6D4" stroke-width="1.5"/>',
];

const NAMESPACE = "http://www.w3.org/2000/svg";

// A level's shape in a box of 16 by 16. The word beside it is the caller's.
export function mark(level) {
  const svg = svgNode("svg", { viewBox: "0 0 16 16", class: `mark level-${level}` });
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = SHAPES[level];
  return svg;
}

export function markMarkup(level) {
  return SHAPES[level];
}

export function node(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function svgNode(name, attributes = {}) {
  const element = document.createElementNS(NAMESPACE, name);
  set(element, attributes);
  return element;
}

function set(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") element.textContent = value;
    else if (value !== null && value !== undefined) element.setAttribute(key, value);
  }
}

// Numbers, times and ids keep their own direction inside a right-to-left sentence.
export function bdi(text, attributes = {}) {
  return node("bdi", { dir: "ltr", ...attributes, text });
}

// A text with {name} in it, as nodes: the values are kept apart from the sentence's direction.
export function filled(text, values) {
  const out = node("span");
  for (const part of text.split(/(\{\w+\})/)) {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    if (!name) out.append(part);
    else out.append(values[name] instanceof Node ? values[name] : node("bdi", { text: values[name] }));
  }
  return out;
}

export function number(value, digits) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const shown = digits ?? (size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
  const text = value.toFixed(shown);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

// 4 s, 12 min, 3 h, 5 d: the same letters in every language (they are units).
export function age(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 99.5 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// 1:05:09 or 4:32, counting down.
export function countdown(ms) {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// HH:MM:SS of a moment in UTC; with the day in front where it is not the day of `now`.
export function moment(ms, now) {
  const iso = new Date(ms).toISOString();
  const today = now !== undefined && iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10);
  return today ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

// The address of another of our screens, in the same language and with the same person on duty.
export function screen(name, values) {
  const here = new URL(window.location.href).searchParams;
  const url = new URL(`/${name}`, window.location.origin);
  for (const kept of ["lang", "who"]) {
    if (here.get(kept)) url.searchParams.set(kept, here.get(kept));
  }
  Object.entries(values).forEach(([key, value]) => url.searchParams.set(key, value));
  return url.href;
}

// A stylesheet of ours inside a component's own root.
export function styled(root, ...names) {
  for (const name of names) {
    if (!root.querySelector(`link[data-name="${name}"]`)) {
      root.append(node("link", { rel: "stylesheet", href: `/assets/${name}`, "data-name": name }));
    }
  }
}

const owned = new WeakMap();

// The element that a component draws in, made once; what Streamlit calls again finds it again.
export function own(parent, name) {
  if (!owned.has(parent)) {
    const element = node("div", { class: `hoshyar ${name}` });
    styled(parent, "hoshyar.css");
    parent.append(element);
    owned.set(parent, element);
  }
  return owned.get(parent);
}
