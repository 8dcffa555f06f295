/** A file of Alpine's security database. */
export const SECDB = {
  distroversion: 'v3.24',
  reponame: 'main',
  urlprefix: 'https://alpine.example',
  apkurl: '{{urlprefix}}/{{distroversion}}/{{reponame}}/{{arch}}/{{pkg.name}}-{{pkg.ver}}.apk',
  archs: ['x86_64', 'aarch64'],
  packages: [
    {
      pkg: {
        name: 'openssl',
        secfixes: {
          '3.5.4-r0': ['CVE-2026-1000', 'CVE-2026-1001 GHSA-aaaa-bbbb-1234'],
          '3.5.5-r0': ['CVE-2026-1001 (+ regression fix)'],
          '0': ['CVE-2025-9999'],
        },
      },
    },
    {
      pkg: {
        name: 'util-linux',
        secfixes: { '2.41.r2': ['CVE-2026-2000'], 'see upstream': ['CVE-2026-2001'], '1-r0': null },
      },
    },
  ],
};

/** The JSON of Debian's security tracker. */
export const TRACKER = {
  openssl: {
    'CVE-2026-1000': {
      description: 'Mended in an update',
      scope: 'remote',
      releases: {
        trixie: {
          status: 'resolved',
          repositories: { trixie: '3.5.1-1', 'trixie-security': '3.5.1-1+deb13u1' },
          fixed_version: '3.5.1-1+deb13u1',
          urgency: 'not yet assigned',
        },
        sid: { status: 'open', repositories: { sid: '3.6.0-1' }, urgency: 'high' },
      },
    },
    'CVE-2026-1001': {
      releases: { trixie: { status: 'open', urgency: 'low', nodsa: 'Minor issue' } },
    },
    'CVE-2026-1002': {
      releases: { trixie: { status: 'resolved', fixed_version: '0', urgency: 'medium' } },
    },
    'CVE-2026-1003': { releases: { trixie: { status: 'open', urgency: 'unimportant' } } },
    'CVE-2026-1004': { releases: { trixie: { status: 'undetermined', urgency: 'medium' } } },
    'TEMP-0000000-ABCDEF': { releases: { sid: { status: 'open', urgency: 'low' } } },
  },
  lvm2: {
    'CVE-2026-3000': {
      releases: { trixie: { status: 'resolved', fixed_version: '2.03.32-1', urgency: 'high' } },
    },
  },
  linux: {
    'CVE-2026-4000': {
      releases: { trixie: { status: 'resolved', fixed_version: '6.12.119-1', urgency: 'high' } },
    },
    'CVE-2026-4001': {
      releases: { trixie: { status: 'resolved', fixed_version: '6.12.118-1', urgency: 'high' } },
    },
  },
};
