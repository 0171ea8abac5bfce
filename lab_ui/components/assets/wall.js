// The live wall: map and incidents, twelve streams, and a tile for every series.

import { calling, card, count } from "./incidents.js";
import { seriesLevel, stationLevels } from "./levels.js";
import { clock, listen } from "./live.js";
import { Maps } from "./map.js";
import { age, bdi, filled, mark, node, number, own, screen, styled } from "./marks.js";
import { charts, Stream } from "./streams.js";

const KIOSK_TURN_MS = 25000;

export default async function wall({ data, parentElement }) {
  styled(parentElement, "uPlot.min.css");
  const place = own(parentElement, "wall");
  const key = `${data.language} ${data.version} ${data.kiosk}`;
  if (place.dataset.key === key) return undefined;
  place.dataset.key = key;
  place.wall?.close();
  place.wall = new Wall(place, data, await charts());
  return () => place.wall.close();
}

class Wall {
  constructor(place, data, uPlot) {
    this.data = data;
    this.uPlot = uPlot;
    this.last = new Map();
    this.state = null;
    this.streams = [];
    this.page = 0;
    this.byNumber = new Map(data.series.map((series) => [series.n, series]));
    this.build(place);
    this.line = listen(data.language, {
      tick: (frame) => this.tick(frame),
      history: (frame) => this.history(frame),
      state: (frame) => this.newState(frame),
    });
    this.turn(0);
    this.timer = setInterval(() => this.paint(), 1000);
    this.kiosk = data.kiosk
      ? setInterval(() => this.turn((this.page + 1) % this.data.pages.length), KIOSK_TURN_MS)
      : null;
  }

  build(place) {
    const { texts, kiosk } = this.data;
    this.map = node("div", { class: "wall-map panel" });
    this.incidents = node("div", { class: "wall-incidents panel" });
    this.grid = node("div", { class: "streams" });
    this.buttons = node("div", { class: "pages", role: "tablist" });
    this.strip = node("div", { class: "strip" });
    this.left = node("div", { class: "wall-left" }, this.map, this.incidents);
    place.replaceChildren(
      this.left,
      node("div", { class: "wall-right" }, this.buttons, this.grid),
      this.strip,
    );
    place.classList.toggle("kiosk", kiosk);
    this.maps = new Maps(this.map, this.data.map, texts);
    this.tiles = this.data.series.map((series) => this.tile(series));
    this.strip.append(...this.tiles.map((tile) => tile.element));
    this.tabs = this.data.pages.map((_, page) => this.tab(page));
    this.buttons.append(node("span", { class: "title", text: texts.streams }), ...this.tabs);
  }

  tab(page) {
    const { texts, pages } = this.data;
    const first = page === 0 ? 0 : 12 * (page - 1) + 1;
    const label = pages.length === 1 ? texts.all_series : page === 0 ? texts.key_streams : "";
    const range = bdi(`${first}–${first + pages[page].length - 1}`);
    const button = node("button", { type: "button", role: "tab" }, label || range);
    button.onclick = () => this.turn(page);
    return button;
  }

  tile(series) {
    const icon = node("span", { class: "tile-level" });
    const value = bdi("–", { class: "tile-value" });
    const unit = bdi(series.unit, { class: "unit" });
    const ageOf = bdi("", { class: "tile-age muted" });
    const title = `${series.place} · ${series.quantity} ${series.point} (${series.id})`;
    const element = node(
      "button", { type: "button", class: "tile", title, "data-series": series.id },
      node(
        "span", { class: "tile-row" },
        icon, node("span", { class: "tile-place", text: series.short }), ageOf,
      ),
      node(
        "span", { class: "tile-row" },
        node("span", { class: "tile-quantity", text: series.quantity }), value, unit,
      ),
    );
    element.onclick = () => this.turn(this.pageOf(series.n));
    return { series, element, icon, value, age: ageOf, level: null };
  }

  pageOf(number) {
    return Math.max(0, this.data.pages.findIndex((page, at) => at > 0 && page.includes(number)));
  }

