/** A service's refusal (RFC 9457): what the page tells the person, and which field it belongs to. */

export interface FieldError {
  field: string;
  message: string;
}

const PREFIX = 'urn:waybill:problem:';

export class Problem extends Error {
  readonly slug: string;
  readonly status: number;
  readonly detail: string;
  readonly errors: FieldError[];
  readonly facts: Record<string, unknown>;

  constructor(status: number, slug: string, title: string, detail: string, facts: Record<string, unknown> = {}) {
    super(detail || title);
    this.name = 'Problem';
    this.status = status;
    this.slug = slug;
    this.detail = detail;
    this.facts = facts;
    this.errors = Array.isArray(facts.errors) ? (facts.errors as FieldError[]) : [];
  }

  static unreachable(): Problem {
    return new Problem(0, 'unreachable', 'Not reachable', '');
  }

  /** Name the message of one field (`shipping_address.postal_code`), if the refusal has one. */
  of(field: string): string | undefined {
    return this.errors.find((error) => error.field === field)?.message;
  }
}

/** Read a refusal from an answer; whatever is not problem+json becomes a plain one with the answer's status. */
export function readProblem(answer: Response, body: unknown): Problem {
  if (typeof body === 'object' && body !== null && 'type' in body && 'title' in body) {
    const { type, title, detail, ...facts } = body as Record<string, unknown>;
    return new Problem(answer.status, String(type).replace(PREFIX, ''), String(title), String(detail ?? ''), facts);
  }
  return new Problem(answer.status, 'http', answer.statusText || 'The request failed', '');
}
