(() => {
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const runs = data.candidates.filter((c) => c.curve && c.curve.t.length > 1);
const state = { who: Math.max(0, runs.findIndex((c) => c.champion)), at: 0, fn: data.costs.fn, fp: data.costs.fp, beta: data.beta };
const kindOf = (i) => i === state.who && !runs[i].champion ? "chosen" : runs[i].champion ? "champion" : runs[i].baseline ? "baseline" : "";

/* ---- words ---- */
const NF = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
const whole = (x) => new Intl.NumberFormat("en", { maximumFractionDigits: Math.abs(x) < 10 && x % 1 ? 1 : 0 }).format(x);
const fig = (x) => {
  if (x === null || !Number.isFinite(x)) return "–";
  const a = Math.abs(x);
  return (a >= 1000 ? NF(0) : a >= 10 ? NF(1) : a >= 0.001 || a === 0 ? NF(3) : { format: (v) => v.toPrecision(2) }).format(x).replace("-", "−");
};
const pct = (x, digits = 3) => {
  if (x === null || !Number.isFinite(x)) return "–";
  const p = 100 * x;
  return (p >= 99.95 && p < 100 ? p.toPrecision(4) : String(Number(p.toPrecision(digits)))) + " %";
};
const prob = (t) => t === null ? "above all scores" : t > 0.999 && t < 1 ? "1 − " + (1 - t).toPrecision(2) : String(Number(t.toPrecision(t < 0.001 ? 2 : 3)));

/* ---- figures at a line ---- */
function cells(c, i) {
  const tp = c.curve.tp[i], fp = c.curve.fp[i];
  return { tp, fp, fn: c.curve.P - tp, tn: c.curve.N - fp };
}
const div = (a, b) => b ? a / b : NaN;
function figures(m) {
  const b2 = state.beta * state.beta, all = m.tp + m.fp + m.fn + m.tn;
  const root = Math.sqrt(m.tp + m.fp) * Math.sqrt(m.tp + m.fn) * Math.sqrt(m.tn + m.fp) * Math.sqrt(m.tn + m.fn);
  return {
    precision: div(m.tp, m.tp + m.fp), recall: div(m.tp, m.tp + m.fn), fpr: div(m.fp, m.fp + m.tn),
    fbeta: div((1 + b2) * m.tp, (1 + b2) * m.tp + b2 * m.fn + m.fp),
    mcc: root ? (m.tp * m.tn - m.fp * m.fn) / root : 0,
    alerts: m.tp + m.fp, share: (m.tp + m.fp) / all,
    perDay: data.n_days ? (m.tp + m.fp) / all * data.n_rows / data.n_days : null,
    cost: 1000 * (state.fn * m.fn + state.fp * m.fp + data.costs.tp * m.tp + data.costs.tn * m.tn) / all,
  };
}
const costAt = (c, i) => figures(cells(c, i)).cost;
function cheapest(c) {
  let best = 0;
  for (let i = 1; i < c.curve.t.length; i++) if (costAt(c, i) < costAt(c, best)) best = i;
  return best;
}

/* ---- scales and axes ---- */
const lin = (a, b, u, v) => Object.assign((x) => u + (v - u) * (x - a) / (b - a || 1), { kind: "lin", domain: [a, b], range: [u, v] });
const log = (a, b, u, v) => {
  const l = Math.log10, f = lin(l(a), l(b), u, v);
  return Object.assign((x) => f(l(Math.max(x, a))), { kind: "log", domain: [a, b], range: [u, v] });
};
const odds = (p) => Math.log(p / (1 - p));
const logit = (a, b, u, v) => {
  const f = lin(odds(a), odds(b), u, v), clamp = (p) => Math.min(b, Math.max(a, p));
  return Object.assign((p) => f(odds(clamp(p))), { kind: "logit", domain: [a, b], range: [u, v] });
};
function ticks(s, room) {
  const [a, b] = s.domain;
  if (s.kind === "lin") {
    const n = Math.max(3, Math.round(room)), raw = (b - a) / n || 1, ten = 10 ** Math.floor(Math.log10(raw)), out = [];
    const step = [1, 2, 2.5, 5, 10].map((m) => m * ten).reduce((p, q) => Math.abs((b - a) / q - n) < Math.abs((b - a) / p - n) ? q : p);
    for (let k = Math.ceil(a / step - 1e-9); k * step <= b + step * 1e-6; k++) out.push(Number((k * step).toPrecision(12)));
    return out;
  }
  if (s.kind === "log") {
    const lo = Math.ceil(Math.log10(a) - 1e-9), hi = Math.floor(Math.log10(b) + 1e-9), decades = hi - lo + 1, out = [];
    if (decades <= 2) { for (let e = lo - 1; e <= hi + 1; e++) for (const m of [1, 2, 5]) out.push(m * 10 ** e); return out.filter((v) => v >= a * 0.999 && v <= b * 1.001); }
    const every = Math.max(1, Math.ceil(decades / Math.max(2, room)));
    for (let e = hi; e >= lo; e -= every) out.push(10 ** e);
    return out.reverse();
  }
  const all = [1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999].filter((v) => v >= a && v <= b);
  const [u, v] = s.range, gap = 46, out = [];
  for (const t of all) if (!out.length || Math.abs(s(t) - s(out[out.length - 1])) >= gap || Math.abs(v - u) < gap) out.push(t);
  return out;
}

/* ---- drawing ---- */
const NS = "http://www.w3.org/2000/svg";
function el(name, attrs = {}, parent = null, text = null) {
  const node = document.createElementNS(NS, name);
  for (const [k, v] of Object.entries(attrs)) if (v !== null && v !== undefined) node.setAttribute(k, v);
  if (text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function html(name, attrs = {}, parent = null, text = null) {
  const node = document.createElement(name);
  for (const [k, v] of Object.entries(attrs)) node.setAttribute(k, v);
  if (text !== null) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
const cut = (s, n) => { const a = Array.from(String(s)); return a.length > n ? a.slice(0, n - 1).join("") + "…" : a.join(""); };
let clips = 0;
function frame(host, opt) {
  host.replaceChildren();
  const width = Math.max(180, host.clientWidth || 320), height = opt.height || Math.round(Math.min(300, Math.max(190, width * 0.66)));
  const m = Object.assign({ top: 10, right: 12, bottom: opt.xLabel ? 40 : 24, left: 48 }, opt.margin);
  const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" }, host);
  const title = $(host.id + "-title");
  svg.setAttribute("aria-label", (opt.title || (title ? title.textContent : "")) + (opt.says ? ". " + opt.says : ""));
  const x = opt.x(m.left, width - m.right), y = opt.y(height - m.bottom, m.top);
  const axis = el("g", { class: "axis", "aria-hidden": "true" }, svg), fx = opt.xFormat || fig, fy = opt.yFormat || fig;
  for (const t of opt.yTicks || ticks(y, (height - m.top - m.bottom) / 38)) {
    el("line", { class: "gridline", x1: m.left, x2: width - m.right, y1: y(t), y2: y(t) }, axis);
    el("text", { x: m.left - 7, y: y(t) + 4, "text-anchor": "end" }, axis, fy(t));
  }
  const xs = opt.xTicks || ticks(x, (width - m.left - m.right) / (opt.xRoom || 62));
  let last = -Infinity;
  for (const t of xs) {
    if (opt.xGap && x(t) - last < opt.xGap) continue;
    last = x(t);
    el("line", { x1: x(t), x2: x(t), y1: height - m.bottom, y2: height - m.bottom + 4 }, axis);
    el("text", { x: Math.min(x(t), width - 12), y: height - m.bottom + 17, "text-anchor": "middle" }, axis, fx(t));
  }
  el("line", { x1: m.left, x2: width - m.right, y1: height - m.bottom, y2: height - m.bottom }, axis);
  if (opt.xLabel) el("text", { x: (m.left + width - m.right) / 2, y: height - 4, "text-anchor": "middle" }, axis, opt.xLabel);
  const id = "clip" + clips++, clip = el("clipPath", { id }, el("defs", {}, svg));
  el("rect", { x: m.left - 1, y: m.top - 4, width: width - m.left - m.right + 2, height: height - m.top - m.bottom + 5 }, clip);
  const inner = el("g", { "clip-path": `url(#${id})` }, svg), over = el("g", {}, svg);
  return { svg, x, y, inner, over, width, height, m };
}
const path = (points) => { let d = ""; for (const [x, y] of points) if (Number.isFinite(x) && Number.isFinite(y)) d += (d ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1); return d; };
function steps(edges, counts, x, y, base) {
  let d = `M${x(edges[0]).toFixed(1)} ${base}`;
  counts.forEach((n, i) => { const v = y(n).toFixed(1); d += `L${x(edges[i]).toFixed(1)} ${v}L${x(edges[i + 1]).toFixed(1)} ${v}`; });
  return d + `L${x(edges[edges.length - 1]).toFixed(1)} ${base}Z`;
}
const drawers = new Map();
function mount(host, draw) {
  if (!host) return;
  drawers.set(host, draw);
  watcher.observe(host);
}
const widths = new Map();
const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) if (widths.get(target) !== target.clientWidth) { widths.set(target, target.clientWidth); if (target.clientWidth) drawers.get(target)(target); }
});
const redraw = (...hosts) => { for (const h of hosts) if (h && drawers.has(h) && h.clientWidth) drawers.get(h)(h); };

/* ---- the curves of all candidates ---- */
const order = () => runs.map((_, i) => i).sort((a, b) => rank(a) - rank(b));
const rank = (i) => i === state.who ? 3 : runs[i].champion ? 2 : runs[i].baseline ? 1 : 0;
function pointsOf(c, fx, fy) { const out = []; for (let i = 0; i < c.curve.t.length; i++) { const m = cells(c, i); out.push([fx(m, c, i), fy(m, c, i)]); } return out; }
const recall = (m) => m.tp / (m.tp + m.fn), fpr = (m) => m.fp / (m.fp + m.tn);
const precision = (m) => m.tp + m.fp ? m.tp / (m.tp + m.fp) : NaN;
const alerted = (m) => (m.tp + m.fp) / (m.tp + m.fp + m.fn + m.tn);
const rate = (c) => c.curve.P / (c.curve.P + c.curve.N);
const finest = () => { const c = runs[state.who]; return Math.max(1e-7, 10 ** Math.floor(Math.log10(0.9 / c.curve.N))); };
const SHAPES = {
  pr: { x: (u, v) => lin(0, 1, u, v), y: (u, v) => lin(0, 1, u, v), fx: recall, fy: precision, xLabel: "recall", xFormat: (t) => pct(t), yFormat: (t) => pct(t) },
  roc: { x: (u, v) => log(finest(), 1, u, v), y: (u, v) => lin(0, 1, u, v), fx: fpr, fy: recall, xLabel: "false-positive rate", xFormat: (t) => pct(t), yFormat: (t) => pct(t) },
  gain: { x: (u, v) => log(leastAlerted(), 1, u, v), y: (u, v) => lin(0, 1, u, v), fx: alerted, fy: recall, xLabel: "share of the rows alerted", xFormat: (t) => pct(t), yFormat: (t) => pct(t) },
  lift: { x: (u, v) => log(leastAlerted(), 1, u, v), y: (u, v) => log(0.9, Math.max(2, 1 / rate(runs[state.who])), u, v), fx: alerted, fy: (m, c) => precision(m) / rate(c), xLabel: "share of the rows alerted", xFormat: (t) => pct(t), yFormat: (t) => fig2(t) + "×" },
};
const fig2 = (t, digits = 3) => String(Number(t.toPrecision(digits)));
const leastAlerted = () => { const c = runs[state.who].curve; return Math.max(1e-7, 10 ** Math.floor(Math.log10(0.9 / (c.P + c.N)))); };
const sayings = (key) => {
  const c = runs[state.who];
  return { pr: `Average precision of ${c.name}: ${fig(c.ap)}; of guessing: ${fig(rate(c))}`, roc: `Area of ${c.name}: ${fig(c.auc)}`, gain: "", lift: "" }[key];
};
function drawCurves(host, key, only = null) {
  const s = SHAPES[key], f = frame(host, Object.assign({ says: sayings(key) }, s));
  if (key === "pr") { const r = f.y(rate(runs[state.who])); el("line", { class: "guide", x1: f.m.left, x2: f.width - f.m.right, y1: r, y2: r }, f.inner); }
  if (key === "roc" || key === "gain") { const [a] = f.x.domain, pts = []; for (let k = 0; k <= 60; k++) { const v = a ** (1 - k / 60); pts.push([f.x(v), f.y(v)]); } el("path", { class: "guide", d: path(pts) }, f.inner); }
  if (key === "lift") { const r = f.y(1); el("line", { class: "guide", x1: f.m.left, x2: f.width - f.m.right, y1: r, y2: r }, f.inner); }
  for (const i of order()) {
    if (only !== null && i !== state.who && !runs[i].champion && !runs[i].baseline) continue;
    const pts = pointsOf(runs[i], s.fx, s.fy).map(([a, b]) => [f.x(a), f.y(b)]);
    el("title", {}, el("path", { class: "curve " + kindOf(i), d: path(pts) }, f.inner), runs[i].name);
  }
  return f;
}

/* ---- the line ---- */
const marks = {};
function drawMovable(host, key) {
  const f = drawCurves(host, key, true), s = SHAPES[key], c = runs[state.who];
  const place = (i) => { const m = cells(c, i), b = s.fy(m, c, i); return [f.x(s.fx(m, c, i)), f.y(Number.isFinite(b) ? b : 1)]; };
  finishMovable(host, f, place);
}
const costShape = { xLabel: "line (probability)", xFormat: (t) => String(t), yFormat: (t) => fig2(t) };
function inner(c) {
  const seen = c.curve.t.filter((t) => t !== null && t > 0 && t < 1);
  if (!seen.length) return [0.001, 0.999];
  const a = Math.max(1e-6, seen[seen.length - 1]), b = Math.min(1 - 1e-6, seen[0]);
  return a < b ? [a, b] : [a / 2, (1 + a) / 2];
}
function drawCost(host) {
  const c = runs[state.who], values = c.curve.t.map((_, i) => costAt(c, i)), [a, b] = inner(c);
  const low = Math.min(...values), high = Math.max(...values), isWide = low > 0 && high / low > 20;
  const f = frame(host, Object.assign({ x: (u, v) => logit(a, b, u, v), y: (u, v) => isWide ? log(low * 0.8, high * 1.1, u, v) : lin(0, high * 1.05 || 1, u, v), says: `Cheapest at ${prob(c.curve.t[cheapest(c)])}: ${fig(low)}` }, costShape));
  const at = (i) => [f.x(c.curve.t[i] === null ? 1 : c.curve.t[i]), f.y(values[i])];
  el("path", { class: "curve " + kindOf(state.who), d: path(values.map((_, i) => at(i))) }, f.inner);
  const best = at(cheapest(c));
  el("title", {}, el("path", { class: "cheapest", d: `M${best[0]} ${best[1] + 9}l5 9h-10z` }, f.over), "cheapest line");
  put("cheapest", `cheapest at ${prob(c.curve.t[cheapest(c)])}: ${fig(low)}`);
  finishMovable(host, f, at);
}
function finishMovable(host, f, place) {
  const c = runs[state.who], goal = c.curve.goal;
  const drop = el("line", { class: "here-line", y1: f.m.top, y2: f.height - f.m.bottom }, f.inner);
  if (goal !== null) {
    const [x, y] = place(goal);
    for (const [x1, y1, x2, y2] of whiskers(host.id, f, c, x, y)) el("line", { class: "whisker", x1, y1, x2, y2 }, f.over);
    el("title", {}, el("rect", { class: "goal", x: -6, y: -6, width: 12, height: 12, transform: `translate(${x} ${y}) rotate(45)` }, f.over), "goal’s line");
  }
  const here = el("circle", { class: "here", r: 6.5 }, f.over);
  marks[host.id] = () => { const [x, y] = place(state.at); for (const [k, v] of [["cx", x], ["cy", y]]) here.setAttribute(k, v); drop.setAttribute("x1", x); drop.setAttribute("x2", x); };
  marks[host.id]();
  const follow = (e) => {
    const box = f.svg.getBoundingClientRect(), px = (e.clientX - box.left) * f.width / box.width, py = (e.clientY - box.top) * f.height / box.height;
    let best = 0, least = Infinity;
    for (let i = 0; i < c.curve.t.length; i++) { const [x, y] = place(i), d = (x - px) ** 2 + (host.id === "line-cost" ? 0 : (y - py) ** 2); if (d < least) { least = d; best = i; } }
    moveTo(best);
  };
  f.svg.addEventListener("pointerdown", (e) => { f.svg.setPointerCapture(e.pointerId); follow(e); });
  f.svg.addEventListener("pointermove", (e) => { if (e.buttons) follow(e); });
}
/* the interval of the goal's figure, where a chart has that figure as an axis */
function whiskers(id, f, c, x, y) {
  const p = c.point || {}, has = Number.isFinite(p.lower) && Number.isFinite(p.upper), own = state.fn === data.costs.fn && state.fp === data.costs.fp;
  if (!has) return [];
  if (id === "line-pr" && p.metric === "precision") return [[x, f.y(p.lower), x, f.y(p.upper)]];
  if (id === "line-pr" && p.metric === "recall") return [[f.x(p.lower), y, f.x(p.upper), y]];
  if (id === "line-roc" && p.metric === "recall") return [[x, f.y(p.lower), x, f.y(p.upper)]];
  if (id === "line-cost" && p.metric === "cost" && own) return [[x, f.y(1000 * p.lower), x, f.y(1000 * p.upper)]];
  return [];
}
function moveTo(i) {
  state.at = Math.min(runs[state.who].curve.t.length - 1, Math.max(0, i));
  showLine();
}
const put = (id, text) => { $(id).textContent = text; };
let speaking = 0;
function showLine() {
  const c = runs[state.who], t = c.curve.t[state.at], m = cells(c, state.at), v = figures(m), last = c.curve.t.length - 1;
  const slider = $("slider");
  slider.max = last; slider.value = last - state.at;
  const spoken = `probability ${prob(t)}, precision ${pct(v.precision)}, recall ${pct(v.recall)}`;
  slider.setAttribute("aria-valuetext", spoken);
  put("threshold", prob(t));
  put("o-precision", pct(v.precision)); put("o-recall", pct(v.recall)); put("o-fpr", pct(v.fpr));
  put("o-fbeta", fig(v.fbeta)); put("o-fbeta-name", "F" + fig2(state.beta)); put("o-mcc", fig(v.mcc)); put("o-cost", fig(v.cost));
  put("o-alerts-name", v.perDay === null ? "alerts" : "alerts a day");
  put("o-alerts", v.perDay === null ? whole(v.alerts) : v.perDay >= 100 ? whole(Math.round(v.perDay)) : fig2(v.perDay));
  put("o-alerts-note", pct(v.share) + " of the rows");
  for (const k of ["tp", "fp", "fn", "tn"]) put("o-" + k, whole(m[k]));
  const alerts = Number.isFinite(v.precision) ? `Of 1,000 alerts about ${whole(Math.round(1000 * v.precision))} are positives` : "Nobody is alerted";
  put("o-words", `${alerts}; of 1,000 positives about ${whole(Math.round(1000 * v.recall))} are caught. Finding one costs ${Number.isFinite(v.precision) && v.precision > 0 ? fig2((1 - v.precision) / v.precision, 2) : "no"} false alarms.`);
  for (const move of Object.values(marks)) move();
  document.querySelector("main").dataset.at = state.at;
  clearTimeout(speaking);
  speaking = setTimeout(() => put("spoken", spoken), 600);
  moveScoreLine();
}
function showGoal() {
  const c = runs[state.who], goal = c.curve.goal, pin = $("goal-pin"), last = c.curve.t.length - 1;
  pin.hidden = goal === null;
  $("to-goal").disabled = goal === null;
  if (goal === null) { put("goal-words", "No line of its own is known for this candidate."); return; }
  const share = (last - goal) / (last || 1);
  pin.style.left = `clamp(2.4rem, calc(8px + (100% - 16px) * ${share}), calc(100% - 2.4rem))`;
  pin.style.setProperty("--tip", share < 0.06 ? "20%" : share > 0.94 ? "80%" : "50%");
  const p = c.point || {}, has = Number.isFinite(p.value) && Number.isFinite(p.lower);
  const words = [`Goal ${data.goal}: line at ${prob(c.curve.t[goal])}`];
  if (has) words.push(`${String(p.metric || data.metric).replace(/_/g, " ")} ${fig(p.value)} (${fig(p.lower)} to ${fig(p.upper)})`);
  if (p.n_positive) words.push(`drawn on ${whole(p.n_positive)} positives`);
  put("goal-words", words.join(", ") + ". The diamond marks it on the curves.");
}

/* lines at every tenth of the recall, and the goal's, for those who read numbers */
function showNumbers() {
  const c = runs[state.who], body = $("in-numbers"), chosen = new Set(c.curve.goal === null ? [] : [c.curve.goal]);
  for (let k = 1; k <= 10; k++) { const i = c.curve.tp.findIndex((tp) => tp >= c.curve.P * k / 10 - 1e-9); if (i >= 0) chosen.add(i); }
  body.replaceChildren();
  for (const i of [...chosen].sort((a, b) => a - b)) {
    const v = figures(cells(c, i)), row = html("tr", {}, body);
    const name = html("td", {}, row, prob(c.curve.t[i]));
    if (i === c.curve.goal) html("span", { class: "tag baseline" }, name, "goal’s line");
    for (const words of [whole(v.alerts), pct(v.precision), pct(v.recall), pct(v.fpr), fig(v.cost)]) html("td", {}, row, words);
  }
}

/* ---- scores, reliability ---- */
let moveScoreLine = () => {};
function drawScores(host) {
  const c = runs[state.who], h = c.scores;
  if (!h) { host.replaceChildren(html("p", { class: "empty" }, null, "Not kept for this candidate.")); moveScoreLine = () => {}; return; }
  const e = h.edges, most = Math.max(...h.positive, ...h.negative, 2), p = (z) => 1 / (1 + Math.exp(-z));
  const marks = [1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999].map(odds).filter((z) => z >= e[0] && z <= e[e.length - 1]);
  const f = frame(host, { x: (u, v) => lin(e[0], e[e.length - 1], u, v), y: (u, v) => log(0.7, most * 1.3, u, v), xTicks: marks, xGap: 52, xFormat: (z) => String(Number(p(z).toPrecision(3))), yFormat: (n) => whole(n), xLabel: "probability" });
  const base = f.height - f.m.bottom;
  for (const [key, kind] of [["negative", "neg"], ["positive", "pos"]]) el("path", { class: "area " + kind, d: steps(e, h[key].map((n) => n || 0.5), f.x, f.y, base) }, f.inner);
  const line = el("line", { class: "here-line", y1: f.m.top, y2: base }, f.inner);
  moveScoreLine = () => { const t = c.curve.t[state.at], z = t === null ? e[e.length - 1] : Math.min(e[e.length - 1], Math.max(e[0], odds(Math.min(1 - 1e-12, Math.max(1e-12, t))))); line.setAttribute("x1", f.x(z)); line.setAttribute("x2", f.x(z)); };
  moveScoreLine();
}
function drawReliability(host) {
  const r = runs[state.who].reliability;
  put("c-reliability-words", r ? r.sentence : "");
  if (!r) { host.replaceChildren(html("p", { class: "empty" }, null, "Not kept for this candidate.")); return; }
  const bins = r.bins.filter((b) => b.mean_probability > 0), seen = bins.flatMap((b) => [b.mean_probability, b.rate, b.upper].filter((v) => v > 0));
  const low = Math.max(1e-7, Math.min(...bins.map((b) => b.mean_probability), ...bins.map((b) => b.rate).filter((v) => v > 0)) / 2), high = Math.min(1, Math.max(...seen) * 1.3);
  const f = frame(host, { x: (u, v) => log(low, high, u, v), y: (u, v) => log(low, high, u, v), xFormat: (t) => pct(t), yFormat: (t) => pct(t), xLabel: "mean probability of the bin" });
  el("path", { class: "guide", d: path([[f.x(low), f.y(low)], [f.x(high), f.y(high)]]) }, f.inner);
  for (const b of bins) {
    const x = f.x(b.mean_probability), g = el("g", { class: "pos" }, f.inner);
    el("title", {}, g, `${whole(b.n_rows)} rows, ${whole(b.n_positive)} positives: mean probability ${pct(b.mean_probability)}, share ${pct(b.rate)}`);
    el("line", { x1: x, x2: x, y1: f.y(Math.max(low, b.lower || low)), y2: f.y(Math.max(low, b.upper)), "stroke-width": 1.6 }, g);
    if (b.rate > 0) el("circle", { cx: x, cy: f.y(b.rate), r: 4.5 }, g);
    else el("path", { d: `M${x - 4} ${f.y(low) - 8}L${x + 4} ${f.y(low) - 8}L${x} ${f.y(low) - 1}Z` }, g);
  }
}
function drawLegend() {
  const list = $("legend");
  if (!list) return;
  list.replaceChildren();
  const groups = [["champion", runs.find((c) => c.champion)], ["baseline", runs.find((c) => c.baseline && !c.champion)], ["chosen", kindOf(state.who) === "chosen" ? runs[state.who] : null]];
  for (const [kind, c] of groups) {
    if (!c) continue;
    const item = html("li", {}, list), key = el("svg", { "aria-hidden": "true" }, item);
    el("path", { class: "curve " + (c === runs[state.who] && !c.champion ? "chosen" : kind), d: "M0 6H28" }, key);
    html("bdi", {}, item, cut(c.name, 48));
    item.append(c.champion ? " (champion)" : c.baseline ? " (baseline)" : "");
    if (c.baseline && c === runs[state.who] && !c.champion) break;
  }
  const shown = new Set(groups.map(([, c]) => c).filter(Boolean)).size;
  if (runs.length > shown) { const item = html("li", {}, list); el("path", { class: "curve", d: "M0 6H28" }, el("svg", { "aria-hidden": "true" }, item)); item.append(`${runs.length - shown} other${runs.length - shown > 1 ? "s" : ""}`); }
}

/* ---- the table ---- */
function drawFeature(host) {
  const k = data.features[Number(host.dataset.feature)], h = k.histogram;
  if (!h) { host.replaceChildren(html("p", { class: "empty" }, null, "No distribution was kept.")); return; }
  const sum = (a) => a.reduce((s, v) => s + v, 0) || 1, parts = { negative: h.negative.map((n) => n / sum(h.negative)), positive: h.positive.map((n) => n / sum(h.positive)) };
  const title = `Distribution of ${cut(k.name, 60)} by class`, most = Math.max(...parts.negative, ...parts.positive);
  if (k.levels) {
    const n = k.levels.length, row = 22, height = n * row + 26, e = Array.from({ length: n }, (_, i) => i);
    const f = frame(host, { title, height, margin: { left: Math.min(110, (host.clientWidth || 200) * 0.45), bottom: 22, top: 4 }, x: (u, v) => lin(0, most, u, v), y: (u, v) => lin(0, n, v, u), yTicks: [], xFormat: (t) => pct(t) });
    e.forEach((i) => {
      el("text", { x: f.m.left - 6, y: f.y(i + 0.5) + 4, "text-anchor": "end" }, f.over, cut(k.levels[i], Math.floor(f.m.left / 7.2)));
      for (const [key, kind, d] of [["positive", "bar-p", 0.14], ["negative", "bar-n", 0.52]]) el("rect", { class: kind, x: f.x(0), y: f.y(i + d), width: Math.max(1, f.x(parts[key][i]) - f.x(0)), height: row * 0.34 }, f.inner);
    });
    return;
  }
  const e = h.edges.slice(), w = e.length > 3 ? (e[e.length - 2] - e[1]) / (e.length - 3) : 0;
  if (w > 0) { e[0] = Math.max(e[0], e[1] - 2 * w); e[e.length - 1] = Math.min(e[e.length - 1], e[e.length - 2] + 2 * w); }
  const f = frame(host, { title, height: 128, xRoom: 46, margin: { left: 40, bottom: 20, top: 6 }, x: (u, v) => lin(e[0], e[e.length - 1], u, v), y: (u, v) => lin(0, most * 1.05, u, v), yFormat: (t) => pct(t), xFormat: compact });
  for (const [key, kind] of [["negative", "neg"], ["positive", "pos"]]) el("path", { class: "area " + kind, d: steps(e, parts[key], f.x, f.y, f.height - f.m.bottom) }, f.inner);
}
const compact = (t) => new Intl.NumberFormat("en", { notation: Math.abs(t) >= 1e4 ? "compact" : "standard", maximumSignificantDigits: 4 }).format(t).replace("-", "−");
function drawTimes(host) {
  const p = data.times.periods, n = p.length, rates = p.map((q) => q.n_rows ? q.n_positive / q.n_rows : 0), every = Math.ceil(n / Math.max(2, (host.clientWidth || 300) / 110));
  const f = frame(host, { height: 200, x: (u, v) => lin(0, n, u, v), y: (u, v) => lin(0, Math.max(...rates) * 1.1 || 1, u, v), xTicks: p.map((_, i) => i).filter((i) => i % every === 0), xFormat: () => "", yFormat: (t) => pct(t) });
  p.forEach((q, i) => {
    el("title", {}, el("rect", { class: "bar-p", x: f.x(i) + 0.6, width: Math.max(1, f.x(1) - f.x(0) - 1.2), y: f.y(rates[i]), height: f.height - f.m.bottom - f.y(rates[i]) }, f.inner), `${q.start}: ${whole(q.n_positive)} of ${whole(q.n_rows)} rows`);
    if (i % every === 0 && f.x(i) < f.width - 60) el("text", { x: f.x(i), y: f.height - 7 }, f.over, cut(q.start, 16));
  });
}
function drawPlane(host, key) {
  const p = data.planes[Number($("plane").value) || 0], grid = p[key], most = Math.max(1, ...grid.map((row) => Math.max(...row)));
  const f = frame(host, { height: Math.min(340, Math.max(220, (host.clientWidth || 300) * 0.8)), x: (u, v) => lin(p.x_edges[0], p.x_edges[p.x_edges.length - 1], u, v), y: (u, v) => lin(p.y_edges[0], p.y_edges[p.y_edges.length - 1], u, v), xFormat: compact, yFormat: compact, xLabel: cut(p.x, 40), says: `x: ${p.x}; y: ${p.y}`, margin: { top: 24 } });
  el("text", { x: 2, y: 12 }, f.over, cut(p.y, 40));
  const kind = key === "positive" ? "bar-p" : "bar-n", top = Math.log(most + 1);
  grid.forEach((row, i) => row.forEach((n, j) => {
    if (!n) return;
    const [x0, x1, y1, y0] = [f.x(p.x_edges[j]), f.x(p.x_edges[j + 1]), f.y(p.y_edges[i]), f.y(p.y_edges[i + 1])].map(Math.round);
    el("rect", { class: kind, x: x0, y: y0, width: x1 - x0, height: y1 - y0, opacity: (0.1 + 0.9 * Math.log(n + 1) / top).toFixed(2) }, f.inner);
  }));
}

/* ---- training ---- */
const HISTORY = [["loss", "Loss"], ["auc", "ROC AUC"], ["average_precision", "Average precision"], ["precision", "Precision"], ["recall", "Recall"]];
function drawHistory(host) {
  const h = data.candidates[Number($("history").value)].history, key = host.dataset.key;
  const sets = [h[key], h["val_" + key]].map((a) => a || []), all = sets.flat().filter((v) => v !== null && Number.isFinite(v));
  const epochs = h.epoch || sets[0].map((_, i) => i + 1), low = Math.min(...all), high = Math.max(...all), isLog = key === "loss" && low > 0 && high / low > 8;
  const f = frame(host, { height: 190, x: (u, v) => lin(epochs[0], epochs[epochs.length - 1], u, v), y: (u, v) => isLog ? log(low * 0.9, high * 1.1, u, v) : lin(key === "loss" ? 0 : Math.max(0, low - 0.05), key === "loss" ? high * 1.05 : Math.min(1, high + 0.05), u, v), xLabel: "epoch", xFormat: (t) => t % 1 ? "" : String(t) });
  sets.forEach((set, i) => el("path", { class: "curve " + (i ? "baseline" : "champion"), d: path(set.map((v, k) => [f.x(epochs[k]), v === null ? NaN : f.y(v)])) }, f.inner));
}

/* ---- boundaries ---- */
const POINTS = [["kept_negative", "negatives kept", "neg"], ["kept_positive", "positives kept", "pos"], ["dropped", "dropped", "drop"], ["invented", "invented", "new"]];
function glyph(kind, x, y, parent) {
  if (kind === "drop") return el("path", { d: `M${x - 3} ${y - 3}L${x + 3} ${y + 3}M${x - 3} ${y + 3}L${x + 3} ${y - 3}`, stroke: "var(--soft)", "stroke-width": 1.2, opacity: 0.8 }, parent);
  if (kind === "new") return el("path", { d: `M${x} ${y - 4}L${x + 3.6} ${y + 2.6}L${x - 3.6} ${y + 2.6}Z`, fill: "none", stroke: "var(--positive)", "stroke-width": 1, opacity: 0.75 }, parent);
  if (kind === "neg") return el("circle", { cx: x, cy: y, r: 1.8, fill: "var(--negative)", opacity: 0.65 }, parent);
  return el("circle", { cx: x, cy: y, r: 3.2, fill: "var(--positive)", stroke: "var(--card)", "stroke-width": 0.7 }, parent);
}
function drawBoundary(host) {
  const b = data.boundaries[Number(host.dataset.boundary)], xe = b.x_edges, ye = b.y_edges;
  const f = frame(host, { title: `Decision boundary of ${cut(b.candidate, 60)}`, height: Math.min(330, Math.max(230, (host.clientWidth || 300) * 0.85)), x: (u, v) => lin(xe[0], xe[xe.length - 1], u, v), y: (u, v) => lin(ye[0], ye[ye.length - 1], u, v), xFormat: compact, yFormat: compact, xLabel: cut(b.x, 40), margin: { top: 22 } });
  el("text", { x: 2, y: 11 }, f.over, cut(b.y, 40));
  const at = (i, j) => b.probability[i] && b.probability[i][j] >= b.threshold, edge = [];
  b.probability.forEach((row, i) => row.forEach((p, j) => {
    const [x0, x1, y1, y0] = [f.x(xe[j]), f.x(xe[j + 1]), f.y(ye[i]), f.y(ye[i + 1])].map(Math.round), inside = p >= b.threshold;
    if (inside) el("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, fill: "var(--positive)", opacity: 0.16 }, f.inner);
    if (j + 1 < row.length && at(i, j) !== at(i, j + 1)) edge.push(`M${x1} ${y0}V${y1}`);
    if (i + 1 < b.probability.length && at(i, j) !== at(i + 1, j)) edge.push(`M${x0} ${y0}H${x1}`);
  }));
  el("path", { d: edge.join(""), stroke: "var(--ink)", "stroke-width": 1.6, fill: "none" }, f.inner);
  for (const [key, , kind] of POINTS) for (const [x, y] of b.points[key] || []) glyph(kind, f.x(x), f.y(y), f.inner);
}

/* ---- start ---- */
function choose(who) {
  state.who = who;
  for (const select of document.querySelectorAll("select[data-candidate]")) select.value = String(who);
  const goal = runs[who].curve.goal;
  state.at = goal === null ? cheapest(runs[who]) : goal;
  redraw(...["line-pr", "line-roc", "line-cost", "c-pr", "c-roc", "c-gain", "c-lift", "c-scores", "c-reliability"].map($));
  drawLegend(); showGoal(); showNumbers(); showLine();
}
function startLine() {
  if (!runs.length) return;
  for (const select of document.querySelectorAll("select[data-candidate]")) {
    runs.forEach((c, i) => html("option", { value: i }, select, cut(c.name, 80) + (c.champion ? " (champion)" : c.baseline ? " (baseline)" : "")));
    select.addEventListener("change", () => choose(Number(select.value)));
  }
  for (const [id, key] of [["cost-fn", "fn"], ["cost-fp", "fp"], ["beta", "beta"]]) {
    $(id).value = state[key];
    $(id).addEventListener("input", () => { const v = Number($(id).value); if (Number.isFinite(v) && v >= 0 && $(id).value !== "" && (key !== "beta" || v > 0)) { state[key] = v; redraw($("line-cost")); showNumbers(); showLine(); } });
  }
  $("slider").addEventListener("input", () => moveTo(runs[state.who].curve.t.length - 1 - Number($("slider").value)));
  $("to-goal").addEventListener("click", () => { const g = runs[state.who].curve.goal; if (g !== null) moveTo(g); });
  $("to-cheapest").addEventListener("click", () => moveTo(cheapest(runs[state.who])));
  mount($("line-pr"), (h) => drawMovable(h, "pr"));
  mount($("line-roc"), (h) => drawMovable(h, "roc"));
  mount($("line-cost"), drawCost);
  for (const key of ["pr", "roc", "gain", "lift"]) mount($("c-" + key), (h) => drawCurves(h, key));
  mount($("c-scores"), drawScores);
  mount($("c-reliability"), drawReliability);
  choose(state.who);
}
function startTable() {
  for (const host of document.querySelectorAll("[data-feature]")) mount(host, drawFeature);
  if ($("t-times")) mount($("t-times"), drawTimes);
  const pairs = $("plane");
  if (!pairs) return;
  data.planes.forEach((p, i) => html("option", { value: i }, pairs, cut(p.x, 40) + " × " + cut(p.y, 40)));
  mount($("plane-negative"), (h) => drawPlane(h, "negative"));
  mount($("plane-positive"), (h) => drawPlane(h, "positive"));
  pairs.addEventListener("change", () => redraw($("plane-negative"), $("plane-positive")));
}
function startHistory() {
  const select = $("history"), host = $("history-plots");
  if (!select) return;
  data.candidates.forEach((c, i) => { if (c.history) html("option", { value: i }, select, cut(c.name, 80)); });
  const show = () => {
    host.replaceChildren();
    const h = data.candidates[Number(select.value)].history;
    for (const [key, name] of HISTORY) {
      if (!h[key] && !h["val_" + key]) continue;
      const f = html("figure", {}, html("div", { class: "card" }, host));
      html("figcaption", { id: `h-${key}-title` }, f, name);
      mount(html("div", { class: "plot", id: "h-" + key, "data-key": key }, f), drawHistory);
    }
  };
  select.addEventListener("change", show);
  show();
}
function startBoundaries() {
  const list = $("point-legend");
  if (!list) return;
  const present = new Set(data.boundaries.flatMap((b) => Object.keys(b.points).filter((k) => b.points[k].length)));
  for (const [key, words, kind] of POINTS) if (present.has(key)) { const item = html("li", {}, list); glyph(kind, 14, 6, el("svg", { "aria-hidden": "true" }, item)); item.append(words); }
  for (const host of document.querySelectorAll("[data-boundary]")) mount(host, drawBoundary);
}
function startTheme() {
  const button = $("theme"), root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  dark.addEventListener("change", name);
  name();
}
addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details")) d.open = true; });
startTheme(); startLine(); startTable(); startHistory(); startBoundaries();
document.documentElement.dataset.ready = "yes";
})();
