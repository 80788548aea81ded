/** Pictures for products that have none: a drawing by what the SKU begins with, on a ground of the product's own colour. */
import { type CSSProperties, type ReactNode, useState } from 'react';

const DRAWINGS: [RegExp, ReactNode][] = [
  [/^(TEA|MATCHA|BOX-GIFT-TEA)/, <path key="leaf" d="M30 74c-6-26 10-46 42-48 2 32-14 52-38 46m-4 2c8-18 16-28 28-36" />],
  [/^(COFFEE-FILTER|DRIPPER)/, <path key="dripper" d="M24 34h52L60 62H40zM32 72h36M50 62v10M76 40c10 0 10 14-6 14" />],
  [
    /^(COFFEE|BOX-GIFT-COFFEE|GRINDER)/,
    <path key="bean" d="M33 67c-13-13-8-30 4-38s28-8 32 4-4 30-15 36-15 4-21-2zm3 1c2-16 10-10 16-20s4-14 14-18" />,
  ],
  [/^KETTLE/, <path key="kettle" d="M34 40h30l6 34H28zM34 40c2-10 26-10 30 0M49 32v-5M69 50c10 0 12 14 4 18M30 56l-10-14" />],
  [
    /^TEAPOT/,
    <path
      key="teapot"
      d="M32 46h36c6 14 0 28-8 28H40c-8 0-14-14-8-28zM32 46c4-10 32-10 36 0M50 38v-5M68 50c14-2 12 16 0 16M32 56 18 46"
    />,
  ],
  [
    /^(MUG|CUP)/,
    <path
      key="mug"
      d="M30 36h34v30c0 6-4 9-9 9H39c-5 0-9-3-9-9zM64 44c14-2 14 18 0 18M40 28c-3-4 3-5 0-9M52 28c-3-4 3-5 0-9"
    />,
  ],
  [
    /^(JAR|HONEY|JAM|SUGAR)/,
    <path key="jar" d="M34 30h32v9H34zM36 39c-6 4-8 7-8 13v18c0 4 2 6 6 6h32c4 0 6-2 6-6V52c0-6-2-9-8-13M28 54h44v12H28z" />,
  ],
  [
    /^(BISCUIT)/,
    <path
      key="biscuit"
      d="M50 24a26 26 0 1 0 26 26c-6 1-9-2-9-7-6 2-10-2-9-8-5 0-8-5-8-11zM40 44v.1M38 60v.1M54 64v.1M52 50v.1M64 56v.1"
    />,
  ],
  [/^(CHOCOLATE)/, <path key="bar" d="M32 24h36v52H32zM50 24v52M32 41h36M32 58h36" />],
  [/^(TOWEL|CARD|BAG)/, <path key="towel" d="M30 26h40v48H30zM30 62h40M30 67h40M38 26v36M62 26v36" />],
  [
    /^(TRAY|BOARD)/,
    <path key="board" d="M32 36h36c3 0 4 1 4 4v30c0 3-1 4-4 4H32c-3 0-4-1-4-4V40c0-3 1-4 4-4zM44 36V24h12v12M50 29v.1" />,
  ],
  [
    /^CANDLE/,
    <path
      key="candle"
      d="M38 40h9v36h-9zM55 48h9v28h-9zM42 40v-5M59 48v-5M42 32c-5-5 1-8 1-12 4 4 4 8-1 12zM59 40c-5-5 1-8 1-12 4 4 4 8-1 12zM30 76h42"
    />,
  ],
  [/^BASKET/, <path key="basket" d="M26 46h48l-6 30H32zM32 46c0-28 36-28 36 0M29 56h42M31 66h38M42 46l2 30M58 46l-2 30" />],
  [
    /^BOX/,
    <path
      key="box"
      d="M28 42h44v32H28zM26 34h48v8H26zM50 34v40M50 34c-12 0-14-12-6-12 4 0 6 6 6 12 0-6 2-12 6-12 8 0 6 12-6 12z"
    />,
  ],
  [
    /^BOTTLE/,
    <path key="bottle" d="M43 22h14v9H43zM43 31c-5 4-7 7-7 13v28c0 3 2 4 4 4h20c2 0 4-1 4-4V44c0-6-2-9-7-13M36 52h28" />,
  ],
  [
    /^(WHISK|SPOON)/,
    <path
      key="whisk"
      d="M44 24h12v20H44zM44 44c-6 8-8 20-6 32M56 44c6 8 8 20 6 32M48 44c-3 8-3 20-2 32M52 44c3 8 3 20 2 32M44 34h12"
    />,
  ],
  [/^SCALE/, <path key="scale" d="M26 54h48v20H26zM34 64h16M62 64v.1M32 46h36v8H32zM40 46V34h20v12" />],
];

/** Make a number of a text, the same each time. */
function mark(text: string): number {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return sum;
}

interface Props {
  sku: string;
  name: string;
  /** The shop's own picture; one that cannot be loaded is drawn instead. */
  image?: string | null;
}

export function Picture({ sku, name, image }: Props) {
  const [broken, setBroken] = useState(false);
  if (image && !broken) {
    return <img className="picture" src={image} alt="" loading="lazy" onError={() => setBroken(true)} />;
  }
  const drawing = DRAWINGS.find(([begins]) => begins.test(sku))?.[1];
  const hue = (mark(sku) * 47) % 360;
  const turn = mark(name) % 360;
  return (
    <svg
      className="picture"
      viewBox="0 0 100 100"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      style={{ '--hue': String(hue) } as CSSProperties}
    >
      <rect width="100" height="100" className="ground" />
      <g className="pattern" transform={`rotate(${turn} 50 50)`}>
        <circle cx="18" cy="26" r="30" />
        <circle cx="86" cy="80" r="38" />
      </g>
      {drawing ? (
        <g className="drawing">{drawing}</g>
      ) : (
        <text x="50" y="62" textAnchor="middle" className="letters">
          {name.slice(0, 2)}
        </text>
      )}
    </svg>
  );
}
