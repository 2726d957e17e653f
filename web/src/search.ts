/* search.ts - from a route to an answer: resolves positions and names, then asks for neighbours. */

import { useEffect, useRef, useState } from "preact/hooks";
import {
  ApiProblem, getCone, getNamed, getNeighbors, getObject, postExamples, postUpload,
  type Answer, type SkyObject,
} from "./api";
import { degrees } from "./format";
import { positionInName } from "./parse";
import { formatRoute, type Query, type Route } from "./route";
import { contentType, keptFile } from "./upload";

/* How far from a typed position its galaxy may be. Where the survey has nothing for half a degree,
 * the server answers that the place is outside its footprint. */
export const CONE_ARCSEC = 60;

export type Found = {
  route: Route;
  object: SkyObject | null; /* what was searched from, if the survey has it */
  answer: Answer;
  notes: string[]; /* how the query was understood */
  file: File | null;
};
export type Search =
  | { status: "home" }
  | { status: "loading"; route: Route; stale: Found | null }
  | { status: "found"; found: Found }
  | { status: "failed"; route: Route; problem: ApiProblem };

function notHere(title: string, detail: string): ApiProblem {
  return new ApiProblem(404, title, detail);
}

async function nearest(ra: number, dec: number, signal: AbortSignal) {
  const objects = await getCone(ra, dec, CONE_ARCSEC, signal);
  if (objects.length === 0)
    throw notHere(
      "Nothing here",
      `The survey reaches this part of the sky, but has no galaxy within ${CONE_ARCSEC}″ of ` +
        `${degrees(ra, dec)}.`,
    );
  const gap = (o: SkyObject) => o.separation_arcsec ?? Infinity;
  const object = objects.reduce((best, o) => (gap(o) < gap(best) ? o : best));
  const far = object.separation_arcsec ?? 0;
  const note = far > 2.6 ? [`The nearest galaxy of the survey is ${far.toFixed(1)}″ from there.`] : [];
  return { object, notes: note };
}

async function named(name: string, signal: AbortSignal) {
  const objects = await getNamed(name, signal).catch((error) => {
    if (error instanceof ApiProblem && error.status === 404) return [];
    throw error;
  });
  if (objects.length)
    return {
      object: objects[0],
      notes: objects.length > 1 ? [`${objects.length} objects bear this name; this is the first.`] : [],
    };
  const place = positionInName(name);
  if (place) {
    const near = await nearest(place.ra, place.dec, signal);
    return { object: near.object, notes: ["Found by the position in its name.", ...near.notes] };
  }
  throw notHere("No such name", `No object of this survey is called “${name}”.`);
}

/* The object a query stands for; null where it stands for none or for several. */
async function resolve(query: Query, signal: AbortSignal) {
  switch (query.kind) {
    case "id":
      return { object: { id: query.id } as SkyObject, notes: [] as string[] };
    case "position":
      return nearest(query.ra, query.dec, signal);
    case "name":
      return named(query.name, signal);
    default:
      return { object: null, notes: [] as string[] };
  }
}

export async function run(route: Route, signal: AbortSignal): Promise<Found> {
  const { query, filters } = route;
  if (query.kind === "upload") {
    const file = keptFile(query.upload);
    if (!file)
      throw new ApiProblem(
        410,
        "That file is no longer here",
        "A file you search with is not kept, so this address cannot bring it back.",
      );
    const answer = await postUpload(file, await contentType(file), file.name, filters, signal);
    return { route, object: null, answer, notes: [], file };
  }
  if (query.kind === "examples") {
    const answer = await postExamples(query.like, query.unlike, filters, signal);
    return { route, object: null, answer, notes: [], file: null };
  }
  const { object, notes } = await resolve(query, signal);
  if (!object) throw new Error("a query without an object");
  /* Both at once: the object's own page says more of it than the answer need. */
  const [answer, full] = await Promise.all([
    getNeighbors(object.id, filters, signal),
    getObject(object.id, signal).catch(() => null),
  ]);
  const whole = { ...object, ...answer.query.object, ...full, id: object.id };
  return { route, object: whole, answer, notes, file: null };
}

function asProblem(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  return new ApiProblem(0, "Something went wrong", error instanceof Error ? error.message : "");
}

/* Runs the route's search whenever the route changes; a newer one calls off the older. What is
 * returned is always about the route asked for, also before the effect has run. */
export function useSearch(route: Route, attempt: number): Search {
  const [done, setDone] = useState<{ key: string; search: Search } | null>(null);
  const last = useRef<Found | null>(null);
  const key = `${attempt} ${formatRoute(route)}`;
  const home = ["home", "probes", "probe"].includes(route.query.kind);
  useEffect(() => {
    if (home) return;
    const control = new AbortController();
    run(route, control.signal).then(
      (found) => {
        if (control.signal.aborted) return;
        last.current = found;
        setDone({ key, search: { status: "found", found } });
      },
      (error) => {
        if (!control.signal.aborted)
          setDone({ key, search: { status: "failed", route, problem: asProblem(error) } });
      },
    );
    return () => control.abort();
  }, [key]);
  if (home) return { status: "home" };
  return done?.key === key ? done.search : { status: "loading", route, stale: last.current };
}
