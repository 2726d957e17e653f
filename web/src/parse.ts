/* parse.ts - what a person types into the search box, turned into a query. Pure. */

export type Position = { ra: number; dec: number };
export type Typed =
  | { kind: "position"; ra: number; dec: number }
  | { kind: "id"; id: string }
  | { kind: "name"; name: string }
  | { kind: "empty" }
  | { kind: "bad"; why: string };

const NUMBER = String.raw`[+-]?\d+(?:\.\d*)?|[+-]?\.\d+`;
const PAIR = new RegExp(`^(${NUMBER})\\s*°?(?:\\s*,\\s*|\\s+)(${NUMBER})\\s*°?$`);
const COLONS = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?[\s,]+([+\-−]?)(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?$/;
const LETTERS =
  /^(\d{1,3})\s*([hd°])\s*(\d{1,2})\s*[m'′]\s*(?:(\d{1,2}(?:\.\d*)?)\s*(?:s|"|″)?)?[\s,]*([+\-−]?)\s*(\d{1,2})\s*[d°]\s*(\d{1,2})\s*[m'′]\s*(?:(\d{1,2}(?:\.\d*)?)\s*(?:s|"|″)?)?$/;
const SPACES = /^(\d{1,2})\s+(\d{1,2})\s+(\d{1,2}(?:\.\d*)?)[\s,]+([+\-−]?)(\d{1,2})\s+(\d{1,2})\s+(\d{1,2}(?:\.\d*)?)$/;
const DESIGNATION = /J(\d{2})(\d{2})(\d{2}(?:\.\d+)?)([+\-−])(\d{2})(\d{2})(\d{2}(?:\.\d+)?)$/;

function number(text: string | undefined): number {
  return text === undefined ? 0 : Number(text);
}

/* Whole, minutes and seconds with a separate sign, so that -00:30 stays negative. */
function sexagesimal(sign: string | undefined, parts: (string | undefined)[]): number {
  const [whole, minutes, seconds] = parts.map(number);
  if (minutes >= 60 || seconds >= 60) return NaN;
  const value = whole + minutes / 60 + seconds / 3600;
  return sign === "-" || sign === "−" ? -value : value;
}

function position(ra: number, dec: number): Typed {
  if (!Number.isFinite(ra) || !Number.isFinite(dec))
    return { kind: "bad", why: "Minutes and seconds go up to 59." };
  if (ra < 0 || ra > 360)
    return { kind: "bad", why: `Right ascension runs from 0 to 360°, and ${ra} is outside.` };
  if (dec < -90 || dec > 90)
    return { kind: "bad", why: `Declination runs from −90 to +90°, and ${dec} is outside.` };
  /* Six places, 4 milliarcsec, keep the address short. */
  const [lon, lat] = [ra % 360, dec].map((angle) => Number(angle.toFixed(6)));
  return { kind: "position", ra: lon, dec: lat };
}

/* A pasted address of the Legacy Survey viewer, or of this page. */
function fromLink(text: string): Typed | null {
  if (!/[?&]/.test(text)) return null;
  const params = new URLSearchParams(text.slice(text.search(/[?]/) + 1).replace(/#.*/, ""));
  const id = params.get("id");
  if (id && /^\d+$/.test(id)) return { kind: "id", id };
  const ra = params.get("ra");
  const dec = params.get("dec");
  return ra && dec ? position(Number(ra), Number(dec)) : null;
}

/* The position inside a designation such as J101216.40+501840.1, or null. */
export function positionInName(name: string): Position | null {
  const m = DESIGNATION.exec(name.trim());
  if (!m) return null;
  const ra = 15 * sexagesimal("", m.slice(1, 4));
  const dec = sexagesimal(m[4], m.slice(5, 8));
  const at = position(ra, dec);
  return at.kind === "position" ? { ra: at.ra, dec: at.dec } : null;
}

export function parseTyped(input: string): Typed {
  const text = input.trim();
  if (text === "") return { kind: "empty" };
  const linked = fromLink(text);
  if (linked) return linked;

  let m = PAIR.exec(text.replace(/−/g, "-"));
  if (m) return position(Number(m[1]), Number(m[2]));
  m = COLONS.exec(text) ?? SPACES.exec(text);
  if (m) return position(15 * sexagesimal("", m.slice(1, 4)), sexagesimal(m[4], m.slice(5, 8)));
  m = LETTERS.exec(text);
  if (m) {
    const hours = m[2] === "h" ? 15 : 1;
    return position(hours * sexagesimal("", [m[1], m[3], m[4]]), sexagesimal(m[5], m.slice(6, 9)));
  }
  if (/^\d{1,20}$/.test(text)) return { kind: "id", id: text };
  return { kind: "name", name: text };
}
