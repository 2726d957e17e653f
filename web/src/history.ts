/* history.ts - the route lives in the address bar; back and forward work. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { formatRoute, parseRoute, sameQuery, type Route } from "./route";

export type Navigate = (route: Route) => void;

/* A new query is a new page; turning a filter changes the page one is on. */
export function useRoute(): [Route, Navigate] {
  const [route, set] = useState(() => parseRoute(location.search));
  const now = useRef(route);
  now.current = route;
  useEffect(() => {
    const back = () => set(parseRoute(location.search));
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, []);
  const navigate = useCallback((next: Route) => {
    const address = formatRoute(next);
    if (sameQuery(now.current.query, next.query)) history.replaceState(null, "", address);
    else {
      history.pushState(null, "", address);
      window.scrollTo(0, 0);
    }
    set(next);
  }, []);
  return [route, navigate];
}

/* For links that the page follows itself, leaving new tabs to the browser. */
export function onPlainClick(go: () => void) {
  return (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go();
  };
}
