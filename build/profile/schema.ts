import { z } from 'zod';
import { ARCHITECTURE_NAMES } from '../architecture.ts';
import type { BaseName } from '../bases.ts';

/**
 * Name of a package, optionally with `@` and the tag of a repository. Capitals occur in Alpine, as in `R`. Whether the
 * package exists is checked against the base's index.
 */
export const packageName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9+._-]*(@[a-z]+)?$/,
    'is not a package name (letters, digits, + . _ -)',
  );
const reason = z.string().min(10, 'needs a reason of at least 10 characters');
/** A kernel parameter that is written to `grub.cfg` without quotes. */
export const kernelParameter = z
  .string()
  .regex(/^[\w./:=,+@%-]+$/, 'must be one word of letters, digits and . / : = , + @ % - _');

const treePath = z
  .string()
  .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/, 'is not an absolute path without //, . and ..');
const id = z.int().min(0).max(65_534);
const serviceName = z.string().regex(/^[a-z][a-z0-9_-]*$/, 'is not a service name');
/** A folder of the project's `overlay/`, or a path relative to the profile. */
const overlayName = z
  .string()
  .regex(
    /^(?:[a-z][a-z0-9-]*|\.{1,2}\/[^\0]*[^/\0])$/,
    'is neither a folder of overlay/ nor a path that begins with ./ or ../',
  );
const accountName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'is not an account name');
const programName = z.string().regex(/^[a-z][a-z0-9-]*$/, 'is not the name of a program');

/** A name that is used in paths, in kernel parameters and, in upper case, in names of variables. */
const ownName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 lower case letters, digits and -');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex');

const moduleName = z.string().regex(/^[A-Za-z0-9_-]+$/, 'is not a kernel module name');

/** A path in the kernel's source tree, where `*` stands for any characters except `/`. */
const sourcePath = z
  .string()
  .regex(/^[\w*-]+(?:\/[\w*-]+)*$/, 'is not a path in the kernel’s source, such as drivers/media');

/** Drivers that an image must have, by kind of machine. */
const machineDrivers = z.record(
  z.string().min(1),
  z.strictObject({
    /** Drivers needed to find the boot medium: they are in the initramfs and in the root filesystem. */
    medium: z.array(moduleName),
    /** Drivers that only the root filesystem has. */
    system: z.array(moduleName),
  }),
);

/**
 * Kernel package per flavour: `virt` is small and for virtual machines, `full` supports real hardware. An appliance may
 * have only one of them.
 */
const kernelPackages = z
  .strictObject({ virt: packageName.optional(), full: packageName.optional() })
  .refine((kernel) => Object.keys(kernel).length > 0, 'names no kernel');

/** What images of one flavour have in addition. */
const flavourAdditions = z.strictObject({
  packages: z.array(packageName).default([]),
});

const address = z
  .string()
  .regex(
    /^(?:https?|file):\/\/\S*[^\s/]$/,
    'is not an address (http, https or file) without / at its end',
  );

/** A Node archive as published on nodejs.org: a `.tar.gz` with `<folder>/bin/node`. */
const nodeArchive = z.strictObject({
  /** `24.19.0`; programs start faster if the toolchain's Node has the same version. */
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'is not a version such as 26.10.0'),
  url: address,
  /** Size in bytes. */
  size: z.int().positive(),
  sha256,
});

/** A base's settings for one architecture, in addition to the common ones. */
const specific = {
  /** Kernel package per flavour. */
  kernel: kernelPackages,
  /** Packages with GRUB modules, from which the boot loaders of the image and of installed disks are made. */
  grub: z.array(packageName).min(1),
  /**
   * Packages with shim and a GRUB that are signed for Secure Boot. If given, UEFI boots these and not a GRUB built from
   * modules. The kernel must be signed with a key that shim trusts. Empty for bases that sign nothing.
   */
  signed: z.array(packageName).default([]),
  packages: z.array(packageName).default([]),
  without: z.record(packageName, reason).default({}),
  drop: z.record(treePath, reason).default({}),
  /** The Node that `programs` run on. If absent: npm's Node, or the base's if npm's needs a different C library. */
  node: nodeArchive.optional(),
};

const forArchitectures = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.partialRecord(z.enum(ARCHITECTURE_NAMES), z.strictObject(shape));

