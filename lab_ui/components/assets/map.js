// The map: our own SVG over a clipped Natural Earth base map. The projection is the one of
// lab_ui/geography.py: x = lon * cos(middle latitude), y = -lat, in degrees.

import { GREEN, GREY, markMarkup, node, svgNode } from "./marks.js";

const base = fetch("/assets/base_map.json").then((answer) => answer.json());
const LABEL_HEIGHT = 13;

export class Maps {
  // `view` is views.map_view; `texts` the fixed texts.
  constructor(parent, view, texts) {
    this.frames = view.frames.map((frame, place) => new Frame(frame, view, place === 0));
    const overview = node("div", { class: "map-whole" }, this.frames[0].element);
    const closeups = node("div", { class: "map-closeups" });
    closeups.append(...this.frames.slice(1).map((frame) => frame.element));
    const note = node("div", { class: "map-note", text: `${texts.boundaries} ${texts.map_source}` });
    parent.replaceChildren(overview, ...(this.frames.length > 1 ? [closeups] : []), note);
    base.then((loaded) => this.frames.forEach((frame) => frame.draw(loaded)));
    this.sizes = new ResizeObserver(() => this.frames.forEach((frame) => frame.place()));
    this.frames.forEach((frame) => this.sizes.observe(frame.element));
  }

  // Level of each station by id; those in `pulsing` have an unacknowledged red.
  levels(levels, pulsing) {
    this.frames.forEach((frame) => frame.levels(levels, pulsing));
  }

  close() {
    this.sizes.disconnect();
  }
}

class Frame {
  constructor(frame, view, whole) {
    this.frame = frame;
    this.whole = whole;
    this.view = view;
    this.closeups = whole ? view.frames.slice(1) : [];
    this.element = node("div", { class: "map-frame" });
    this.svg = svgNode("svg", { role: "img" });
    this.land = svgNode("g");
    this.over = svgNode("g");
    this.svg.append(this.land, this.over);
    this.element.append(this.svg);
    const [west, south, east, north] = frame.bounds;
    this.shrink = Math.cos((((south + north) / 2) * Math.PI) / 180);
    this.extent = [west * this.shrink, -north, (east - west) * this.shrink, north - south];
    this.markers = [];
    this.known = {};
    this.pulsing = new Set();
  }

  draw(loaded) {
    const path = (lines, closed, name) => {
      const d = lines.map((line) => this.path(line, closed)).join("");
      const element = svgNode("path", { d, class: name, "vector-effect": "non-scaling-stroke" });
      this.land.append(element);
    };
    path(loaded.world.land, true, "land");
    if (this.frame.region) {
      // The finer map lies over the coarse one, on a sea of its own.
      const { bounds: [west, south, east, north], land, borders, disputed } = loaded.region;
      path([[west, south, east, south, east, north, west, north]], true, "sea");
      path(land, true, "land");
      path(borders, false, "border");
      path(disputed, false, "disputed");
    }
    if (!this.whole || this.closeups.length === 0) {
      for (const area of this.view.areas) path([area], true, "area");
    }
    this.place();
  }

  path(line, closed) {
    let d = "";
    for (let i = 0; i < line.length; i += 2) {
      d += `${i ? "L" : "M"}${(line[i] * this.shrink).toFixed(4)} ${(-line[i + 1]).toFixed(4)}`;
    }
    return closed ? `${d}Z` : d;
  }

