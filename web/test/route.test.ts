import assert from "node:assert/strict";
import { test } from "node:test";
import { withExample, withoutExample } from "../src/examples";
import { formatRoute, HOME, K_DEFAULT, NO_FILTERS, parseRoute, type Route } from "../src/route";

test("every route survives the address bar", () => {
  const filters = { k: 96, magMin: 17.5, magMax: 20, zMin: 0.1, zMax: 0.6, exact: true, hideKnown: true };
  const routes: Route[] = [
    HOME,
    { query: { kind: "id", id: "9223372036854775807" }, filters: NO_FILTERS },
    { query: { kind: "position", ra: 150.1163, dec: -2.2058 }, filters },
    { query: { kind: "name", name: "a name & more" }, filters },
    { query: { kind: "upload", upload: "k3j2" }, filters: NO_FILTERS },
    { query: { kind: "examples", like: ["1", "2"], unlike: ["3"] }, filters: NO_FILTERS },
    { query: { kind: "probes" }, filters: NO_FILTERS },
    { query: { kind: "probe", name: "rings", label: true, class: "a b" }, filters },
    { query: { kind: "probe", name: "rings", label: false, class: null }, filters: NO_FILTERS },
  ];
  for (const route of routes) assert.deepEqual(parseRoute(formatRoute(route).slice(1)), route);
});

test("a 64-bit id keeps every digit", () => {
  const route = parseRoute("?id=9907734712582345679");
  assert.deepEqual(route.query, { kind: "id", id: "9907734712582345679" });
  assert.equal(formatRoute(route), "/?id=9907734712582345679");
});

test("nonsense in the address leads home, not astray", () => {
  for (const search of ["?id=abc", "?ra=1", "?ra=x&dec=2", "?like=a,b", "?"])
    assert.equal(parseRoute(search).query.kind, "home");
  assert.equal(parseRoute("?k=-3").filters.k, K_DEFAULT);
  assert.equal(parseRoute("?mag_z_min=bright").filters.magMin, null);
  assert.equal(parseRoute("?exact=0").filters.exact, false);
});

test("examples come and go; one alone is a plain search", () => {
  const one = { kind: "id", id: "1" } as const;
  const two = withExample(one, "1", "2", "unlike");
  assert.deepEqual(two, { kind: "examples", like: ["1"], unlike: ["2"] });
  assert.deepEqual(withExample(two, null, "2", "like"), { kind: "examples", like: ["1", "2"], unlike: [] });
  assert.deepEqual(withoutExample(two, "2"), one);
  assert.deepEqual(withoutExample(two, "1"), { kind: "home" });
  const upload = { kind: "upload", upload: "x" } as const;
  assert.equal(withExample(upload, null, "2", "unlike"), upload);
});
