/* api.ts - a typed client of the HTTP API, version 1. Any field may be absent: old servers, other
 * surveys. Object ids are decimal strings of 64 bits and never become numbers. */

import { filterParams, type Filters } from "./route";

export type SkyObject = {
  id: string;
  name?: string | null;
  ra?: number | null;
  dec?: number | null;
  mag_g?: number | null;
  mag_r?: number | null;
  mag_z?: number | null;
  z_phot?: number | null;
  z_spec?: number | null;
  type?: string | null;
  known?: string | boolean | null;
  bands?: string | string[] | null;
  pixel_scale?: number | null;
  width?: number | null;
  height?: number | null;
  notes?: string[] | null;
  image?: string | null;
  cutout?: string | null;
  separation_arcsec?: number | null;
};

/* artefact: the probability of being one, from the guard of the network; null where there is none. */
export type Hit = SkyObject & { rank: number; similarity?: number | null; artefact?: number | null };

/* A row of a probe's ranking. */
export type RankedHit = Hit & { score: number; probability: number | null; novelty: number | null };

export type Interval = { value: number | null; low: number | null; high: number | null };

export type CurvePoint = {
  probability: number;
  selected: number;
  completeness: Interval;
  purity: Interval;
};

export type ProbeMetrics = {
  outputs?: { class?: string; auroc?: Interval; calibration_error?: number }[];
  curve?: CurvePoint[]; /* of two classes */
  accuracy?: Interval;
  sigma_mad?: Interval;
  rmse?: Interval;
};

export type Probe = {
  name: string;
  created_at?: string;
  kind: "binary" | "classes" | "regression";
  prevalence?: number;
  prevalence_source?: "labels" | "stated" | "estimated";
  metrics?: ProbeMetrics;
  labels: {
    count: number;
    background: number;
    classes: { class?: string; count: number; drawn?: number; ids?: string[] }[];
  };
};

export type Ranking = {
  probe: Probe;
  hits: RankedHit[];
  stats: Stats & { matching?: number; expected_positives?: Interval };
};

export type Upload = {
  name?: string | null;
  survey?: string | null;
  ra?: number | null;
  dec?: number | null;
  width?: number | null;
  height?: number | null;
  pixel_scale?: number | null;
  bands?: string | string[] | null;
  notes?: string[] | null;
};

export type Model = {
  name?: string | null;
  sha256?: string | null;
  arch?: string | null;
  random_weights?: boolean;
};

export type Stats = {
  scanned?: number | null;
  method?: string | null;
  took_ms?: number | null;
  generation?: number | string | null;
  model?: Model | string | null;
  model_sha256?: string | null;
};

export type Answer = {
  query: { object?: SkyObject | null; upload?: Upload | null; preview?: string | null };
  hits: Hit[];
  stats: Stats;
  warnings: string[];
};

export type Info = {
  version?: string;
  commit?: string;
  survey?: {
    name?: string;
    rows?: number;
    bands?: string | string[];
    pixel_scale?: number;
  };
  generation?: {
    number?: number | string;
    rows?: number;
    dim?: number;
    created?: string;
    index?: { kind?: string; recall_at_10?: number | null };
  };
  model?: Model;
  backends?: string[];
  limits?: { upload_bytes_max?: number; k_max?: number };
};

/* An answer that is not the wished-for one, from the server or because there was none. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number, /* 0: no answer at all */
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
  }
}

const BASE = "/api/v1";

async function problemOf(response: Response): Promise<ApiProblem> {
  let body: { title?: unknown; detail?: unknown } = {};
  try {
    body = await response.json();
  } catch {
    /* not JSON: the status has to do */
  }
  const title = typeof body.title === "string" ? body.title : response.statusText;
  const detail = typeof body.detail === "string" ? body.detail : "";
  return new ApiProblem(response.status, title, detail);
}

export async function request(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new ApiProblem(0, "No answer", "The server did not answer.");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await request(path, init);
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new ApiProblem(response.status, "Unreadable answer", "The server's answer was cut short.");
  }
}

/* Fills in what an answer may lack, so that the page need not ask. */
export function answerFrom(body: Partial<Answer> | null): Answer {
  const hits = Array.isArray(body?.hits) ? body.hits : [];
  return {
    query: body?.query ?? {},
    hits: hits.map((hit, i) => ({ ...hit, rank: hit.rank ?? i + 1 })),
    stats: body?.stats ?? {},
    warnings: Array.isArray(body?.warnings) ? body.warnings.map(String) : [],
  };
}

function searchParams(filters: Filters, format?: string): URLSearchParams {
  const params = new URLSearchParams([["k", String(filters.k)], ...filterParams(filters)]);
  if (format) params.set("format", format);
  return params;
}

