// An incident as a card: on the wall and on the desk's queue.

import { age, bdi, countdown, filled, mark, node, RED } from "./marks.js";

// `incident` is views.card, `href` where a click leads. Gives the element and `count`, which brings
// its times up to date.
export function card(incident, texts, href = null) {
  const lead = node("span", { class: "lead" });
  const since = bdi("", { class: "muted" });
  const head = node(
    "div", { class: "card-head" },
    mark(incident.level),
    node("b", { class: "card-level", text: incident.word }),
    node("span", { class: "card-hazard" }, node("b", { text: incident.hazard }), ` · ${incident.area}`),
    lead,
  );
  const element = node(
    href ? "a" : "article",
    {
      class: "card", href, target: href && "_top",
      "data-level": String(incident.level), "data-incident": incident.id,
    },
    head,
    node("div", { class: "card-reason", dir: "auto", text: incident.reason }),
    node(
      "div", { class: "card-foot" },
      acknowledgement(incident, texts), blind(incident, texts), statusTag(incident), since,
    ),
  );
  element.classList.toggle("open", !incident.acknowledged_by);
  return {
    element,
    count(now) {
      since.textContent = age(now - incident.opened);
      leadTime(lead, incident, texts, now);
    },
  };
}

// The one that pulses: the most urgent red that nobody has acknowledged, or undefined.
export function calling(incidents) {
  return incidents.find((incident) => incident.level === RED && !incident.acknowledged_by);
}

// How many are open; nobody knows while the store can't be read and none is known.
export function count(number, stale) {
  return bdi(stale && number === 0 ? "–" : String(number), { class: "count" });
}

// "expected in 12:30"; nothing where no onset is known.
export function leadTime(element, incident, texts, now) {
  if (incident.onset === null) return;
  const left = incident.onset - now;
  const text = left > 0 ? texts.lead : texts.lead_over;
  element.replaceChildren(
    node("span", { class: "muted", text }), ...(left > 0 ? [" ", bdi(countdown(left))] : []),
  );
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
