"use strict";
// Shows the events of a filter when someone opens them. What comes from the log only ever becomes text.
const data = JSON.parse(document.getElementById("data").textContent);
const deceiving = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

function visible(text) {
  return text.replace(deceiving, (found) => `\\u${found.codePointAt(0).toString(16).padStart(4, "0")}`);
}

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Breaks and indents JSON without reading its values, so that numbers stay as they were and a cut event is shown too.
function laidOut(text) {
  if (!/^\s*\{/.test(text)) return text;
  let depth = 0;
  const line = () => "\n" + "  ".repeat(Math.max(0, depth));
  return text.replace(/"(?:[^"\\]|\\.)*"?|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (token) => {
    if (token === "{" || token === "[") { depth += 1; return token + line(); }
    if (token === "}" || token === "]") { depth -= 1; return line() + token; }
    if (token === ",") return token + line();
    if (token === ":") return ": ";
    return /^\s/.test(token) ? "" : token;
  });
}

function row(event) {
  const item = make("li"), details = make("details"), summary = make("summary");
  const who = make("span", "who"), from = make("small", "", event.from);
  who.append(make("bdi", "", event.who), from);
  const what = make("span", "what");
  what.append(make("bdi", "", event.what));
  summary.append(make("time", "", event.at), who, what, make("span", "code", event.code));
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    if (event.message.length < event.length) {
      const shown = event.message.length.toLocaleString("en"), whole = event.length.toLocaleString("en");
      details.append(make("p", "note", `Its first ${shown} of ${whole} characters:`));
    }
    const text = make("pre", "", visible(laidOut(event.message)));
    text.tabIndex = 0;
    details.append(text);
  });
  item.append(details);
  return item;
}

function finder(rows) {
  const label = make("label", "find", "Find in these"), input = make("input"), found = make("span", "note");
  input.type = "search";
  found.setAttribute("role", "status");
  label.append(input, found);
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    let shown = 0;
    for (const [element, text] of rows) {
      element.hidden = !text.includes(wanted);
      shown += !element.hidden;
    }
    found.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
  return label;
}

for (const details of document.querySelectorAll("details.events")) {
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("ol")) return;
    const { events, gap, left } = data.filters[details.dataset.filter];
    const list = make("ol", "list"), rows = [];
    events.forEach((place, index) => {
      if (index === gap) {
        list.append(make("li", "gap", `${left.toLocaleString("en")} events between these are counted, but not on this page.`));
      }
      const event = data.events[place], element = row(event);
      rows.push([element, `${event.at} ${event.who} ${event.from} ${event.what} ${event.message}`.toLowerCase()]);
      list.append(element);
    });
    details.append(...(events.length > 8 ? [finder(rows), list] : [list]));
  });
}

// A link to an alarm that is folded away opens what it is folded in.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let outer = target?.closest("details"); outer; outer = outer.parentElement.closest("details")) outer.open = true;
  target?.scrollIntoView();
}
addEventListener("hashchange", unfold);
if (location.hash) unfold();
