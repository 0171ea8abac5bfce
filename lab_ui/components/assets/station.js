// One station: a chart of each of its series over some hours, with what arrives added live.

import { seriesLevel } from "./levels.js";
import { clock, listen } from "./live.js";
import { age, bdi, mark, moment, node, number, own, styled } from "./marks.js";
import { charts, Stream } from "./streams.js";

export default async function station({ data, parentElement }) {
  styled(parentElement, "uPlot.min.css");
  const place = own(parentElement, "station");
  if (place.dataset.key === data.key) return undefined;
  place.dataset.key = data.key;
  place.view?.close();
  place.view = new StationView(place, data, await charts());
  return () => place.view.close();
}

class StationView {
  constructor(place, data, uPlot) {
    this.data = data;
    this.last = new Map();
    this.state = null;
    this.streams = data.series.map((series) => {
      const stream = new Stream(uPlot, series, data.texts, { axis: true });
      stream.columns.gapMs = Math.max(stream.columns.gapMs, 3 * data.step_ms);
      stream.columns.replace(data.columns[series.n]);
      return stream;
    });
    this.table = node("tbody");
    const { texts } = data;
    const heads = ["quantity", "value", "unit", "level", "flag", "measured", "age"];
    const head = node("tr", {}, ...heads.map((name) => node("th", { text: texts[name] })));
    place.replaceChildren(
      node("div", { class: "station-charts" }, ...this.streams.map((stream) => stream.element)),
      node("table", { class: "values" }, node("thead", {}, head), this.table),
    );
    this.line = listen(data.language, {
      tick: (frame) => this.tick(frame),
      state: (frame) => {
        this.state = frame;
      },
    });
    this.line.watch(data.series.map((series) => series.n));
    this.timer = setInterval(() => this.paint(), 1000);
    this.paint();
  }

  tick(frame) {
    frame.last.forEach((row) => this.last.set(row[0], row));
    for (const stream of this.streams) {
      const points = frame.points[stream.series.n];
      if (points) stream.columns.add(points);
    }
    this.paint();
  }

  paint() {
    const now = clock.now();
    const rows = [];
    for (const stream of this.streams) {
      const { series } = stream;
      const row = this.last.get(series.n);
      const level = seriesLevel(series, row, this.state?.levels[series.n], now);
      stream.range = [now - this.data.hours * 3600000, now];
      stream.show(now, row, level);
      rows.push(this.row(series, row, level, now));
    }
    this.table.replaceChildren(...rows);
  }

  row(series, row, level, now) {
    const { texts } = this.data;
    const cell = (...children) => node("td", {}, ...children);
    const name = node("th", { scope: "row", title: series.id }, series.quantity);
    if (series.point) name.append(" ", bdi(series.point, { class: "muted" }));
    return node(
      "tr", { "data-series": series.id }, name,
      cell(bdi(number(row?.[2], series.digits), { class: "figure" })), cell(bdi(series.unit)),
      cell(node("span", { class: "with-mark" }, mark(level), texts[`level_${level}`])),
      cell(row ? texts[`flag_${row[3]}`] : texts.no_reading),
      cell(row ? bdi(moment(row[1], now)) : "–"), cell(row ? bdi(age(now - row[4])) : "–"),
    );
  }

  close() {
    clearInterval(this.timer);
    this.line.close();
    this.streams.forEach((stream) => stream.close());
  }
}
