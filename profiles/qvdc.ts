import { defineProfile } from '../build/profile/define.ts';
import { groups, users } from './shared/accounts.ts';
import * as alpine from './shared/alpine.ts';
import { cmdline, initramfs, kernel, runlevels } from './shared/boot.ts';
import * as debian from './shared/debian.ts';
import { names } from './shared/names.ts';

const NOLOGIN = '/usr/sbin/nologin';

/**
 * PostgreSQL's programs that are linked into `/usr/bin`. On Alpine a script of `postgresql-common` would create these
 * links; Debian has wrappers in Perl instead.
 */
const POSTGRESQL = [
  ...['createdb', 'createuser', 'dropdb', 'dropuser', 'initdb', 'pg_ctl', 'pg_dump', 'pg_dumpall'],
  ...['pg_isready', 'pg_restore', 'postgres', 'psql', 'vacuumdb'],
];

/** Links to these programs in `/usr/bin`. */
function postgresqlLinks(folder: string): Record<string, string> {
  return Object.fromEntries(POSTGRESQL.map((name) => [`/usr/bin/${name}`, `${folder}/${name}`]));
}

/** QvDC: the control plane for many hosts. */
export default defineProfile({
  name: 'qvdc',
  title: 'QvDC',
  volumeId: 'QVDC',
  labelPrefix: 'QVDC',
  ...names,
  hostname: 'qvdc',
  bases: {
    debian: {
      suite: debian.suite,
      components: debian.components,
      busybox: debian.busybox,
      packages: [
        ...debian.system,
        ...debian.network,
        ...debian.storage,
        ...debian.bootLoader,
        ...debian.hardware,
        'etcd-client',
        'etcd-server',
        'postgresql-17',
        'redis-server',
      ],
      without: {
        ...debian.without,
        'libjson-perl': 'nothing on the appliance runs Perl',
        libllvm19:
          'only PostgreSQL’s just-in-time compiler needs it; 22 MB for queries we do not have',
        locales: 'databases are made with the C locale',
        'postgresql-client-common': 'wrappers in Perl; the programs themselves are called',
        'postgresql-common': 'wrappers in Perl; the programs themselves are called',
        'ssl-cert': 'certificates are the control plane’s own',
      },
      drop: {
        ...debian.drop,
        '/usr/lib/postgresql/17/lib/bitcode': 'for the just-in-time compiler, which is left out',
        '/usr/lib/postgresql/17/lib/llvmjit.so': 'needs LLVM, which is left out',
        '/usr/lib/postgresql/17/lib/llvmjit_types.bc':
          'for the just-in-time compiler, which is left out',
      },
      links: { ...debian.links, ...postgresqlLinks('/usr/lib/postgresql/17/bin') },
      accept: {},
      overlays: ['debian'],
      architectures: debian.architectures,
    },
    alpine: {
      ...alpine.source,
      packages: [
        ...alpine.system,
        ...alpine.network,
        ...alpine.storage,
        ...alpine.bootLoader,
        ...alpine.hardware,
        'etcd',
        'etcd-ctl',
        'postgresql18',
        'postgresql18-contrib',
        'redis',
      ],
      scripts: {
        ...alpine.scripts,
        etcd: { reason: 'makes accounts, which the profile declares' },
        'postgresql-common': {
          reason: 'links the programs into the path; the profile has these links',
        },
        postgresql18: { reason: 'says how to make a database, which the control plane does' },
        redis: {
          reason: 'makes accounts, which the profile declares, and gives them their folders',
        },
      },
      without: {},
      drop: alpine.drop,
      links: {
        ...alpine.links,
        '/usr/libexec/postgresql': 'postgresql18',
        ...postgresqlLinks('/usr/libexec/postgresql'),
      },
      accept: {},
      overlays: [],
      architectures: alpine.architectures,
    },
  },
  memory: 512,
  accounts: {
    groups: { ...groups, postgres: 120, etcd: 121, redis: 122, quantix: 123 },
    users: {
      ...users,
      postgres: {
        uid: 120,
        group: 'postgres',
        comment: 'PostgreSQL',
        home: '/var/lib/postgresql',
        shell: '/bin/sh',
      },
      etcd: { uid: 121, group: 'etcd', comment: 'etcd', home: '/var/lib/etcd', shell: NOLOGIN },
      redis: { uid: 122, group: 'redis', comment: 'Redis', home: '/var/lib/redis', shell: NOLOGIN },
      quantix: {
        uid: 123,
        group: 'quantix',
        member: ['postgres', 'redis'],
        comment: 'Control plane',
        home: '/run/quantix-vdc',
        shell: NOLOGIN,
      },
    },
  },
  runlevels: {
    ...runlevels,
    default: ['dbus', 'postgresql', 'etcd', 'redis', 'qx-controlplane'],
  },
  programs: ['qx-disk', 'qx-dcui', 'qx-controlplane', 'qx-install', 'qx-support', 'qx-update'],
  overlays: ['common', 'qvdc'],
  cmdline,
  kernel,
  initramfs,
  setuid: {},
});
