/** How addresses are written in the countries the shop offers: which fields there are, what they are called, what is asked of them. */

export interface Country {
  code: string;
  /** What a postal code looks like; null where there may be any. */
  postal: RegExp | null;
  example: string;
  /** What it is called: `postal_code`, `postcode` or `zip`. */
  postalName: 'postal_code' | 'postcode' | 'zip';
  /** Whether there is a field for the region, what it is called, and what can be chosen. */
  region: { name: 'state' | 'province' | 'county'; required: boolean; choices?: readonly (readonly [string, string])[] } | null;
  /** Whether the city stands before the postal code. */
  cityFirst: boolean;
}

const pairs = (text: string) =>
  text.split('|').map((one) => [one.slice(0, one.indexOf(' ')), one.slice(one.indexOf(' ') + 1)] as const);

const STATES = pairs(
  'AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|DC District of Columbia|' +
    'FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|' +
    'MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|' +
    'NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|' +
    'PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|' +
    'WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming',
);
const PROVINCES = pairs(
  'AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NT Northwest Territories|' +
    'NS Nova Scotia|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon',
);

const plain = (code: string, postal: RegExp, example: string): Country => ({
  code,
  postal,
  example,
  postalName: 'postal_code',
  region: null,
  cityFirst: false,
});

export const COUNTRIES: readonly Country[] = [
  plain('DE', /^\d{5}$/, '10117'),
  plain('AT', /^\d{4}$/, '1010'),
  plain('BE', /^\d{4}$/, '1000'),
  {
    ...plain('CA', /^[A-Z]\d[A-Z] ?\d[A-Z]\d$/i, 'K1A 0B1'),
    region: { name: 'province', required: true, choices: PROVINCES },
    cityFirst: true,
  },
  plain('CH', /^\d{4}$/, '8001'),
  plain('CZ', /^\d{3} ?\d{2}$/, '110 00'),
  plain('DK', /^\d{4}$/, '1050'),
  plain('ES', /^\d{5}$/, '28001'),
  plain('FI', /^\d{5}$/, '00100'),
  plain('FR', /^\d{5}$/, '75001'),
  {
    ...plain('GB', /^[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}$/i, 'SW1A 1AA'),
    postalName: 'postcode',
    region: { name: 'county', required: false },
    cityFirst: true,
  },
  {
    ...plain('IE', /^[A-Z\d]{3} ?[A-Z\d]{4}$/i, 'D02 X285'),
    postalName: 'postcode',
    region: { name: 'county', required: false },
    cityFirst: true,
  },
  { ...plain('IT', /^\d{5}$/, '00118'), region: { name: 'province', required: true } },
  plain('LU', /^\d{4}$/, '1111'),
  plain('NL', /^\d{4} ?[A-Z]{2}$/i, '1012 AB'),
  plain('NO', /^\d{4}$/, '0150'),
  plain('PL', /^\d{2}-?\d{3}$/, '00-001'),
  plain('PT', /^\d{4}-?\d{3}$/, '1000-001'),
  plain('SE', /^\d{3} ?\d{2}$/, '111 20'),
  {
    ...plain('US', /^\d{5}(-\d{4})?$/, '94103'),
    postalName: 'zip',
    region: { name: 'state', required: true, choices: STATES },
    cityFirst: true,
  },
];

/** How addresses are written in a country; one that is not offered is asked for nothing special. */
export const countryOf = (code: string): Country =>
  COUNTRIES.find((country) => country.code === code) ?? {
    code,
    postal: null,
    example: '',
    postalName: 'postal_code',
    region: { name: 'province', required: false },
    cityFirst: false,
  };

/** The countries by their names in a language, those of the shop's neighbours not before others. */
export function namedCountries(language: string): { code: string; name: string }[] {
  const names = new Intl.DisplayNames(language, { type: 'region' });
  return COUNTRIES.map(({ code }) => ({ code, name: names.of(code) ?? code })).sort((one, other) =>
    one.name.localeCompare(other.name, language),
  );
}