/** Result of a review of a package's scripts. */
const scriptReview = z.strictObject({
  /** Why it is correct not to run them. */
  reason,
  /** SHA-256 of the reviewed text, per script. A script with a different text, or not listed here, is unreviewed. */
  sha256: z.partialRecord(z.enum(['pre-install', 'post-install', 'trigger']), sha256).default({}),
});

/** Location and version of a Node archive. */
export type NodeArchive = z.input<typeof nodeArchive>;

const common = {
  /** Packages that the appliance asks for; their dependencies are added. */
  packages: z.array(packageName).min(1),
  /** What images of one kernel flavour have in addition: `{ full: { packages: [...] } }`. */
  flavours: z
    .strictObject({ virt: flavourAdditions.optional(), full: flavourAdditions.optional() })
    .default({}),
  /** Package with the statically linked busybox of the initramfs. */
  busybox: packageName,
  /** Packages left out although others depend on them, each with the reason. */
  without: z.record(packageName, reason).default({}),
  /**
   * Paths in packages that are left out of the image, each with the reason. A path includes everything below it; `*`
   * stands for any characters except `/`.
   */
  drop: z.record(treePath, reason).default({}),
  /** Links that package scripts would create (alternatives and the like): path → target. */
  links: z.record(treePath, z.string().min(1)).default({}),
  /** Findings of the audit to accept: path → reason. Paths are written as in `drop`. */
  accept: z.record(treePath, reason).default({}),
  /** Overlays for this base only, applied after the common ones. */
  overlays: z.array(overlayName).default([]),
};

const debian = z.strictObject({
  suite: z.string().regex(/^[a-z]+$/, 'is not a Debian suite name such as trixie'),
  components: z.array(z.enum(['main', 'contrib', 'non-free', 'non-free-firmware'])).min(1),
  ...common,
  /** Architectures that this base supports for the appliance, and the settings that differ between them. */
  architectures: forArchitectures(specific),
});

const alpine = z.strictObject({
  /** Branch: `v3.24`. */
  release: z.string().regex(/^(?:v\d+\.\d+|edge)$/, 'is not an Alpine branch such as v3.24'),
  /** Repositories of the branch, in apk's order of preference. */
  repositories: z.array(z.enum(['main', 'community', 'testing'])).min(1),
  /** Addresses of mirrors, best first; a repository is at `<mirror>/<release>/<repository>`. */
  mirrors: z.array(address).min(1),
  /** Packages whose scripts apk would run when installing into an empty root → the review of those scripts. */
  scripts: z.record(packageName, scriptReview).default({}),
  ...common,
  /** Architectures that this base supports for the appliance, and the settings that differ between them. */
  architectures: forArchitectures({
    ...specific,
    /** Trusted signing keys: file name → PEM. */
    keys: z.record(
      z.string().regex(/^[\w@.+-]+\.rsa\.pub$/, 'is not the name of a key (NAME.rsa.pub)'),
      z.string().startsWith('-----BEGIN PUBLIC KEY-----'),
    ),
  }),
});

const owner = {
  /** Name of an account. The group defaults to the account's own. */
  user: accountName.default('root'),
  group: accountName.optional(),
};
const mode = z.int().min(0).max(0o7777, 'is not a mode such as 0o755');
const hostPath = z
  .string()
  .regex(/^\.{1,2}\/[^\0]*[^/\0]$/, 'is not a path that begins with ./ or ../');

/** An entry at a path of the image. */
const pathEntry = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('file'),
    text: z.string(),
    mode: mode.default(0o644),
    ...owner,
  }),
  /** A copy of a host file; its path is relative to the profile. */
  z.strictObject({ type: z.literal('copy'), of: hostPath, mode: mode.default(0o644), ...owner }),
  z.strictObject({ type: z.literal('directory'), mode: mode.default(0o755), ...owner }),
  z.strictObject({ type: z.literal('symlink'), target: z.string().min(1) }),
]);

