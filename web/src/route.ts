/* route.ts - the address bar is the permalink: a route to and from a query string. Pure. */

export type Query =
  | { kind: "home" }
  | { kind: "id"; id: string }
  | { kind: "position"; ra: number; dec: number }
  | { kind: "name"; name: string }
  | { kind: "upload"; upload: string }
  | { kind: "examples"; like: string[]; unlike: string[] }
  | { kind: "probes" }
  | { kind: "probe"; name: string; label: boolean; class: string | null };

export type Filters = {
  k: number;
  magMin: number | null;
  magMax: number | null;
  zMin: number | null; /* photometric redshift */
  zMax: number | null;
  exact: boolean;
  hideKnown: boolean;
};

export type Route = { query: Query; filters: Filters };

export const K_DEFAULT = 48;
export const NO_FILTERS: Filters = {
  k: K_DEFAULT,
  magMin: null,
  magMax: null,
  zMin: null,
  zMax: null,
  exact: false,
  hideKnown: false,
};
export const HOME: Route = { query: { kind: "home" }, filters: NO_FILTERS };

function decimal(text: string | null): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function flag(text: string | null): boolean {
  return text !== null && text !== "0" && text !== "false";
}

function ids(text: string | null): string[] {
  return (text ?? "").split(",").filter((id) => /^\d+$/.test(id));
}

function parseQuery(params: URLSearchParams): Query {
  const id = params.get("id");
  if (id && /^\d+$/.test(id)) return { kind: "id", id };
  const ra = decimal(params.get("ra"));
  const dec = decimal(params.get("dec"));
  if (ra !== null && dec !== null) return { kind: "position", ra, dec };
  const name = params.get("name");
  if (name) return { kind: "name", name };
  const upload = params.get("upload");
  if (upload) return { kind: "upload", upload };
  const like = ids(params.get("like"));
  if (like.length) return { kind: "examples", like, unlike: ids(params.get("unlike")) };
  const probe = params.get("probe");
  if (probe) return { kind: "probe", name: probe, label: flag(params.get("label")), class: params.get("class") };
  if (params.has("probes")) return { kind: "probes" };
  return { kind: "home" };
}

export function parseRoute(search: string): Route {
  const params = new URLSearchParams(search);
  const k = decimal(params.get("k"));
  return {
    query: parseQuery(params),
    filters: {
      k: k !== null && k >= 1 ? Math.floor(k) : K_DEFAULT,
      magMin: decimal(params.get("mag_z_min")),
      magMax: decimal(params.get("mag_z_max")),
      zMin: decimal(params.get("z_phot_min")),
      zMax: decimal(params.get("z_phot_max")),
      exact: flag(params.get("exact")),
      hideKnown: flag(params.get("hide_known")),
    },
  };
}

/* Filters as the API spells them; the page's own address spells them the same way. */
export function filterParams(filters: Filters): [string, string][] {
  const out: [string, string][] = [];
  if (filters.magMin !== null) out.push(["mag_z_min", String(filters.magMin)]);
  if (filters.magMax !== null) out.push(["mag_z_max", String(filters.magMax)]);
  if (filters.zMin !== null) out.push(["z_phot_min", String(filters.zMin)]);
  if (filters.zMax !== null) out.push(["z_phot_max", String(filters.zMax)]);
  if (filters.exact) out.push(["exact", "1"]);
  if (filters.hideKnown) out.push(["hide_known", "1"]);
  return out;
}

function queryParams(query: Query): [string, string][] {
  switch (query.kind) {
    case "home":
      return [];
    case "id":
      return [["id", query.id]];
    case "position":
      return [["ra", String(query.ra)], ["dec", String(query.dec)]];
    case "name":
      return [["name", query.name]];
    case "upload":
      return [["upload", query.upload]];
    case "examples":
      return [
        ["like", query.like.join(",")],
        ...(query.unlike.length ? [["unlike", query.unlike.join(",")] as [string, string]] : []),
      ];
    case "probes":
      return [["probes", "all"]];
    case "probe":
      return [
        ["probe", query.name],
        ...(query.label ? [["label", "1"] as [string, string]] : []),
        ...(query.class !== null ? [["class", query.class] as [string, string]] : []),
      ];
  }
}

export function formatRoute(route: Route): string {
  const pairs = queryParams(route.query);
  if (route.filters.k !== K_DEFAULT) pairs.push(["k", String(route.filters.k)]);
  pairs.push(...filterParams(route.filters));
  const text = new URLSearchParams(pairs).toString().replace(/%2C/g, ",");
  return text ? `/?${text}` : "/";
}

/* Two addresses of the same thing look the same. */
export function sameQuery(a: Query, b: Query): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
