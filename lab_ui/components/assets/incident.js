// One incident in full: what, where, why, how long until it comes, and all that was done about it.

import { leadTime, reason, statusTag } from "./incidents.js";
import { clock } from "./live.js";
import { age, bdi, filled, mark, moment, node, own } from "./marks.js";

export default function incident({ data, parentElement }) {
  const place = own(parentElement, "incident");
  const { card, history, texts } = data;
  clearInterval(place.timer);
  if (!card) {
    place.replaceChildren();
    return undefined;
  }
  const lead = node("div", { class: "incident-lead" });
  const opened = bdi("");
  const box = node("div", { class: "incident-box", "data-level": String(card.level) });
  box.append(
    node(
      "div", { class: "incident-head" },
      mark(card.level),
      node("div", { class: "incident-title" },
        node("b", { text: `${card.word} · ${card.meaning}` }),
        node("span", { text: `${card.hazard} · ${card.area}` })),
      statusTag(card),
      lead,
    ),
    reason(card, "incident-reason"),
    node("p", { class: "incident-instruction", dir: "auto", text: card.instruction }),
    facts(card, texts, opened),
  );
  place.replaceChildren(box, node("div", { class: "title", text: texts.history }), log(history));
  const count = () => {
    leadTime(lead, card, texts, clock.now());
    const time = bdi(moment(card.opened, clock.now()));
    opened.replaceChildren(time, " · ", age(clock.now() - card.opened));
  };
  place.timer = setInterval(count, 1000);
  count();
  return () => clearInterval(place.timer);
}

function facts(card, texts, opened) {
  const rows = [
    [texts.stations, node("span", { text: card.stations.join(" · ") })],
    [texts.opened, opened],
    [texts.detector, bdi(card.detector)],
    ["", acknowledged(card, texts)],
  ];
  if (card.event.length) rows.splice(1, 0, [texts.event, eventOf(card)]);
  if (card.blind) rows.push(["", node("span", { class: "blind" }, mark(0), texts.blind)]);
  const list = node("dl", { class: "facts" });
  for (const [name, value] of rows) {
    list.append(node("dt", { text: name }), node("dd", {}, value));
  }
  return list;
}

function eventOf(card) {
  return node("span", { class: "event", text: card.event.join(" · ") });
}

function acknowledged(card, texts) {
  if (!card.acknowledged_by) {
    return node("span", { class: "unacknowledged", text: texts.unacknowledged });
  }
  const said = filled(texts.acknowledged_by, { person: card.acknowledged_by });
  said.append(" · ", bdi(moment(card.acknowledged, clock.now())));
  return said;
}

function log(history) {
  const list = node("ol", { class: "log" });
  for (const row of history) {
    const person = row.person ? node("bdi", { class: "person", text: row.person }) : null;
    const note = row.note ? node("span", { class: "note", text: `“${row.note}”` }) : null;
    list.append(
      node(
        "li", {},
        bdi(moment(row.at, clock.now()), { class: "log-at" }), mark(row.level),
        node("b", { text: row.change }), person, note,
        node("span", { class: "muted log-reason", dir: "auto", text: row.reason }),
      ),
    );
  }
  return list;
}
