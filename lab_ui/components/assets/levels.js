// What each series' level is: what detectors say of it, and grey where it is silent.

import { GREEN, GREY } from "./marks.js";

// `row` is the newest row of a series (views.last_row) or undefined, `voted` a level or undefined.
export function seriesLevel(series, row, voted, now) {
  if (!row || now - row[4] > series.blind_ms) return GREY;
  return voted ?? GREEN;
}

// Station id -> level: the worst open incident there; grey where a series is silent.
export function stationLevels(allSeries, last, state, now) {
  const levels = {};
  for (const series of allSeries) {
    const level = seriesLevel(series, last.get(series.n), undefined, now);
    levels[series.station] = Math.min(level, levels[series.station] ?? GREEN);
  }
  for (const [station, level] of Object.entries(state.stations)) {
    if (level > GREEN) levels[station] = level;
  }
  return levels;
}
