// What the registry says of a station: names and values, two by two.

import { node, own } from "./marks.js";

export default function facts({ data, parentElement }) {
  const list = node("dl", { class: "facts" });
  for (const { name, value, plain } of data.rows) {
    const shown = node("bdi", { text: value, dir: plain ? "ltr" : "auto" });
    list.append(node("dt", { text: name }), node("dd", {}, shown));
  }
  own(parentElement, "registry").replaceChildren(list);
}
