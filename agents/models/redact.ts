const mark = "[redacted]";

/** Shapes of well-known credentials. What looks like none of them is only found when it is given as a secret. */
const shapes = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  // Nothing word-like may stand before a key, so that encrypted reasoning in base64 is left whole.
  /(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{16,}/g,
  /(?<![A-Za-z0-9_])gh[pousr]_[A-Za-z0-9]{20,}/g,
  /(?<![A-Za-z0-9_])github_pat_[A-Za-z0-9_]{20,}/g,
  /(?<![A-Za-z0-9_-])hf_[A-Za-z0-9]{20,}/g,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
];
const bearer = /\b(bearer\s+)[A-Za-z0-9._~+/-]{12,}=*/gi;

/** Shorter ones would blot out ordinary words, and are no secrets. */
const shortestSecret = 6;

/** The text without the given secrets and without anything that has the shape of a well-known credential. */
export function redactSecrets(text: string, secrets: string[]): string {
  let redacted = text;
  // Longest first: one secret may be the beginning of another.
  for (const secret of [...secrets].sort((left, right) => right.length - left.length)) {
    if (secret.length < shortestSecret) continue;
    redacted = redacted.replaceAll(secret, mark);
    const escaped = JSON.stringify(secret).slice(1, -1);
    if (escaped !== secret) redacted = redacted.replaceAll(escaped, mark);
  }
  for (const shape of shapes) redacted = redacted.replace(shape, mark);
  return redacted.replace(bearer, `$1${mark}`);
}
