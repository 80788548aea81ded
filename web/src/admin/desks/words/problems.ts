/** What the services refuse, as sentences. */
import type { Catalogue } from '../../../words/words';

export const en = {
  'problem.return-lines': 'These units cannot come back: %{detail}',
  'problem.receipt-reused': 'This receipt was taken already, and said something else.',
  'problem.invalid-risk-rules': 'The rules are not right yet:',
  'problem.invalid-routing-rules': 'The rules are not right yet:',
  'problem.insufficient-stock': 'There is not so much: %{detail}',
  'problem.unknown-product': 'There is no such product.',
  'problem.unknown-warehouse': 'There is no such warehouse.',
  'problem.bundle-has-no-stock': 'A bundle has no stock of its own; adjust its parts.',
  'problem.product-exists': 'There is a product with this SKU already.',
  'problem.warehouse-exists': 'There is a warehouse with this id already.',
  'problem.invalid-components': 'The parts of the bundle are not right: %{detail}',
  'problem.invalid-csv': 'The file cannot be read, and nothing was taken over:',
  'problem.unsupported-media-type': 'This is no CSV file.',
  'problem.dead-letter-resolved': 'Somebody has dealt with it already.',
  'problem.dead-letter-failed-again': 'It still cannot be handled: %{detail}',
  'problem.delivery-not-failed': 'Only a message that was given up can be tried again.',
  'problem.incident-resolved': 'Somebody has resolved it already.',
  'problem.nothing-to-pay-back': 'There is nothing to be paid back under this reference.',
} as const;

export const de: Catalogue<keyof typeof en> = {
  'problem.return-lines': 'Diese Stücke können nicht zurückkommen: %{detail}',
  'problem.receipt-reused': 'Dieser Eingang wurde schon angenommen und sagte etwas anderes.',
  'problem.invalid-risk-rules': 'Die Regeln stimmen noch nicht:',
  'problem.invalid-routing-rules': 'Die Regeln stimmen noch nicht:',
  'problem.insufficient-stock': 'So viel ist nicht da: %{detail}',
  'problem.unknown-product': 'Dieses Produkt gibt es nicht.',
  'problem.unknown-warehouse': 'Dieses Lager gibt es nicht.',
  'problem.bundle-has-no-stock': 'Ein Set hat keinen eigenen Bestand; passen Sie seine Teile an.',
  'problem.product-exists': 'Ein Produkt mit dieser SKU gibt es schon.',
  'problem.warehouse-exists': 'Ein Lager mit dieser Kennung gibt es schon.',
  'problem.invalid-components': 'Die Teile des Sets stimmen nicht: %{detail}',
  'problem.invalid-csv': 'Die Datei ist nicht lesbar, und nichts wurde übernommen:',
  'problem.unsupported-media-type': 'Das ist keine CSV-Datei.',
  'problem.dead-letter-resolved': 'Jemand hat sich schon darum gekümmert.',
  'problem.dead-letter-failed-again': 'Es lässt sich noch immer nicht verarbeiten: %{detail}',
  'problem.delivery-not-failed': 'Nur eine aufgegebene Nachricht kann wiederholt werden.',
  'problem.incident-resolved': 'Das hat schon jemand erledigt.',
  'problem.nothing-to-pay-back': 'Zu diesem Verwendungszweck ist nichts zurückzuzahlen.',
};
