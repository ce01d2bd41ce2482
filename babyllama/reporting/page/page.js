"use strict";
// What every page has: the data, elements, numbers as text, the tooltip, colours, and which runs are shown.

const data = JSON.parse(document.getElementById("data").textContent);
const hidden = new Set();
const redraws = [];
const narrow = 560;

function element(name, attributes = {}, ...children) {
  const svg = element.svg.has(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") Object.assign(made.style, value);
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
element.svg = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "title"]);

const colour = (run) => `var(--run-${run % 8})`;
const dashes = (run) => ["", "7 3", "2 3", "9 3 2 3"][Math.floor(run / 2) % 4 && run >= 4 ? Math.floor(run / 4) % 4 : 0];
const say = (text) => { document.getElementById("said").textContent = text; };

function significant(value) {
  if (!isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) return value.toExponential(2);
  return value.toLocaleString("en", { maximumSignificantDigits: size >= 1000 ? 6 : 4 });
}
function short(value) {
  const size = Math.abs(value);
  for (const [unit, text] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return `${+(value / unit).toPrecision(3)}${text}`;
  }
  return size !== 0 && size < 1e-3 ? value.toExponential(0) : `${+value.toPrecision(4)}`;
}
function time(seconds) {
  const whole = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
function ticks(low, high, count) {
  const span = high - low || Math.abs(high) || 1, rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((one) => power * one >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) found.push(+(at * step).toPrecision(12));
  return found;
}
function timeTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((one) => one >= rough);
  if (!step) return ticks(low, high, count);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at++) found.push(at * step);
  return found;
}
function logTicks(low, high, count) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const one of [1, 2, 5]) {
      const at = one * 10 ** power;
      if (at >= low * 0.999 && at <= high * 1.001) found.push(at);
    }
  }
  if (found.length < 2) return ticks(low, high, count).filter((one) => one > 0);
  const every = Math.ceil(found.length / Math.max(2, count));
  return found.filter((_, number) => number % every === 0);
}
const ruler = document.createElement("canvas").getContext("2d");
function width(text, size = 12.5) {
  ruler.font = `500 ${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}
function clip(text, room, size) {
  if (width(text, size) <= room) return text;
  let kept = [...text];
  while (kept.length > 1 && width(kept.join("") + "…", size) > room) kept.pop();
  return kept.join("") + "…";
}
// Labels side by side in one column: each as near to its place as the ones around it allow.
function spread(places, gap, low, high) {
  const order = places.map((at, number) => ({ at, number })).sort((a, b) => a.at - b.at);
  for (let round = 0; round < 60; round++) {
    for (let n = 1; n < order.length; n++) {
      const lack = gap - (order[n].at - order[n - 1].at);
      if (lack > 0) { order[n].at += lack / 2; order[n - 1].at -= lack / 2; }
    }
    for (const one of order) one.at = Math.min(high, Math.max(low, one.at));
  }
  const found = [];
  for (const one of order) found[one.number] = one.at;
  return found;
}

const tip = document.getElementById("tip");
function showTip(x, y, ...content) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, x + 16 + box.width > innerWidth ? x - box.width - 16 : x + 16)}px`;
  tip.style.top = `${Math.max(8, Math.min(innerHeight - box.height - 8, y - box.height / 2))}px`;
}
function hideTip() { tip.hidden = true; }
addEventListener("scroll", hideTip, { passive: true });
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

function watchWidth(node, draw) {
  let before = 0;
  new ResizeObserver(() => {
    const now = Math.round(node.clientWidth);
    if (now && now !== before) { before = now; draw(now); }
  }).observe(node);
  redraws.push(() => before && draw(before));
}

{
  const button = document.getElementById("theme"), names = { auto: "Auto", light: "Light", dark: "Dark" };
  const said = { auto: "as the system has them", light: "light", dark: "dark" };
  let theme = "auto";
  try { theme = localStorage.getItem("babyllama-theme") || "auto"; } catch { /* kept for this page only */ }
  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = names[theme];
    button.setAttribute("aria-label", `Colours: ${said[theme]}`);
    try { localStorage.setItem("babyllama-theme", theme); } catch { /* kept for this page only */ }
  };
  if (!(theme in names)) theme = "auto";
  button.addEventListener("click", () => { theme = { auto: "light", light: "dark", dark: "auto" }[theme]; apply(); });
  apply();
}

for (const button of document.querySelectorAll(".runs button")) {
  button.addEventListener("click", () => {
    const run = +button.dataset.run;
    if (!hidden.delete(run)) hidden.add(run);
    button.setAttribute("aria-pressed", String(!hidden.has(run)));
    redraws.forEach((draw) => draw());
  });
}

{
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(entry.target.id);
      link.setAttribute("aria-current", "true");
      const list = link.closest("ol");
      if (list.scrollWidth > list.clientWidth) list.scrollTo({ left: link.offsetLeft - list.clientWidth / 3 });
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const id of links.keys()) { const section = document.getElementById(id); if (section) seen.observe(section); }
}
