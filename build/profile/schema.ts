import { z } from 'zod';
import { ARCHITECTURE_NAMES } from '../architecture.ts';
import type { BaseName } from '../bases.ts';

/** Alpine has names with capitals, such as `R`; which names a base has is for its index to say. */
const packageName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9+._-]*(@[a-z]+)?$/,
    'is not a package name (letters, digits, + . _ -)',
  );
const reason = z.string().min(10, 'needs a reason of at least 10 characters');
const treePath = z
  .string()
  .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/, 'is not an absolute path without //, . and ..');
const id = z.int().min(0).max(65_534);
const serviceName = z.string().regex(/^[a-z][a-z0-9_-]*$/, 'is not a service name');
/** A folder of the project's `overlay/`, or one of its own: a path from where the profile is. */
const overlayName = z
  .string()
  .regex(
    /^(?:[a-z][a-z0-9-]*|\.{1,2}\/[^\0]*[^/\0])$/,
    'is neither a folder of overlay/ nor a path that begins with ./ or ../',
  );
const accountName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'is not an account name');
const programName = z.string().regex(/^qx-[a-z][a-z0-9-]*$/, 'is not the name of a program (qx-…)');

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256 in hex');

const moduleName = z.string().regex(/^[A-Za-z0-9_-]+$/, 'is not a kernel module name');

/** A path in the kernel's source, where `*` stands for any characters but `/`. */
const sourcePath = z
  .string()
  .regex(/^[\w*-]+(?:\/[\w*-]+)*$/, 'is not a path in the kernel’s source, such as drivers/media');

/** Drivers that an image must have, by the kind of machine that needs them. */
const machineDrivers = z.record(
  z.string().min(1),
  z.strictObject({
    /** Those that find the medium: they are in the initramfs and in the root filesystem. */
    medium: z.array(moduleName),
    /** Those that the root filesystem has besides. */
    system: z.array(moduleName),
  }),
);

/**
 * Kernel package of each flavour that there is: `virt` is small and for virtual machines, `full` drives real hardware. An
 * appliance may have one of them.
 */
const kernelPackages = z
  .strictObject({ virt: packageName.optional(), full: packageName.optional() })
  .refine((kernel) => Object.keys(kernel).length > 0, 'names no kernel');

/** What images of one flavour have besides. */
const flavourAdditions = z.strictObject({
  packages: z.array(packageName).default([]),
});

const address = z
  .string()
  .regex(
    /^(?:https?|file):\/\/\S*[^\s/]$/,
    'is not an address (http, https or file) without / at its end',
  );

/** An archive of Node as nodejs.org has them: a `.tar.gz` with `<folder>/bin/node`. */
const nodeArchive = z.strictObject({
  /** `24.19.0`; with the toolchain's own version programs start faster. */
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'is not a version such as 26.10.0'),
  url: address,
  /** Bytes. */
  size: z.int().positive(),
  sha256,
});

/** What an appliance takes from a base for one architecture only, in addition to what it takes for all. */
const specific = {
  /** Package of the kernel, per flavour. */
  kernel: kernelPackages,
  /** Packages with the modules of GRUB: of these the boot loader of the image is made, and the installer's. */
  grub: z.array(packageName).min(1),
  /**
   * Packages with shim and a GRUB that are signed for Secure Boot: with these UEFI boots by them, and not by a GRUB that is
   * made of modules. The kernel must be signed by whom shim believes. Bases that sign nothing have none.
   */
  signed: z.array(packageName).default([]),
  packages: z.array(packageName).default([]),
  without: z.record(packageName, reason).default({}),
  drop: z.record(treePath, reason).default({}),
  /** The Node that `programs` run on; without it, that of npm or, where its C library is not the base's, the base's. */
  node: nodeArchive.optional(),
};

const forArchitectures = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.partialRecord(z.enum(ARCHITECTURE_NAMES), z.strictObject(shape));

