// The desk's queue: incidents as cards, chosen by a click or by the arrow keys.

import { calling, card, count, statusTag } from "./incidents.js";
import { clock } from "./live.js";
import { bdi, mark, moment, node, own } from "./marks.js";

export default function queue({ data, parentElement, setStateValue }) {
  const place = own(parentElement, "queue");
  const choose = (identity) => {
    if (identity !== data.selected) setStateValue("selected", identity);
  };
  const cards = data.cards.map((incident) => card(incident, data.texts));
  cards.forEach(({ element }, at) => {
    const { id } = data.cards[at];
    element.tabIndex = 0;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(id === data.selected));
    element.onclick = () => choose(id);
    element.onkeydown = (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = step && cards[at + step];
      if (event.key === "Enter") choose(id);
      if (!next) return;
      event.preventDefault();
      next.element.focus();
      choose(data.cards[at + step].id);
    };
  });
  cards[data.cards.indexOf(calling(data.cards))]?.element.classList.add("pulse");
  const open = count(cards.length, data.stale);
  const head = node("div", { class: "title" }, data.texts.open_incidents, " ", open);
  const quiet = node("div", { class: "quiet" }, mark(data.watching ? 1 : 0));
  quiet.append(data.watching ? data.texts.no_incidents : data.texts.not_watching);
  const list = node("div", { class: "list", role: "listbox" }, ...cards.map((c) => c.element));
  const closed = data.closed.length ? over(data) : null;
  const focused = place.contains(parentElement.activeElement ?? null);
  place.replaceChildren(head, cards.length ? list : quiet, ...(closed ? [closed] : []));
  if (focused) list.querySelector('[aria-selected="true"]')?.focus();
  clearInterval(place.timer);
  const tell = () => cards.forEach((shown) => shown.count(clock.now()));
  place.timer = setInterval(tell, 1000);
  tell();
  return () => clearInterval(place.timer);
}

// What ended lately, small: when, what, where, why; the mark is the worst level that it had.
function over({ closed, texts }) {
  const list = node("ul", { class: "over" });
  for (const one of closed) {
    const why = one.person ? `${one.reason} (${one.person})` : one.reason;
    list.append(
      node(
        "li", { "data-incident": one.id },
        mark(one.level), node("span", { class: "what", text: `${one.hazard} · ${one.area}` }),
        statusTag(one), bdi(moment(one.at, clock.now()), { class: "muted" }),
        node("span", { class: "muted over-reason", dir: "auto", text: why }),
      ),
    );
  }
  return node("div", {}, node("div", { class: "title", text: texts.closed }), list);
}
