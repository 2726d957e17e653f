/* links.ts - the same place of the sky elsewhere. Plain links: the page itself asks nobody. */

export type Link = { label: string; href: string };

/* Data release 9900 is nearsky's simulator: such an id names a galaxy that no telescope has seen. */
export function isSimulated(id: string): boolean {
  return BigInt(id) >> 40n === 9900n;
}

export function skyLinks(ra: number, dec: number): Link[] {
  const r = ra.toFixed(6);
  const d = dec.toFixed(6);
  const signed = dec < 0 ? d : `+${d}`;
  const mark = encodeURIComponent(`${r},${d}`);
  return [
    {
      label: "Legacy Survey",
      href: `https://www.legacysurvey.org/viewer?ra=${r}&dec=${d}&layer=ls-dr9&zoom=16&mark=${mark}`,
    },
    {
      label: "SIMBAD",
      href:
        `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${encodeURIComponent(`${r} ${signed}`)}` +
        "&CooFrame=ICRS&Radius=10&Radius.unit=arcsec",
    },
    {
      label: "NED",
      href:
        "https://ned.ipac.caltech.edu/conesearch?search_type=Near%20Position%20Search" +
        `&in_csys=Equatorial&in_equinox=J2000&ra=${r}d&dec=${d}d&radius=0.2`,
    },
  ];
}
