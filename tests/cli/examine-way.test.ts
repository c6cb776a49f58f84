/** What doctor says of a certificate that git has refused. */
import { expect, it } from 'vitest';
import { judgeCertificate } from '../../src/cli/care/examine-way.ts';
import { formatFix } from '../../src/base/fix.ts';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const named = (CN: string) => ({ C: '', ST: '', L: '', O: '', OU: '', CN });
const GOOD = {
  valid_from: 'Jan  1 00:00:00 2026 GMT',
  valid_to: 'Jan  1 00:00:00 2027 GMT',
  subject: named('git.example'),
  issuer: named('Our CA'),
  subjectaltname: 'DNS:git.example',
};

it.each([
  [{ valid_to: 'Nov 30 00:00:00 2026 GMT' }, 'expired on 2026-11-30', 'renews it'],
  [{ valid_from: 'Dec  2 00:00:00 2026 GMT' }, 'valid only from 2026-12-02', 'date'],
  [{ subjectaltname: 'DNS:h.example' }, 'is for DNS:h.example, and not for git.example', 'name in'],
  [{ issuer: named('git.example') }, 'is self-signed', 'https://git.example:8443/.sslCAInfo'],
  [{}, 'is signed by "Our CA", and git here does not trust it', 'sslCAInfo FILE'],
])('%o: %s', (odd, says, fix) => {
  const found = judgeCertificate({ ...GOOD, ...odd }, 'git.example:8443', NOW);
  expect(found?.says).toContain(says);
  expect(found === null ? '' : formatFix(found.fix)).toContain(fix);
});
