/** Refusals of the services that a customer can meet, as sentences. */
import type { Catalogue } from '../../words/words';

export const en = {
  'problem.http': 'The shop did not answer as it should. Try again in a moment.',
  'problem.unauthenticated': 'You are not signed in. Sign in and try again; what you typed stays.',
  'problem.forbidden': 'Your account may not do this.',
  'problem.not-found': 'This does not exist, or it is not yours.',
  'problem.busy': 'The shop is very busy. Try again in a moment.',
  'problem.unavailable': 'The shop does not answer right now. Try again in a moment.',
  'problem.too-many-requests': 'That was a lot at once. Wait a moment and try again.',
  'problem.request-in-flight': 'This is being done already. Wait a moment.',
  'problem.idempotency-key-reused': 'This was sent before with other contents. Check it and send it again.',
  'problem.invalid-request': 'Something typed is not right: %{detail}',
  'problem.version-mismatch': 'It has changed meanwhile. You see the newest state now; look at it and try again.',
  'problem.unknown-product': 'A product is no longer on sale. Look at your cart.',
  'problem.empty-cart': 'Your cart is empty.',
  'problem.cart-full': 'There is no room for more in the cart.',
  'problem.price-changed': 'The price has changed.',
  'problem.too-many-declines': 'Too many payments were declined. Try again later, or pay by bank transfer.',
  'problem.no-shipping-method': 'We do not ship this to that address. Choose another address, or fewer items.',
  'problem.invalid-transition': 'The order has moved on, and this is not possible any more.',
  'problem.change-refused': 'The order cannot be changed like this: %{detail}',
  'problem.change-pending': 'Another change of this order is still being decided. Wait a moment.',
  'problem.return-refused': 'This cannot be sent back: %{detail}',
  'problem.return-lines': 'This cannot be sent back like this: %{detail}',
  'problem.return-state': 'The return has moved on, and this is not possible any more.',
  'problem.live-updates-unavailable': 'Live updates are not available right now.',
} as const;

export const de: Catalogue<keyof typeof en> = {
  'problem.http': 'Der Shop hat nicht geantwortet, wie er sollte. Versuchen Sie es gleich noch einmal.',
  'problem.unauthenticated':
    'Sie sind nicht angemeldet. Melden Sie sich an und versuchen Sie es noch einmal; Ihre Eingaben bleiben.',
  'problem.forbidden': 'Ihr Konto darf das nicht.',
  'problem.not-found': 'Das gibt es nicht, oder es gehört nicht zu Ihrem Konto.',
  'problem.busy': 'Im Shop ist gerade viel los. Versuchen Sie es gleich noch einmal.',
  'problem.unavailable': 'Der Shop antwortet gerade nicht. Versuchen Sie es gleich noch einmal.',
  'problem.too-many-requests': 'Das war viel auf einmal. Warten Sie einen Moment und versuchen Sie es noch einmal.',
  'problem.request-in-flight': 'Das wird schon ausgeführt. Warten Sie einen Moment.',
  'problem.idempotency-key-reused': 'Das wurde schon mit anderem Inhalt gesendet. Prüfen Sie es und senden Sie es noch einmal.',
  'problem.invalid-request': 'Eine Angabe stimmt nicht: %{detail}',
  'problem.version-mismatch':
    'Es hat sich inzwischen geändert. Sie sehen jetzt den neuesten Stand; prüfen Sie ihn und versuchen Sie es noch einmal.',
  'problem.unknown-product': 'Ein Produkt ist nicht mehr im Angebot. Sehen Sie in Ihren Warenkorb.',
  'problem.empty-cart': 'Ihr Warenkorb ist leer.',
  'problem.cart-full': 'Mehr passt nicht in den Warenkorb.',
  'problem.price-changed': 'Der Preis hat sich geändert.',
  'problem.too-many-declines':
    'Zu viele Zahlungen wurden abgelehnt. Versuchen Sie es später noch einmal, oder zahlen Sie per Überweisung.',
  'problem.no-shipping-method': 'Dorthin versenden wir das nicht. Wählen Sie eine andere Adresse oder weniger Artikel.',
  'problem.invalid-transition': 'Die Bestellung ist schon weiter, das ist nicht mehr möglich.',
  'problem.change-refused': 'So kann die Bestellung nicht geändert werden: %{detail}',
  'problem.change-pending': 'Über eine andere Änderung dieser Bestellung wird noch entschieden. Warten Sie einen Moment.',
  'problem.return-refused': 'Das kann nicht zurückgesendet werden: %{detail}',
  'problem.return-lines': 'So kann das nicht zurückgesendet werden: %{detail}',
  'problem.return-state': 'Die Rücksendung ist schon weiter, das ist nicht mehr möglich.',
  'problem.live-updates-unavailable': 'Laufende Aktualisierung ist gerade nicht möglich.',
};