  // Fit the extent into the element; markers and labels keep their size in pixels.
  place() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const [x, y, w, h] = this.extent;
    const scale = Math.min(width / w, height / h);
    const dx = (width - w * scale) / 2 - x * scale;
    const dy = (height - h * scale) / 2 - y * scale;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.land.setAttribute("transform", `translate(${dx} ${dy}) scale(${scale})`);
    this.at = (lon, lat) => [lon * this.shrink * scale + dx, -lat * scale + dy];
    this.size = [width, height];
    this.over.replaceChildren();
    if (this.closeups.length) this.groups();
    else this.stations();
    this.scalebar(scale);
    this.paint();
  }

  // On the whole map, stations that have a close-up are one mark with the frame of the close-up.
  groups() {
    this.markers = this.closeups.map((closeup) => {
      const [west, south, east, north] = closeup.bounds;
      const [left, top] = this.at(west, north);
      const [right, bottom] = this.at(east, south);
      const [width, height] = [Math.max(right - left, 20), Math.max(bottom - top, 20)];
      const [x, y] = [(left + right) / 2, (top + bottom) / 2];
      this.over.append(
        svgNode("rect", { x: x - width / 2, y: y - height / 2, width, height, class: "closeup" }),
      );
      const marker = this.marker(x, y, 16, closeup.stations);
      const above = y - height / 2 - 5;
      const label = svgNode("text", {
        x, y: above > LABEL_HEIGHT ? above : y + height / 2 + LABEL_HEIGHT, class: "label group",
      });
      label.textContent = closeup.title;
      this.over.append(label);
      return marker;
    });
  }

  stations() {
    const shown = this.view.stations.filter((s) => this.frame.stations.includes(s.id));
    const places = Object.fromEntries(shown.map((s) => [s.id, this.at(s.lon, s.lat)]));
    for (const station of shown.filter((s) => places[s.upstream])) {
      const [[x1, y1], [x2, y2]] = [places[station.upstream], places[station.id]];
      this.over.append(svgNode("line", { x1, y1, x2, y2, class: "river" }));
    }
    const taken = shown.map((s) => box(...places[s.id], 16, 16));
    taken.push([0, this.size[1] - 18, 120, this.size[1]]);
    this.markers = shown.map((s) => this.marker(...places[s.id], 14, [s.id], s.name));
    for (const station of shown) this.label(station, places[station.id], taken);
  }

  marker(x, y, size, stations, title = "") {
    const group = svgNode("g", { class: "marker" });
    const shape = svgNode("svg", {
      x: x - size / 2, y: y - size / 2, width: size, height: size, viewBox: "0 0 16 16",
    });
    if (title) {
      const tip = svgNode("title");
      tip.textContent = title;
      group.append(tip);
    }
    group.append(svgNode("circle", { cx: x, cy: y, r: size * 0.95, class: "halo" }), shape);
    this.over.append(group);
    return { group, shape, stations };
  }

  // The first place around the mark that is free; a label that has none is left out (its tip stays).
  label(station, [x, y], taken) {
    const text = svgNode("text", { class: "label" });
    text.textContent = station.short;
    this.over.append(text);
    const width = text.getComputedTextLength();
    const spots = [
      [x + 11 + width / 2, y + 4], [x - 11 - width / 2, y + 4], [x, y - 11], [x, y + 20],
      [x + 9 + width / 2, y - 8], [x + 9 + width / 2, y + 16],
      [x - 9 - width / 2, y - 8], [x - 9 - width / 2, y + 16],
    ];
    for (const [cx, cy] of spots) {
      const wanted = box(cx, cy - 4, width + 4, LABEL_HEIGHT);
      const inside = wanted[0] > 2 && wanted[2] < this.size[0] - 2
        && wanted[1] > 2 && wanted[3] < this.size[1] - 2;
      if (inside && !taken.some((other) => overlap(other, wanted))) {
        taken.push(wanted);
        text.setAttribute("x", cx);
        text.setAttribute("y", cy);
        return;
      }
    }
    text.remove();
  }

  scalebar(scale) {
    const kilometre = scale / 111.2;
    const wanted = 70 / kilometre;
    const step = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].map((n) => n * step).find((n) => n <= wanted);
    const [x, y] = [10, this.size[1] - 8];
    this.over.append(
      svgNode("path", {
        d: `M${x} ${y - 4}V${y}H${x + length * kilometre}V${y - 4}`, class: "scalebar",
      }),
    );
    const text = svgNode("text", { x: x + length * kilometre + 6, y: y + 1, class: "label scale" });
    text.textContent = `${length} km`;
    this.over.append(text);
  }

  levels(levels, pulsing) {
    this.known = levels;
    this.pulsing = pulsing;
    this.paint();
  }

  paint() {
    for (const { group, shape, stations } of this.markers) {
      const level = worst(stations.map((id) => this.known[id] ?? GREY));
      if (shape.dataset.level !== String(level)) {
        shape.dataset.level = String(level);
        shape.innerHTML = markMarkup(level);
      }
      group.classList.toggle("pulse", stations.some((id) => this.pulsing.has(id)));
    }
  }
}

// The worst that is known; grey only where nothing is known, or nothing worse than normal is.
export function worst(levels) {
  const highest = Math.max(GREY, ...levels);
  return highest > GREEN ? highest : levels.includes(GREY) ? GREY : GREEN;
}

function box(x, y, width, height) {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}

function overlap(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
