/**
 * Keeps the operator's secrets out of everything that is published, logged or shown. Own code:
 * libraries for it hide named keys of objects, or guess by the look of a text; here the values are
 * known, and every place where one stands in free text is hidden, whatever stands around it.
 */
import type { OperatorEnv } from './agent-env.ts';

const SECRET_NAME =
  /(^|_)(API_?)?(KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?)(_|$)|[A-Z](TOKEN|SECRET|PASSWORD|APIKEY)$/i;
/** These name where a secret is kept, not the secret. */
const PLACE_NAME = /_(PATH|FILE|DIR|URL|HOST|NAME)$/i;
/** Shorter values occur in ordinary text by chance. */
const SECRET_LENGTH_MIN = 8;

export const REDACTED = '[redacted]';

/** Replaces every secret value and the user part of every URL. */
export type Redact = (text: string) => string;

/** The values of an environment whose names say that they are secret, longest first. */
export function secretsOf(env: OperatorEnv): readonly string[] {
  const values = Object.entries(env).flatMap(([name, value]) =>
    SECRET_NAME.test(name) &&
    !PLACE_NAME.test(name) &&
    value !== undefined &&
    value.length >= SECRET_LENGTH_MIN
      ? [value]
      : [],
  );
  return [
    ...new Set(
      values.flatMap((value) => [
        value,
        encodeURIComponent(value),
        JSON.stringify(value).slice(1, -1),
      ]),
    ),
  ].sort((a, b) => b.length - a.length);
}

/** No slash is in it, so no part of a text is looked at twice. */
const USERINFO = /:\/\/[^\s/?#"<>`]+@/g;

/** Forms that only credentials have, each with what is fixed of it first. */
const CREDENTIALS = [
  /\b(?:gh[pousr]_|github_pat_|glpat-|sk-|npm_|xox[abeoprs]-|AIza|hf_|pypi-)[\w-]{20,255}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /(?<![\w.-])eyJ[\w-]{8,4000}(?:\.[\w-]{8,4000}){2}/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,20000}/g,
];

/** Also hides what looks like a credential: for text that goes out before its author is done. */
export function hideCredentials(redact: Redact): Redact {
  return (text) =>
    CREDENTIALS.reduce((rest, form) => rest.replaceAll(form, REDACTED), redact(text));
}

/** A redactor for the given secrets. */
export function createRedactor(secrets: readonly string[]): Redact {
  return (text) =>
    secrets
      .reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text)
      .replace(USERINFO, `://${REDACTED}@`);
}
