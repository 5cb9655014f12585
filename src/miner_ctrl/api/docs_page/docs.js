// Draws the routes and structures of openapi.json. Everything becomes text, never markup.
"use strict";

const BASE = "/api/v1/mining";
const searchable = [];

/** Make an element: its class, and its children (texts or elements). */
function make(tag, kind, ...children) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

const code = (text) => make("code", "", text);

/** A sentence, what stands between backticks in it as code. */
const told = (text) => (text || "").split(/`+/).map((part, place) => (place % 2 ? code(part) : part));

/** Put something between the parts of a list. */
function between(parts, what) {
  return parts.flatMap((part, place) => (place ? [what, ...part] : part));
}

/** Say a JSON Schema in a few words; structures are links. */
function said(schema) {
  if (!schema) return ["nothing"];
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    const link = make("a", "", name);
    link.href = `#${name}`;
    return [link];
  }
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return between(choices.map(said), " or ");
  if (schema.enum) return between(schema.enum.map((value) => [code(JSON.stringify(value))]), " or ");
  if (schema.type === "array") return ["list of ", ...said(schema.items || {})];
  if (schema.type === "object" && schema.additionalProperties) return ["map to ", ...said(schema.additionalProperties)];
  const limits = [
    schema.minimum !== undefined ? `from ${schema.minimum}` : "",
    schema.maximum !== undefined ? `to ${schema.maximum}` : "",
    schema.maxLength !== undefined ? `at most ${schema.maxLength} characters` : "",
  ].filter(Boolean);
  return [schema.type || "any value", limits.length ? ` (${limits.join(" ")})` : ""];
}

function table(heads, rows) {
  const body = make("tbody", "", ...rows.map((cells) => make("tr", "", ...cells.map((cell) => make("td", "", ...cell)))));
  const head = make("thead", "", make("tr", "", ...heads.map((text) => {
    const cell = make("th", "", text);
    cell.scope = "col";
    return cell;
  })));
  return make("div", "scroll", make("table", "", head, body));
}

function route(path, method, operation) {
  const shown = path.startsWith(BASE) ? path.slice(BASE.length) : path;
  const summary = make(
    "summary", "",
    operation["x-role"] ? make("span", "role", operation["x-role"]) : null,
    make("span", `method ${method}`, method.toUpperCase()), " ", code(shown), " ",
    make("span", "soft", ...told(operation.summary)),
  );
  const inside = make("div", "");
  if (operation.description) inside.append(make("p", "", ...told(operation.description)));
  if (operation.parameters.length) {
    inside.append(make("h3", "", "Takes"), table(["name", "where", "what", "meaning"], operation.parameters.map((each) => [
      [code(each.name)], [each.in], said(each.schema), told(each.description || each.schema.description),
    ])));
  }
  const body = operation.requestBody && operation.requestBody.content;
  for (const [type, content] of Object.entries(body || {})) {
    inside.append(make("h3", "", `Body (${type})`), make("p", "", ...said(content.schema)));
  }
  inside.append(make("h3", "", "Answers"), table(["status", "what"], Object.entries(operation.responses).map(
    ([status, response]) => [[code(status)], [
      `${response.description} `,
      ...between(Object.entries(response.content || {}).map(([type, content]) => [`${type}: `, ...said(content.schema)]), "; "),
      ...Object.keys(response.headers || {}).flatMap((name) => [" ", code(name)]),
    ]],
  )));
  const drawn = make("details", "", summary, inside);
  searchable.push([drawn, `${method} ${shown} ${operation.operationId} ${drawn.textContent}`.toLowerCase()]);
  return drawn;
}

function structure(name, schema) {
  const summary = make("summary", "", code(name), " ", make("span", "soft", ...told(schema.description)));
  const needed = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([field, inner]) => [
    [code(field), needed.has(field) ? "" : " ?"], said(inner),
    [inner.default === undefined ? "" : code(JSON.stringify(inner.default))],
  ]);
  const drawn = make("details", "", summary, rows.length ? table(["field", "what", "if left out"], rows) : make("p", "", ...said(schema)));
  drawn.id = name;
  searchable.push([drawn, `${name} ${drawn.textContent}`.toLowerCase()]);
  return drawn;
}

function search() {
  const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const [element, text] of searchable) {
    element.hidden = !words.every((word) => text.includes(word));
    found += element.hidden ? 0 : 1;
  }
  for (const heading of document.querySelectorAll("section > section")) {
    heading.hidden = !heading.querySelector("details:not([hidden])");
  }
  document.getElementById("found").textContent = words.length ? `${found} of ${searchable.length}` : "";
}

/** Open the structure that the address names. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named instanceof HTMLDetailsElement) {
    named.hidden = false;
    named.open = true;
    named.scrollIntoView();
  }
}

function draw(document_) {
  document.getElementById("version").textContent = document_.info.version;
  document.getElementById("about").replaceChildren(...told(document_.info.description));
  const byTag = new Map(document_.tags.map((tag) => [tag.name, make("section", "", make("h2", "", tag.name))]));
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) byTag.get(operation.tags[0]).append(route(path, method, operation));
  }
  document.getElementById("routes").replaceChildren(make("section", "", ...byTag.values()));
  const structures = make("section", "", make("h2", "", "structures"));
  for (const [name, schema] of Object.entries(document_.components.schemas)) structures.append(structure(name, schema));
  document.getElementById("structures").replaceChildren(structures);
  document.getElementById("search").addEventListener("input", search);
  addEventListener("hashchange", openNamed);
  openNamed();
}

fetch("openapi.json", { headers: { Accept: "application/json" } })
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`The node answered ${answer.status}.`))))
  .then(draw)
  .catch((error) => document.getElementById("routes").replaceChildren(make("p", "", `The description cannot be read. ${error.message}`)));
