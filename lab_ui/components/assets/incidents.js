// An incident as a card: on the wall and on the desk's queue.

import { age, bdi, countdown, filled, mark, moment, node, RED } from "./marks.js";

// `incident` is views.card, `href` where a click leads. Gives the element and `count`, which brings
// its times up to date.
export function card(incident, texts, href = null) {
  const lead = node("span", { class: "lead" });
  const since = bdi("", { class: "muted" });
  const head = node(
    "div", { class: "card-head" },
    mark(incident.level),
    node("b", { class: "card-level", text: incident.word }),
    title(incident),
    lead,
  );
  const element = node(
    href ? "a" : "article",
    {
      class: "card", href, target: href && "_top",
      "data-level": String(incident.level), "data-incident": incident.id,
    },
    head,
    reason(incident, "card-reason"),
    node(
      "div", { class: "card-foot" },
      acknowledgement(incident, texts), blind(incident, texts), statusTag(incident), since,
    ),
  );
  element.classList.toggle("open", !incident.acknowledged_by);
  element.classList.toggle("follows", Boolean(incident.follows));
  return {
    element,
    count(now) {
      since.textContent = age(now - incident.opened);
      leadTime(lead, incident, texts, now);
    },
  };
}

// What and where; after a card of the same event and hazard, where is enough.
function title(incident) {
  const same = incident.follows === incident.hazard_id;
  const parts = same
    ? [node("b", { text: incident.area, title: incident.hazard })]
    : [node("b", { text: incident.hazard }), ` · ${incident.area}`];
  return node("span", { class: "card-hazard" }, ...parts);
}

// Why, and when that was said (what it expects counts from then); with the stations in front where
// the sentence itself names none of them.
export function reason(incident, name) {
  const place = incident.place ? `${incident.place}: ` : "";
  const said = bdi(moment(incident.said, incident.said).slice(0, 5), { class: "muted said" });
  return node("div", { class: name }, said, " ", node("span", { text: `${place}${incident.reason}` }));
}

// The one that pulses: the most urgent red that nobody has acknowledged, or undefined.
export function calling(incidents) {
  return incidents.find((incident) => incident.level === RED && !incident.acknowledged_by);
}

// How many are open; nobody knows while the store can't be read and none is known.
export function count(number, stale) {
  return bdi(stale && number === 0 ? "–" : String(number), { class: "count" });
}

const JUST_NOW_MS = 120000;

// "expected in 12:30", then "expected now", then how long ago; or "under way". Nothing where
// no onset is known.
export function leadTime(element, incident, texts, now) {
  if (incident.onset === null) return;
  const left = incident.onset - now;
  // What had begun when it was said is no expectation that has passed: it goes on.
  const begun = incident.onset <= incident.said;
  const text = left > 0 ? texts.lead : begun ? texts.under_way : texts.lead_over;
  const said = begun || left > -JUST_NOW_MS
    ? node("span", { class: "muted", text })
    : filled(texts.lead_past, { age: node("bdi", { dir: "ltr", class: "past", text: age(-left) }) });
  if (!begun && left <= -JUST_NOW_MS) said.classList.add("muted");
  element.replaceChildren(said, ...(left > 0 ? [" ", bdi(countdown(left))] : []));
}

export function statusTag(incident) {
  if (incident.status === "Actual") return null;
  return node("span", { class: `status status-${incident.status}`, text: incident.status_word });
}

function acknowledgement(incident, texts) {
  if (!incident.acknowledged_by) {
    return node("span", { class: "unacknowledged", text: texts.unacknowledged });
  }
  return filled(texts.acknowledged_by, { person: incident.acknowledged_by });
}

function blind(incident, texts) {
  if (!incident.blind) return null;
  return node("span", { class: "blind" }, mark(0), node("span", { text: texts.blind }));
}
