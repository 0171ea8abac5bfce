// What the sensors behind an incident say now: live charts of its stations' series.

import { seriesLevel } from "./levels.js";
import { clock, listen } from "./live.js";
import { node, own, styled } from "./marks.js";
import { charts, Stream } from "./streams.js";

export default async function evidence({ data, parentElement }) {
  styled(parentElement, "uPlot.min.css");
  const place = own(parentElement, "evidence");
  if (place.dataset.key === data.key) return undefined;
  place.dataset.key = data.key;
  place.view?.close();
  place.view = new Evidence(place, data, await charts());
  return () => place.view.close();
}

class Evidence {
  constructor(place, data, uPlot) {
    this.last = new Map();
    this.levels = {};
    this.streams = data.series.map((series) => new Stream(uPlot, series, data.texts));
    const grid = node("div", { class: "streams" }, ...this.streams.map((s) => s.element));
    const title = node("div", { class: "title", text: data.texts.sensors });
    place.replaceChildren(...(this.streams.length ? [title, grid] : []));
    this.line = listen(data.language, {
      tick: (frame) => this.take(frame, "add"),
      history: (frame) => this.take({ ...frame, last: [] }, "replace"),
      state: (frame) => {
        this.levels = frame.levels;
      },
    });
    this.line.watch(data.series.map((series) => series.n));
    this.timer = setInterval(() => this.paint(), 1000);
  }

  take(frame, how) {
    frame.last.forEach((row) => this.last.set(row[0], row));
    for (const stream of this.streams) {
      const points = frame.points[stream.series.n];
      if (points) stream.columns[how](points);
    }
    this.paint();
  }

  paint() {
    const now = clock.now();
    for (const stream of this.streams) {
      const row = this.last.get(stream.series.n);
      stream.show(now, row, seriesLevel(stream.series, row, this.levels[stream.series.n], now));
    }
  }

  close() {
    clearInterval(this.timer);
    this.line.close();
    this.streams.forEach((stream) => stream.close());
  }
}
