"use strict";
(() => {
  const root = document.documentElement;
  const every = Number(root.dataset.refresh) * 1000;
  const shown = new Map();
  const age = document.getElementById("age");
  const say = document.getElementById("say");
  const lost = document.getElementById("lost");
  let since = performance.now();
  let asking = null;

  const lives = (page) => [...page.querySelectorAll("[data-live]")];
  for (const part of lives(document)) shown.set(part.id, part.innerHTML);

  function ago(seconds) {
    if (seconds >= 172800) return Math.floor(seconds / 86400) + " days";
    if (seconds >= 7200) return Math.floor(seconds / 3600) + " h";
    if (seconds >= 120) return Math.floor(seconds / 60) + " min";
    return Math.floor(seconds) + " s";
  }

  function tick() {
    if (!age.dataset.age) return;
    const seconds = Number(age.dataset.age) + (performance.now() - since) / 1000;
    age.textContent = "observed " + ago(seconds) + " ago";
    const stale = seconds > Number(age.dataset.stale);
    document.getElementById("stale").hidden = !stale;
    document.getElementById("stale-age").textContent = ago(seconds);
  }

  // What a person opened, typed into or stands on stays as it is.
  function swap(old, now) {
    const open = new Set([...old.querySelectorAll("details[open]")].map((d) => d.dataset.key));
    const focus = old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const scrolled = [...old.querySelectorAll("[data-scroll]")].map((e) => e.scrollLeft);
    old.replaceChildren(...[...now.childNodes].map((n) => document.importNode(n, true)));
    for (const d of old.querySelectorAll("details")) d.open = open.has(d.dataset.key);
    old.querySelectorAll("[data-scroll]").forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    if (focus) [...old.querySelectorAll("[data-key]")].find((e) => e.dataset.key === focus)?.focus();
  }

  async function refresh(url) {
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store", signal: mine.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("age");
      if (!next) throw new Error("HTTP " + answer.status);
      let changed = false;
      for (const part of lives(page)) {
        const old = document.getElementById(part.id);
        if (!old || shown.get(part.id) === part.innerHTML) continue;
        shown.set(part.id, part.innerHTML);
        swap(old, part);
        changed = true;
      }
      age.dataset.age = next.dataset.age;
      age.textContent = next.textContent;
      since = performance.now();
      lost.hidden = true;
      filter();
      tick();
      if (changed) say.textContent = "Updated: " + (document.getElementById("sentence")?.textContent || "");
    } catch (error) {
      if (error.name === "AbortError") return;
      lost.hidden = false;
    } finally {
      if (asking === mine) asking = null;
    }
  }

  // Of a large fleet those in trouble are shown, which come first, and as many others as are soon read.
  const most = 100;
  const search = document.getElementById("filter");
  const more = document.getElementById("more");
  let all = false;
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter((word) => word);
    const rows = document.querySelectorAll("#node-rows tr");
    let count = 0;
    let shown = 0;
    for (const row of rows) {
      const text = words.length ? row.textContent.toLowerCase() : "";
      const wanted = words.every((word) => text.includes(word));
      count += wanted ? 1 : 0;
      row.hidden = !wanted || (!all && count > most);
      shown += row.hidden ? 0 : 1;
    }
    const narrowed = shown < rows.length;
    document.getElementById("filtered").textContent = narrowed ? shown + " of " + rows.length + " shown" : "";
    more.hidden = shown === count;
    more.firstElementChild.textContent = "Show all " + count;
  }
  search.parentElement.hidden = false;
  search.addEventListener("input", filter);
  more.addEventListener("click", () => { all = true; filter(); search.focus(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    search.focus();
  });
  filter();

  const form = document.getElementById("ask");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    history.replaceState(null, "", "?" + new URLSearchParams(fields));
    refresh(location.href);
  });

  // A yes is bound to the plan that is shown; when it is another by now, that one is shown and nothing was written.
  document.getElementById("proposals").addEventListener("click", async (event) => {
    const button = event.target.closest("button[value]");
    if (!button) return;
    const row = button.closest("li");
    const said = row.querySelector("[data-said]");
    const plan = row.querySelector("[data-plan]");
    const body = { decision: button.value, ...(button.value === "approve" && { plan: plan.textContent }) };
    said.textContent = "…";
    try {
      const answer = await fetch("api/fleet/proposals/" + button.parentElement.dataset.proposal, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      const told = await answer.json();
      if (!answer.ok) {
        said.textContent = told.error;
        if (told.code === "STALE" && told.plan) {
          plan.textContent = told.plan;
          row.querySelector("[data-sentence]").textContent = told.sentence;
          row.querySelector("[data-diff]").textContent = told.diff.join("\n");
        }
        return;
      }
      say.textContent = told.approved ? `Written to the spec: ${told.next}` : "Declined";
      await refresh(location.href);
      document.getElementById("proposals-h").focus();
    } catch {
      said.textContent = "No answer; whether it was done shows when you look again.";
    }
  });

  setInterval(tick, 1000);
  setInterval(() => { if (!document.hidden && !asking) refresh(location.href); }, every);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(location.href); });
})();
