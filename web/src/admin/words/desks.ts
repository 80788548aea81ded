/** Texts of the desks: each desk keeps its own, beside its pages. */
import * as goods from '../desks/words/goods';
import * as kit from '../desks/words/kit';
import * as money from '../desks/words/money';
import * as operations from '../desks/words/operations';
import * as problems from '../desks/words/problems';
import * as returns from '../desks/words/returns';
import * as risk from '../desks/words/risk';
import * as shipping from '../desks/words/shipping';
import * as start from '../desks/words/start';
import * as terms from '../desks/words/terms';
import * as values from '../desks/words/values';

export const en = {
  ...kit.en,
  ...values.en,
  ...shipping.en,
  ...returns.en,
  ...risk.en,
  ...goods.en,
  ...terms.en,
  ...money.en,
  ...operations.en,
  ...start.en,
  ...problems.en,
};

export const de: Record<keyof typeof en, string> = {
  ...kit.de,
  ...values.de,
  ...shipping.de,
  ...returns.de,
  ...risk.de,
  ...goods.de,
  ...terms.de,
  ...money.de,
  ...operations.de,
  ...start.de,
  ...problems.de,
};