export function neighborsPath(id: string, filters: Filters, format?: string): string {
  return `${BASE}/objects/${id}/neighbors?${searchParams(filters, format)}`;
}

export function uploadPath(filters: Filters, name: string, format?: string): string {
  const params = searchParams(filters, format);
  params.set("name", name);
  return `${BASE}/search/upload?${params}`;
}

/* The body of POST /search, which takes its filters as JSON. */
export function searchBody(like: string[], unlike: string[], filters: Filters): string {
  const filter: Record<string, number | boolean> = {};
  if (filters.magMin !== null) filter.mag_z_min = filters.magMin;
  if (filters.magMax !== null) filter.mag_z_max = filters.magMax;
  if (filters.zMin !== null) filter.z_phot_min = filters.zMin;
  if (filters.zMax !== null) filter.z_phot_max = filters.zMax;
  if (filters.hideKnown) filter.hide_known = true;
  return JSON.stringify({
    positive: like.map((id) => ({ id })),
    negative: unlike.map((id) => ({ id })),
    k: filters.k,
    filter,
    exact: filters.exact,
  });
}

export function imagePath(object: SkyObject, size: number, stretch: string): string {
  const base = object.image?.split("?")[0] ?? `${BASE}/objects/${object.id}/image.jpg`;
  return `${base}?size=${size}&stretch=${stretch}`;
}

export function getInfo(signal?: AbortSignal): Promise<Info> {
  return json<Info>(`${BASE}/info`, { signal });
}

export function getObject(id: string, signal?: AbortSignal): Promise<SkyObject> {
  return json<SkyObject>(`${BASE}/objects/${id}`, { signal });
}

async function list(path: string, signal?: AbortSignal): Promise<SkyObject[]> {
  const body = await json<{ objects?: SkyObject[] }>(path, { signal });
  return Array.isArray(body.objects) ? body.objects : [];
}

export function getRandom(n: number, signal?: AbortSignal): Promise<SkyObject[]> {
  return list(`${BASE}/objects/random?n=${n}`, signal);
}

export function getCone(ra: number, dec: number, radius: number, signal?: AbortSignal) {
  return list(`${BASE}/objects?ra=${ra}&dec=${dec}&radius=${radius}`, signal);
}

export function getNamed(name: string, signal?: AbortSignal): Promise<SkyObject[]> {
  return list(`${BASE}/objects?name=${encodeURIComponent(name)}`, signal);
}

export async function getNeighbors(id: string, filters: Filters, signal?: AbortSignal) {
  return answerFrom(await json<Answer>(neighborsPath(id, filters), { signal }));
}

export async function postExamples(
  like: string[], unlike: string[], filters: Filters, signal?: AbortSignal,
) {
  const init = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: searchBody(like, unlike, filters),
    signal,
  };
  return answerFrom(await json<Answer>(`${BASE}/search`, init));
}

export function uploadInit(file: Blob, type: string, signal?: AbortSignal): RequestInit {
  return { method: "POST", headers: { "Content-Type": type }, body: file, signal };
}

export async function postUpload(
  file: Blob, type: string, name: string, filters: Filters, signal?: AbortSignal,
) {
  return answerFrom(await json<Answer>(uploadPath(filters, name), uploadInit(file, type, signal)));
}

export async function getProbes(signal?: AbortSignal): Promise<Probe[]> {
  const body = await json<{ probes?: Probe[] }>(`${BASE}/probes`, { signal });
  return Array.isArray(body.probes) ? body.probes : [];
}

/* With the ids it learned from. */
export function getProbe(name: string, signal?: AbortSignal): Promise<Probe> {
  return json<Probe>(probePath(name), { signal });
}

export function probePath(name: string): string {
  return `${BASE}/probes/${encodeURIComponent(name)}`;
}

/* What the probe ranks highest, or whose label would help it most. */
export function rankPath(
  name: string, what: "rank" | "suggest", ofClass: string | null, filters: Filters, format?: string,
): string {
  const params = new URLSearchParams(filterParams({ ...filters, exact: false }));
  params.set(what === "rank" ? "top" : "n", String(filters.k));
  if (ofClass !== null) params.set("class", ofClass);
  if (format) params.set("format", format);
  return `${probePath(name)}/${what}?${params}`;
}

export function getRanking(path: string, signal?: AbortSignal): Promise<Ranking> {
  return json<Ranking>(path, { signal });
}

export function postProbe(
  probe: { name: string; positive: string[]; negative: string[]; replace?: boolean },
): Promise<Probe> {
  return json<Probe>(`${BASE}/probes`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(probe),
  });
}