const accounts = z.strictObject({
  /** Group name → fixed gid. */
  groups: z.record(accountName, id),
  /** User name → fixed ids and the other fields of `/etc/passwd`. Every user's group must be listed in `groups`. */
  users: z.record(
    accountName,
    z.strictObject({
      uid: id,
      group: accountName,
      comment: z.string().regex(/^[^:\n]*$/, 'must not contain a colon'),
      home: treePath,
      shell: treePath,
      /** Supplementary groups. */
      member: z.array(accountName).default([]),
    }),
  ),
});

/**
 * Schema of a profile, which describes an appliance. Every key is checked when the profile is loaded, and a mistake is
 * reported with the path of the key.
 */
export const profileSchema = z.strictObject({
  /** Name of the appliance in file names: `hello`. */
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be lower case letters, digits and -'),
  /** Name shown to people: `Hello`. */
  title: z.string().min(1),
  /** Volume id of the ISO (ECMA-119: at most 32 of A-Z 0-9 _; here `-` is accepted too). */
  volumeId: z.string().regex(/^[A-Z0-9_-]{1,32}$/, 'must be 1 to 32 of A-Z 0-9 _ -'),
  /** Prefix of the appliance's partition labels: `HELLO` gives `HELLO-CFG`. */
  labelPrefix: z
    .string()
    .regex(/^[A-Z]{1,7}$/, 'must be 1 to 7 of A-Z (labels have at most 12 characters)'),
  /**
   * Namespace of the appliance: `hello` gives the kernel parameter `hello.debug`, the folder `/hello` of the medium and
   * of the configuration, `/run/hello`, and `hello: …` before the messages of the boot. The profile's name if absent.
   */
  namespace: ownName.optional(),
  /**
   * Prefix of the names of `programs`, and name of the single executable that contains them all: `hello` gives
   * `hello-…`, made from `apps/hello.ts`. The namespace if absent.
   */
  programPrefix: ownName.optional(),
  /** Host name until one is configured. */
  hostname: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'is not a host name'),
  /** Settings for each base that the appliance can be built from; at least one. */
  bases: z
    .strictObject({
      debian: debian.optional(),
      alpine: alpine.optional(),
    } satisfies Record<BaseName, z.ZodType>)
    .refine((bases) => Object.keys(bases).length > 0, 'names no base'),
  /** MiB of memory that a machine needs; with less, the initramfs prints a message and stops. */
  memory: z.int().min(64),
  accounts,
  /** OpenRC services per runlevel. */
  runlevels: z.strictObject({
    sysinit: z.array(serviceName).default([]),
    boot: z.array(serviceName).default([]),
    default: z.array(serviceName).default([]),
    shutdown: z.array(serviceName).default([]),
  }),
  /** Programs from `apps/` to include, by their names in `apps/programs.ts`; each is installed in `/usr/sbin`. */
  programs: z.array(programName).default([]),
  /** Overlays in the order in which they are applied; a file of a later one replaces that of an earlier one. */
  overlays: z.array(overlayName).default([]),
  /**
   * Files, links and directories: image path → entry. They are applied after the overlays, and can have an owner, which
   * files of overlays cannot.
   */
  paths: z.record(treePath, pathEntry).default({}),
  /** Kernel parameters in addition to those that locate the medium and name the consoles. */
  cmdline: z.array(kernelParameter).default([]),
  kernel: z.strictObject({
    drivers: z.strictObject({
      virt: machineDrivers.default({}),
      full: machineDrivers.default({}),
      /** Drivers that an architecture's kernels do not have, each with the reason. */
      without: z
        .partialRecord(z.enum(ARCHITECTURE_NAMES), z.record(moduleName, reason))
        .default({}),
    }),
    /**
     * Modules left out of the image, each with the reason. A path includes everything below it. The modules in
     * `drivers` stay, and so do the dependencies of every module that stays.
     */
    drop: z.record(sourcePath, reason).default({}),
  }),
  initramfs: z.strictObject({
    /** Kernel modules that the initramfs loads before it looks for the medium. Their dependencies are added. */
    modules: z.array(moduleName).min(1),
  }),
  /** Set-uid and set-gid files allowed in the image, each with the reason. */
  setuid: z.record(treePath, reason).default({}),
});

/** A profile as its author writes it, with optional keys omitted. */
export type ProfileInput = z.input<typeof profileSchema>;

/** A checked profile, for all architectures. */
export type CheckedProfile = z.output<typeof profileSchema>;
