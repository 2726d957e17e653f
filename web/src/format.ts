/* format.ts - numbers and positions as people read them. Pure. */

import type { SkyObject } from "./api";

export const NONE = "–";

export function fixed(value: number | null | undefined, digits: number): string {
  return typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : NONE;
}

export function count(value: number | null | undefined): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : NONE;
}

export function bytes(value: number): string {
  if (value >= 1 << 20) return `${(value / (1 << 20)).toFixed(value >= 10 << 20 ? 0 : 1)} MB`;
  return value >= 1 << 10 ? `${Math.round(value / (1 << 10))} kB` : `${value} bytes`;
}

export function millis(value: number | null | undefined): string {
  if (typeof value !== "number") return NONE;
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

export function positionOf(o: { ra?: number | null; dec?: number | null }) {
  const { ra, dec } = o;
  return typeof ra === "number" && typeof dec === "number" ? { ra, dec } : null;
}

/* Degrees to five places: 0.04 arcsec. */
export function degrees(ra: number, dec: number): string {
  return `${ra.toFixed(5)} ${dec < 0 ? "−" : "+"}${Math.abs(dec).toFixed(5)}`;
}

/* Rounds once, in the last unit shown, so that seconds never read 60. */
function parts(value: number, digits: number): string {
  const scale = 10 ** digits;
  const total = Math.round(value * 3600 * scale);
  const seconds = (total % (60 * scale)) / scale;
  const minutes = Math.floor(total / (60 * scale)) % 60;
  const whole = Math.floor(total / (3600 * scale));
  const two = (n: number) => String(n).padStart(2, "0");
  const tail = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return `${two(whole)}:${two(minutes)}:${tail}`;
}

export function sexagesimal(ra: number, dec: number): string {
  const hours = ra / 15;
  const wrapped = Math.round(hours * 360000) >= 24 * 360000 ? 0 : hours;
  return `${parts(wrapped, 2)} ${dec < 0 ? "−" : "+"}${parts(Math.abs(dec), 1)}`;
}

export function redshift(o: SkyObject): string | null {
  if (typeof o.z_spec === "number") return `z ${o.z_spec.toFixed(4)}`;
  if (typeof o.z_phot === "number") return `z ≈ ${o.z_phot.toFixed(2)}`;
  return null;
}

/* The server's words with a full stop. Their beginning stays: it may be the name of a file. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) || trimmed === "" ? trimmed : `${trimmed}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/* What a known object is known as, or null for one nobody has listed. */
export function knownAs(o: SkyObject): string | null {
  if (!o.known) return null;
  return typeof o.known === "string" ? o.known : "known lens";
}

export function title(o: SkyObject): string {
  return o.name || o.id;
}

export function bandText(bands: string | string[] | null | undefined): string | null {
  if (!bands || bands.length === 0) return null;
  return (typeof bands === "string" ? bands.split(/[\s,]*/) : bands).join(" ");
}

/* A probability to two figures that say something: 97%, 4.3%, 0.012%. */
export function percent(value: number | null | undefined): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return NONE;
  const percents = 100 * value;
  if (percents > 99 && value < 1) return ">99%";
  if (percents > 0 && percents < 0.001) return "<0.001%";
  return `${Number(percents.toPrecision(2))}%`;
}

/* An object in one sentence, for those who cannot see its picture. */
export function describe(o: SkyObject): string {
  const facts = [`Galaxy ${title(o)}`];
  if (typeof o.mag_r === "number") facts.push(`r magnitude ${o.mag_r.toFixed(1)}`);
  const z = o.z_spec ?? o.z_phot;
  if (typeof z === "number") facts.push(`redshift ${z.toFixed(2)}`);
  if (knownAs(o)) facts.push(knownAs(o)!);
  return facts.join(", ");
}
