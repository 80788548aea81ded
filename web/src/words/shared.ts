/** Texts that the storefront and the admin panel share. */
import type { Catalogue } from './words';

export const en = {
  'session.ended': 'Your session has ended',
  'session.nothing_lost': 'Sign in again in a small window; nothing you typed is lost.',
  'session.window_closed': 'The window was closed before you had signed in. Try again; nothing you typed is lost.',
  'session.not_now': 'Not now',
  'session.sign_in_again': 'Sign in again',
  'weather.offline': 'You are offline. What you do is sent as soon as the connection is back.',
  'weather.unreachable': 'The shop cannot be reached. Trying again …',
  'weather.busy': 'The service is busy at the moment. Trying again …',
  'mishap.title': 'This page cannot be shown',
  'mishap.text': 'A part of it could not be loaded. Check your connection and load the page anew.',
  'mishap.reload': 'Load the page anew',
  'status.Pending': 'Pending',
  'status.Processing': 'Processing',
  'status.Shipped': 'Shipped',
  'status.Delivered': 'Delivered',
  'status.Cancelled': 'Cancelled',
  'status.Refunded': 'Refunded',
  'problem.unreachable': 'The shop cannot be reached. Check your connection and try again.',
  'problem.internal': 'Something went wrong on our side. Try again; if it stays, tell us.',
  'problem.unknown': 'That did not work: %{detail}',
} as const;

export type SharedKey = keyof typeof en;

export const de: Catalogue<SharedKey> = {
  'session.ended': 'Ihre Sitzung ist abgelaufen',
  'session.nothing_lost': 'Melden Sie sich in einem kleinen Fenster neu an; Ihre Eingaben bleiben erhalten.',
  'session.window_closed':
    'Das Fenster wurde vor der Anmeldung geschlossen. Versuchen Sie es noch einmal; Ihre Eingaben bleiben erhalten.',
  'session.not_now': 'Jetzt nicht',
  'session.sign_in_again': 'Neu anmelden',
  'weather.offline': 'Sie sind offline. Sobald die Verbindung wieder da ist, wird alles gesendet.',
  'weather.unreachable': 'Der Shop ist nicht erreichbar. Neuer Versuch läuft …',
  'weather.busy': 'Der Dienst ist gerade ausgelastet. Neuer Versuch läuft …',
  'mishap.title': 'Diese Seite kann nicht gezeigt werden',
  'mishap.text': 'Ein Teil von ihr konnte nicht geladen werden. Prüfen Sie Ihre Verbindung und laden Sie die Seite neu.',
  'mishap.reload': 'Seite neu laden',
  'status.Pending': 'In Prüfung',
  'status.Processing': 'In Bearbeitung',
  'status.Shipped': 'Versandt',
  'status.Delivered': 'Zugestellt',
  'status.Cancelled': 'Storniert',
  'status.Refunded': 'Erstattet',
  'problem.unreachable': 'Der Shop ist nicht erreichbar. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.',
  'problem.internal': 'Bei uns ist etwas schiefgegangen. Versuchen Sie es noch einmal; wenn es bleibt, sagen Sie uns Bescheid.',
  'problem.unknown': 'Das hat nicht geklappt: %{detail}',
};
