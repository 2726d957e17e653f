/* examples.ts - searching from several galaxies: more like these, less like those. Pure. */

import type { Query } from "./route";

/* What a query already holds as examples. A search from one galaxy is one of one example. */
export function examplesOf(query: Query, objectId: string | null): { like: string[]; unlike: string[] } {
  if (query.kind === "examples") return { like: query.like, unlike: query.unlike };
  return { like: objectId ? [objectId] : [], unlike: [] };
}

function asQuery(like: string[], unlike: string[]): Query {
  if (like.length === 0) return { kind: "home" };
  if (like.length === 1 && unlike.length === 0) return { kind: "id", id: like[0] };
  return { kind: "examples", like, unlike };
}

export function withExample(
  query: Query, objectId: string | null, id: string, side: "like" | "unlike",
): Query {
  const now = examplesOf(query, objectId);
  const like = now.like.filter((other) => other !== id);
  const unlike = now.unlike.filter((other) => other !== id);
  (side === "like" ? like : unlike).push(id);
  /* Less like this needs something to be like. */
  return like.length ? asQuery(like, unlike) : query;
}

export function withoutExample(query: Query, id: string): Query {
  const now = examplesOf(query, null);
  return asQuery(now.like.filter((o) => o !== id), now.unlike.filter((o) => o !== id));
}
