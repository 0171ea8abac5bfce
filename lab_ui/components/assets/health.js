// What nobody watches, since when; how the stages are; what is in quarantine.

import { clock } from "./live.js";
import { age, bdi, filled, mark, moment, node, own } from "./marks.js";

export default function health({ data, parentElement }) {
  const place = own(parentElement, "health");
  const { texts, unwatched, silent, stages, quarantined } = data;
  const now = clock.now();
  const watched = node("div", { class: "quiet" }, mark(1), texts.all_watched);
  const count = bdi(String(data.count), { class: "count" });
  const table = node("ul", { class: "stages" });
  for (const stage of stages) {
    const beat = stage.beat === null ? texts.never : bdi(age(Date.now() - stage.beat));
    table.append(
      node(
        "li", {}, mark(stage.up ? 1 : 0),
        node("span", { class: "what", text: stage.word, title: stage.detail }),
        stage.up ? null : node("b", { text: texts.down }), node("span", { class: "muted" }, beat),
      ),
    );
  }
  const silentCount = bdi(String(silent.length), { class: "count" });
  const silentTitle = node("div", { class: "title" }, texts.silent, " ", silentCount);
  place.replaceChildren(
    node("div", { class: "title" }, texts.unwatched, " ", count),
    unwatched.length || silent.length ? rows(unwatched, texts, now) : watched,
    ...(silent.length ? [silentTitle, rows(silent, texts, now)] : []),
    node("div", { class: "title", text: texts.stages }), table,
    node("div", { class: "quarantine muted" }, texts.quarantined, " ", bdi(String(quarantined))),
  );
}

function rows(silent, texts, now) {
  const list = node("ul", { class: "unwatched" });
  for (const row of silent) {
    const time = row.since === null ? texts.never : since(row.since, texts, now);
    list.append(
      node("li", {}, mark(0), node("span", { class: "what", text: row.what, title: row.id }), time),
    );
  }
  return list;
}

function since(at, texts, now) {
  const time = bdi(`${moment(at, now)} (${age(now - at)})`);
  const said = filled(texts.since, { time });
  said.classList.add("muted");
  return said;
}