  turn(page) {
    this.page = page;
    this.tabs.forEach((tab, at) => tab.setAttribute("aria-selected", String(at === page)));
    this.streams.forEach((stream) => stream.close());
    const numbers = this.data.pages[page] ?? [];
    this.streams = numbers.map(
      (n) => new Stream(this.uPlot, this.byNumber.get(n), this.data.texts),
    );
    this.grid.replaceChildren(...this.streams.map((stream) => stream.element));
    this.line.watch(numbers);
    this.paint();
  }

  tick(frame) {
    if (frame.registry !== undefined && frame.registry !== this.data.version) this.reload();
    frame.last.forEach((row) => this.last.set(row[0], row));
    for (const stream of this.streams) {
      const points = frame.points[stream.series.n];
      if (points) stream.columns.add(points);
    }
    this.paint();
  }

  // The registry is another one: what the page was built from is old.
  reload() {
    if (!this.reloading) this.reloading = setTimeout(() => window.location.reload(), 3000);
  }

  history(frame) {
    for (const stream of this.streams) {
      const points = frame.points[stream.series.n];
      if (points) stream.columns.replace(points);
    }
    this.paint();
  }

  newState(frame) {
    this.state = frame;
    this.paintIncidents();
    this.paint();
  }

  paint() {
    if (document.hidden) return;
    const now = clock.now();
    const levels = this.state?.levels ?? {};
    for (const stream of this.streams) {
      const row = this.last.get(stream.series.n);
      stream.show(now, row, seriesLevel(stream.series, row, levels[stream.series.n], now));
      stream.element.dataset.stationLevel = this.stationLevel(stream.series);
    }
    for (const tile of this.tiles) this.paintTile(tile, levels, now);
    if (this.state) {
      const stations = new Set(calling(this.state.incidents)?.station_ids ?? []);
      this.maps.levels(stationLevels(this.data.series, this.last, this.state, now), stations);
      this.cards?.forEach((shown) => shown.count(now));
    }
  }

  stationLevel(series) {
    return String(this.state?.stations[series.station] ?? "");
  }

  paintTile(tile, levels, now) {
    const row = this.last.get(tile.series.n);
    const level = seriesLevel(tile.series, row, levels[tile.series.n], now);
    tile.value.textContent = number(row?.[2], tile.series.digits);
    tile.age.textContent = row ? age(now - row[4]) : "";
    if (level !== tile.level) {
      tile.level = level;
      tile.icon.replaceChildren(mark(level));
      tile.element.dataset.level = String(level);
      tile.icon.title = this.data.texts[`level_${level}`];
    }
    tile.element.dataset.stationLevel = this.stationLevel(tile.series);
    tile.element.classList.toggle("doubtful", row ? row[3] === 3 || row[3] === 4 : false);
  }

  paintIncidents() {
    const { texts } = this.data;
    const { incidents } = this.state;
    this.cards = incidents.map((incident) =>
      card(incident, texts, screen("desk", { incident: incident.id })),
    );
    const first = incidents.indexOf(calling(incidents));
    this.cards[first]?.element.classList.add("pulse");
    const open = count(incidents.length, this.state.stale);
    const head = node("div", { class: "title" }, texts.open_incidents, " ", open);
    const quiet = node("div", { class: "quiet" }, node("span", {}, mark(1)), texts.no_incidents);
    this.left.classList.toggle("busy", incidents.length > 2);
    const silent = !this.state.watching || this.state.stale;
    if (silent) quiet.replaceChildren(mark(0), filled(texts.not_watching, {}));
    const body = this.cards.map((shown) => shown.element);
    // What is not watched is said beside open incidents too.
    if (silent || !body.length) body.push(quiet);
    this.incidents.replaceChildren(head, node("div", { class: "scroll" }, ...body));
  }

  close() {
    clearInterval(this.timer);
    clearInterval(this.kiosk);
    this.line.close();
    this.maps.close();
    this.streams.forEach((stream) => stream.close());
  }
}
