// The line at the top of every screen: what everything is (Exercise, Test), how old, who is up.

import { seriesLevel } from "./levels.js";
import { clock, listen } from "./live.js";
import { age, bdi, filled, GREY, mark, moment, node, own } from "./marks.js";

export default function bar({ data, parentElement, setStateValue }) {
  const root = document.documentElement;
  root.lang = data.language;
  root.dir = data.rtl ? "rtl" : "ltr";
  root.dataset.kiosk = String(data.kiosk);
  const place = own(parentElement, "bar");
  const key = `${data.language} ${data.version} ${data.kiosk}`;
  if (place.dataset.key === key) return undefined;
  place.dataset.key = key;
  place.bar?.close();
  place.bar = new Bar(place, data, setStateValue);
  return () => place.bar.close();
}

class Bar {
  constructor(place, data, setStateValue) {
    this.data = data;
    this.last = new Map();
    this.state = null;
    this.link = { up: true, since: Date.now() };
    const { texts } = data;
    this.live = node("span", { class: "bar-live" });
    this.aged = node("span", { class: "bar-age" });
    this.stages = node("span", { class: "bar-stages" });
    this.clock = bdi("", { class: "bar-clock" });
    this.banner = node("div", { class: "banner", role: "status" });
    const languages = node("span", { class: "languages" });
    for (const [code, name] of data.languages) {
      const button = node("button", { type: "button", lang: code, "data-language": code, text: name });
      button.setAttribute("aria-pressed", String(code === data.language));
      button.onclick = () => setStateValue("language", code);
      languages.append(button);
    }
    if (data.draft) languages.append(node("span", { class: "draft", text: texts.draft }));
    place.replaceChildren(
      node("div", { class: "bar-line" }, this.live, this.aged, this.stages, this.clock, languages),
      this.banner,
    );
    this.line = listen(data.language, {
      tick: (frame) => frame.last.forEach((row) => this.last.set(row[0], row)),
      state: (frame) => {
        this.state = frame;
        this.paint();
      },
      link: (link) => {
        this.link = link;
        this.paint();
      },
    });
    this.timer = setInterval(() => this.paint(), 1000);
    this.paint();
  }

  paint() {
    const now = clock.now();
    const { texts } = this.data;
    const alive = this.data.series.filter(
      (series) => seriesLevel(series, this.last.get(series.n), undefined, now) !== GREY,
    );
    this.live.replaceChildren(
      bdi(`${alive.length}/${this.data.series.length}`, { class: "figure" }), " ", texts.live,
    );
    this.live.classList.toggle("alarming", alive.length < this.data.series.length);
    const newest = Math.max(...[...this.last.values()].map((row) => row[4]));
    this.aged.replaceChildren(
      texts.data_age, " ",
      bdi(this.last.size ? age(now - newest) : "–", { class: "figure" }),
    );
    this.aged.classList.toggle("alarming", now - newest > 30000);
    this.paintStages();
    this.clock.textContent = `${moment(now, now)} ${texts.utc}`;
    this.clock.title = moment(now);
    this.paintBanner(now);
  }

  paintStages() {
    const { texts } = this.data;
    const stages = this.state?.stages ?? [];
    const down = stages.filter((stage) => !stage.up);
    const shown = down.map((stage) =>
      node("span", { class: "alarming" }, mark(GREY), `${stage.word} ${texts.down}`),
    );
    this.stages.replaceChildren(
      ...(shown.length ? shown : stages.length ? [node("span", { text: texts.all_up })] : []),
    );
    this.stages.title = stages.map((stage) => stage.word).join(" · ");
  }

  paintBanner(now) {
    const { texts } = this.data;
    const lines = [];
    if (!this.link.up) {
      const time = bdi(`${moment(this.link.since, this.link.since)} ${texts.utc}`);
      lines.push(node("div", { class: "lost" }, filled(texts.link_lost, { time })));
    } else if (this.state?.stale) {
      const time = bdi(`${moment(this.state.stale, now)} ${texts.utc}`);
      lines.push(node("div", { class: "lost" }, filled(texts.stale, { time })));
    }
    if (this.state && this.state.status !== "Actual") {
      const name = this.state.status === "Test" ? "test" : "exercise";
      lines.push(
        node(
          "div", { class: `marking ${name}` },
          node("b", { text: texts[name] }), node("span", { text: texts[`${name}_note`] }),
        ),
      );
    }
    this.banner.replaceChildren(...lines);
    document.documentElement.style.setProperty("--hoshyar-banners", String(lines.length));
  }

  close() {
    clearInterval(this.timer);
    this.line.close();
  }
}
