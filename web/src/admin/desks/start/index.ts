import { lazy } from 'react';

/** The start page of the panel, loaded when it is opened: charts are large. */
export const StartPage = lazy(async () => ({ default: (await import('./StartPage')).StartPage }));
