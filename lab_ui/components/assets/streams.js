// Live charts: one small uPlot a series. Charts run from left to right in every language.

import { age, bdi, mark, moment, node, number, screen } from "./marks.js";

const LINES = ["#8B95A1", "#A9BDCF", "#FCEF66", "#ED8310", "#F0525C"];
const LIMITS = [
  [0, "#FCEF66"],
  [1, "#ED8310"],
  [2, "#E2404B"],
];

let loading = null;

// uPlot is a plain script of its own package: it is loaded once and leaves a global.
export function charts() {
  loading ??= new Promise((done, failed) => {
    const script = node("script", { src: "/assets/uPlot.iife.js" });
    script.onload = () => done(window.uPlot);
    script.onerror = failed;
    document.head.append(script);
  });
  return loading;
}

// An axis writes numbers as the values beside it are written: without thousands' commas.
function plain(tick) {
  return String(Number(tick.toPrecision(10)));
}

// The columns of one series, ordered in time, with a null in each gap.
export class Columns {
  constructor(gapMs) {
    this.gapMs = gapMs;
    this.times = [];
    this.values = [];
  }

  replace([times, values]) {
    this.times = [];
    this.values = [];
    this.add([times, values]);
  }

  add([times, values]) {
    times.forEach((time, place) => this.put(time, values[place]));
  }

  put(time, value) {
    const end = this.times.length - 1;
    if (end < 0 || time > this.times[end]) {
      if (end >= 0 && time - this.times[end] > this.gapMs) this.push(this.times[end] + 1, null);
      this.push(time, value);
      return;
    }
    let place = end;
    while (place > 0 && this.times[place - 1] >= time) place -= 1;
    const same = this.times[place] === time;
    this.times.splice(place, same ? 1 : 0, time);
    this.values.splice(place, same ? 1 : 0, value);
  }

  push(time, value) {
    this.times.push(time);
    this.values.push(value);
  }

  forget(before) {
    let count = 0;
    while (count < this.times.length && this.times[count] < before) count += 1;
    if (count > 100) {
      this.times.splice(0, count);
      this.values.splice(0, count);
    }
  }
}

export class Stream {
  // `series` is views.series_view; `axis` asks for a time axis under the chart.
  constructor(uPlot, series, texts, { axis = false } = {}) {
    this.series = series;
    this.texts = texts;
    this.columns = new Columns(Math.max(series.blind_ms / 2, 3000));
    this.level = null;
    this.icon = node("span", { class: "stream-level" });
    this.value = bdi("–", { class: "stream-value" });
    this.unit = bdi(series.unit, { class: "unit" });
    this.box = node("div", { class: "stream-chart", dir: "ltr" });
    const point = series.point ? bdi(series.point, { class: "point" }) : null;
    const href = screen("station", { station: series.station });
    const title = `${series.place} · ${series.id}`;
    const name = node("a", { class: "stream-name", title, href, target: "_top" });
    name.append(
      node("b", { text: series.quantity }),
      ...(point ? [" ", point] : []),
      node("span", { class: "muted", text: ` · ${series.short}` }),
    );
    this.age = bdi("", { class: "stream-age muted" });
    const head = node("div", { class: "stream-head" }, this.icon, name, this.age, this.value, this.unit);
    this.element = node("div", { class: "stream", "data-series": series.id }, head, this.box);
    this.axis = axis;
    this.uPlot = uPlot;
    this.chart = null;
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.box);
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width < 40 || height < 16) return;
    if (this.chart) this.chart.setSize({ width, height });
    else this.chart = new this.uPlot(this.options(width, height), this.data(), this.box);
  }

  data() {
    return [this.columns.times, this.columns.values];
  }

  options(width, height) {
    const faint = { stroke: "#232A32", width: 1 };
    const font = "10px system-ui, sans-serif";
    const common = { stroke: "#77828E", font, grid: faint, ticks: { show: false } };
    return {
      width, height, ms: 1, pxAlign: 1,
      padding: [4, 6, this.axis ? 0 : 3, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
      tzDate: (time) => this.uPlot.tzDate(new Date(time), "Etc/UTC"),
      scales: { x: { range: () => this.span() }, y: { range: (_, low, high) => this.room(low, high) } },
      axes: [
        // Not hidden where it has no room: this uPlot draws no axis after one that is hidden.
        { ...common, size: this.axis ? 18 : 0, gap: 2, space: 90, values: this.times() },
        { ...common, size: 46, gap: 4, space: 22, values: (_, ticks) => ticks.map(plain) },
      ],
      series: [
        {},
        { stroke: () => LINES[this.level ?? 1], width: 1.3, points: { show: false }, spanGaps: false },
      ],
      hooks: { draw: [(chart) => this.drawLimits(chart)], setCursor: [(chart) => this.point(chart)] },
    };
  }

  times() {
    if (!this.axis) return () => [];
    return (_, ticks) => ticks.map((time) => new Date(time).toISOString().slice(11, 16));
  }

  span() {
    return this.range ?? [this.now - this.series.window_ms, this.now];
  }

  // Some room around the values; a limit that is near comes into sight.
  room(low, high) {
    if (low === null || low === undefined || !Number.isFinite(low)) return [0, 1];
    const least = 10 ** -(this.series.digits ?? 3) * 8;
    const spread = Math.max(high - low, least);
    const near = this.series.limits.filter(
      (limit) => limit !== null && limit > low - spread && limit < high + 1.2 * spread,
    );
    const [bottom, top] = [Math.min(low, ...near), Math.max(high, ...near)];
    const pad = Math.max((top - bottom) * 0.08, (least - (top - bottom)) / 2);
    return [bottom - pad, top + pad];
  }

  drawLimits(chart) {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.setLineDash([5, 4]);
    ctx.globalAlpha = 0.55;
    for (const [place, colour] of LIMITS) {
      const limit = this.series.limits[place];
      const { min, max } = chart.scales.y;
      if (limit === null || limit < min || limit > max) continue;
      const y = chart.valToPos(limit, "y", true);
      ctx.strokeStyle = colour;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  point(chart) {
    const place = chart.cursor.idx;
    const value = place === null || place === undefined ? null : this.columns.values[place];
    this.hovered = value === null || value === undefined ? null : place;
    this.write();
  }

  write() {
    const shown = this.hovered ?? null;
    this.element.classList.toggle("hovered", shown !== null);
    if (shown !== null) {
      this.value.textContent = number(this.columns.values[shown], this.series.digits);
      this.age.textContent = moment(this.columns.times[shown], this.now);
    } else if (this.last) {
      this.value.textContent = number(this.last[2], this.series.digits);
      this.age.textContent = age(this.now - this.last[4]);
    }
  }

  // Draw as of `now`; `last` is the newest row of the series, if any, `level` its level.
  show(now, last, level) {
    this.now = now;
    this.last = last;
    if (level !== this.level) {
      this.level = level;
      this.icon.replaceChildren(mark(level));
      this.icon.title = this.texts[`level_${level}`];
      this.element.dataset.level = String(level);
    }
    this.write();
    this.columns.forget(this.span()[0] - 60000);
    this.chart?.setData(this.data());
  }

  close() {
    this.sizes.disconnect();
    this.chart?.destroy();
  }
}