/** What somebody who looked at a package's scripts found. */
const scriptReview = z.strictObject({
  /** Why it is right that these are not run. */
  reason,
  /** SHA-256 of the text that was looked at, per script. One with another text, or not named here, is unreviewed. */
  sha256: z.partialRecord(z.enum(['pre-install', 'post-install', 'trigger']), sha256).default({}),
});

/** Where a Node is, and which one it is. */
export type NodeArchive = z.input<typeof nodeArchive>;

const common = {
  /** Packages that the appliance asks for; what they depend on comes with them. */
  packages: z.array(packageName).min(1),
  /** What images of one kernel flavour have besides: `{ full: { packages: [...] } }`. */
  flavours: z
    .strictObject({ virt: flavourAdditions.optional(), full: flavourAdditions.optional() })
    .default({}),
  /** Package with the statically linked busybox that runs the initramfs. */
  busybox: packageName,
  /** Packages left out although others depend on them, each with the reason. */
  without: z.record(packageName, reason).default({}),
  /**
   * Paths of packages that stay out of the image, each with the reason. A path names itself and all below it;
   * `*` stands for any characters but `/`.
   */
  drop: z.record(treePath, reason).default({}),
  /** Links a package script would have made (alternatives and the like): path → target. */
  links: z.record(treePath, z.string().min(1)).default({}),
  /** Findings of the audit that are right as they are: path → reason. Paths as in `drop`. */
  accept: z.record(treePath, reason).default({}),
  /** Folders injected for this base only, after the common ones. */
  overlays: z.array(overlayName).default([]),
};

const debian = z.strictObject({
  suite: z.string().regex(/^[a-z]+$/, 'is not a Debian suite name such as trixie'),
  components: z.array(z.enum(['main', 'contrib', 'non-free', 'non-free-firmware'])).min(1),
  ...common,
  /** The architectures that the appliance is built for from this base, and what differs between them. */
  architectures: forArchitectures(specific),
});

const alpine = z.strictObject({
  /** Branch: `v3.24`. */
  release: z.string().regex(/^(?:v\d+\.\d+|edge)$/, 'is not an Alpine branch such as v3.24'),
  /** Repositories of the branch, in apk's order. */
  repositories: z.array(z.enum(['main', 'community', 'testing'])).min(1),
  /** Addresses of mirrors, best first; a repository is at `<mirror>/<release>/<repository>`. */
  mirrors: z.array(address).min(1),
  /** Packages with scripts that apk would run where they come into an empty root → what a look at these showed. */
  scripts: z.record(packageName, scriptReview).default({}),
  ...common,
  /** The architectures that the appliance is built for from this base, and what differs between them. */
  architectures: forArchitectures({
    ...specific,
    /** Keys whose signatures are believed: file name → PEM. */
    keys: z.record(
      z.string().regex(/^[\w@.+-]+\.rsa\.pub$/, 'is not the name of a key (NAME.rsa.pub)'),
      z.string().startsWith('-----BEGIN PUBLIC KEY-----'),
    ),
  }),
});

const owner = {
  /** Name of an account; without `group`, its group. */
  user: accountName.default('root'),
  group: accountName.optional(),
};
const mode = z.int().min(0).max(0o7777, 'is not a mode such as 0o755');
const hostPath = z
  .string()
  .regex(/^\.{1,2}\/[^\0]*[^/\0]$/, 'is not a path that begins with ./ or ../');

/** Something at a path of the image. */
const pathEntry = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('file'),
    text: z.string(),
    mode: mode.default(0o644),
    ...owner,
  }),
  /** A file of the host, by its path from where the profile is. */
  z.strictObject({ type: z.literal('copy'), of: hostPath, mode: mode.default(0o644), ...owner }),
  z.strictObject({ type: z.literal('directory'), mode: mode.default(0o755), ...owner }),
  z.strictObject({ type: z.literal('symlink'), target: z.string().min(1) }),
]);

