/* facts.tsx - what is known of the object or file searched from. Absent facts are left out. */

import type { SkyObject, Upload } from "../api";
import { bandText, degrees, fixed, positionOf, sexagesimal } from "../format";
import { isSimulated, skyLinks } from "../links";
import { CopyButton } from "./copy-button";
import { Fold } from "./fold";

type Fact = [string, string];

function size(o: SkyObject | Upload): Fact[] {
  const out: Fact[] = [];
  const bands = bandText(o.bands);
  if (bands) out.push(["Bands", bands]);
  const pixels = o.width && o.height ? `${o.width} × ${o.height} px` : null;
  const scale = typeof o.pixel_scale === "number" ? `${+o.pixel_scale.toFixed(3)}″ per px` : null;
  if (pixels || scale) out.push(["Image", [pixels, scale].filter(Boolean).join(", ")]);
  return out;
}

export function FactList({ facts }: { facts: Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Magnitudes({ object }: { object: SkyObject }) {
  if ([object.mag_g, object.mag_r, object.mag_z].every((mag) => typeof mag !== "number")) return null;
  const mags: Fact[] = [
    ["g", fixed(object.mag_g, 2)],
    ["r", fixed(object.mag_r, 2)],
    ["z", fixed(object.mag_z, 2)],
  ];
  return (
    <dl class="mags" aria-label="Magnitudes">
      {mags.map(([band, value]) => (
        <div key={band}>
          <dt>{band}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Place({ ra, dec }: { ra: number; dec: number }) {
  return (
    <p class="place">
      <span>
        {degrees(ra, dec)}
        <CopyButton text={`${ra} ${dec}`} label="Copy the position in degrees" />
      </span>
      <span>{sexagesimal(ra, dec)}</span>
    </p>
  );
}

function SkyLinks({ ra, dec }: { ra: number; dec: number }) {
  return (
    <>
      {skyLinks(ra, dec).map(({ label, href }) => (
        <a key={label} href={href} target="_blank" rel="noopener noreferrer">
          {label}
        </a>
      ))}
    </>
  );
}

/* Of a make-believe sky no other service knows. */
export function ObjectFacts({ object }: { object: SkyObject }) {
  const simulated = isSimulated(object.id);
  const facts: Fact[] = simulated ? [["Sky", "simulated"]] : [];
  if (typeof object.z_spec === "number") facts.push(["Redshift, spectrum", object.z_spec.toFixed(4)]);
  if (typeof object.z_phot === "number") facts.push(["Redshift, photometric", object.z_phot.toFixed(3)]);
  if (object.type) facts.push(["Profile", object.type]);
  facts.push(...size(object));
  if (object.id !== object.name) facts.push(["Id", object.id]);
  const place = positionOf(object);
  return (
    <>
      {place && <Place {...place} />}
      <Magnitudes object={object} />
      <Fold title="More about it">
        <FactList facts={facts} />
        <p class="links">
          {place && !simulated && <SkyLinks {...place} />}
          <a href={object.cutout ?? `/api/v1/objects/${object.id}/cutout.fits`} download>
            FITS cutout
          </a>
        </p>
      </Fold>
    </>
  );
}

export function UploadFacts({ upload }: { upload: Upload }) {
  const place = positionOf(upload);
  return (
    <>
      {place && <Place {...place} />}
      <FactList facts={size(upload)} />
      {place && (
        <p class="links">
          <SkyLinks {...place} />
        </p>
      )}
    </>
  );
}
