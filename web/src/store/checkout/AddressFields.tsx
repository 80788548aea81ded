import { useMemo } from 'react';
import { useWords } from '../../words/words';
import { Choice, Field } from '../parts/Field';
import { countryOf, namedCountries } from './countries';
import type { AddressDraft } from './draft';

interface Props {
  /** The name the service has for the address, as in its refusals. */
  at: string;
  address: AddressDraft;
  onChange: (address: AddressDraft) => void;
  wrong: (field: string) => string | undefined;
  /** For the browser's own filling in: `shipping` or `billing`. */
  section: 'shipping' | 'billing';
  /** Whether country and region stay as they are. */
  sameCountry?: boolean;
}

/** The fields of an address, as it is written in its country. */
export function AddressFields({ at, address, onChange, wrong, section, sameCountry }: Props) {
  const { t, language } = useWords();
  const country = countryOf(address.country);
  const countries = useMemo(() => namedCountries(language), [language]);
  const known = countries.some((one) => one.code === address.country);

  const field = (name: keyof AddressDraft, autoComplete: string) => ({
    name: `${at}.${name}`,
    value: address[name],
    error: wrong(`${at}.${name}`),
    autoComplete: `${section} ${autoComplete}`,
    maxLength: name === 'postal_code' ? 20 : 100,
    onChange: (event: { target: { value: string } }) => onChange({ ...address, [name]: event.target.value }),
  });

  const postal = (
    <Field key="postal" label={t(`address.${country.postalName}`)} required {...field('postal_code', 'postal-code')} />
  );
  const city = <Field key="city" label={t('address.city')} required {...field('city', 'address-level2')} />;

  return (
    <>
      <Choice
        label={t('address.country')}
        name={`${at}.country`}
        value={address.country}
        autoComplete={`${section} country`}
        disabled={sameCountry}
        hint={sameCountry ? t('address.country_stays') : undefined}
        error={wrong(`${at}.country`)}
        onChange={(event) => onChange({ ...address, country: event.target.value, region: '' })}
      >
        {!known && <option value={address.country}>{address.country}</option>}
        {countries.map(({ code, name }) => (
          <option key={code} value={code}>
            {name}
          </option>
        ))}
      </Choice>
      <Field label={t('address.name')} required {...field('name', 'name')} />
      <Field label={t('address.line1')} required {...field('line1', 'address-line1')} />
      <Field label={t('address.line2')} optional={t('form.optional')} {...field('line2', 'address-line2')} />
      <div className={`field-row ${country.cityFirst ? 'two' : 'short-long'}`}>
        {country.cityFirst ? [city, postal] : [postal, city]}
      </div>
      {country.region?.choices ? (
        <Choice
          label={t(`address.${country.region.name}`)}
          disabled={sameCountry}
          {...field('region', 'address-level1')}
          required={country.region.required}
        >
          <option value="">{t('form.choose')}</option>
          {country.region.choices.map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </Choice>
      ) : (
        country.region && (
          <Field
            label={t(`address.${country.region.name}`)}
            {...(country.region.required ? { required: true } : { optional: t('form.optional') })}
            disabled={sameCountry}
            {...field('region', 'address-level1')}
          />
        )
      )}
    </>
  );
}