const accounts = z.strictObject({
  /** Group name → fixed gid. */
  groups: z.record(accountName, id),
  /** User name → fixed ids and what else `/etc/passwd` holds. Every user's group must be among the groups. */
  users: z.record(
    accountName,
    z.strictObject({
      uid: id,
      group: accountName,
      comment: z.string().regex(/^[^:\n]*$/, 'must not contain a colon'),
      home: treePath,
      shell: treePath,
      /** Further groups. */
      member: z.array(accountName).default([]),
    }),
  ),
});

/**
 * One appliance. Read by `defineProfile`; every key is checked when the profile is loaded,
 * and a mistake is reported with the path of the key.
 */
export const profileSchema = z.strictObject({
  /** Name in file names: `quantix-os`. */
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be lower case letters, digits and -'),
  /** Name for people: `Quantix-OS`. */
  title: z.string().min(1),
  /** Volume id of the ISO (ECMA-119: at most 32 of A-Z 0-9 _; we also use -). */
  volumeId: z.string().regex(/^[A-Z0-9_-]{1,32}$/, 'must be 1 to 32 of A-Z 0-9 _ -'),
  /** Start of the labels of the appliance's partitions: `QUANTIX` gives `QUANTIX-CFG`. */
  labelPrefix: z
    .string()
    .regex(/^[A-Z]{1,7}$/, 'must be 1 to 7 of A-Z (labels have at most 12 characters)'),
  /** Host name until one is configured. */
  hostname: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'is not a host name'),
  /** What it takes from each base that it can be built from; at least one. */
  bases: z
    .strictObject({
      debian: debian.optional(),
      alpine: alpine.optional(),
    } satisfies Record<BaseName, z.ZodType>)
    .refine((bases) => Object.keys(bases).length > 0, 'names no base'),
  /** MiB of memory that a machine must have to run it; with less the initramfs says so and goes no further. */
  memory: z.int().min(64),
  accounts,
  /** OpenRC services per runlevel. */
  runlevels: z.strictObject({
    sysinit: z.array(serviceName).default([]),
    boot: z.array(serviceName).default([]),
    default: z.array(serviceName).default([]),
    shutdown: z.array(serviceName).default([]),
  }),
  /** Programs of `apps/` that the appliance has, by the names in `apps/programs.ts`; each is in `/usr/sbin`. */
  programs: z.array(programName).default([]),
  /** Folders injected in this order; a later one wins. */
  overlays: z.array(overlayName).default([]),
  /** Files, links and directories, each at its path in the image, over the overlays: what these cannot say of them. */
  paths: z.record(treePath, pathEntry).default({}),
  /** Kernel parameters besides those that find the medium and that name the consoles. */
  cmdline: z
    .array(z.string().regex(/^[^\s"'$\\]+$/, 'must be one word without quotes'))
    .default([]),
  kernel: z.strictObject({
    drivers: z.strictObject({
      virt: machineDrivers.default({}),
      full: machineDrivers.default({}),
      /** Drivers that the kernels of an architecture do not have, each with the reason. */
      without: z
        .partialRecord(z.enum(ARCHITECTURE_NAMES), z.record(moduleName, reason))
        .default({}),
    }),
    /**
     * Modules that stay out of the image, each with the reason. A path names itself and all below it. Drivers named
     * above stay, and so does what any module that stays needs.
     */
    drop: z.record(sourcePath, reason).default({}),
  }),
  initramfs: z.strictObject({
    /** Kernel modules that the initramfs loads before it looks for the medium. What they depend on comes with them. */
    modules: z.array(moduleName).min(1),
  }),
  /** Set-uid and set-gid files allowed in the image, each with the reason. */
  setuid: z.record(treePath, reason).default({}),
});

/** A profile as its author writes it, with optional keys left out. */
export type ProfileInput = z.input<typeof profileSchema>;

/** A profile that was checked, for all architectures. */
export type CheckedProfile = z.output<typeof profileSchema>;
