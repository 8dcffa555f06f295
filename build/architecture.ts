/** A CPU architecture that images are built for, with its name in each tool and project that a build uses. */
export interface Architecture {
  /** Name in the kernel (`uname -m`) and in Alpine. */
  readonly machine: string;
  /** Name in Debian: in apt and in package names. */
  readonly debian: string;
  /** Debian's multiarch directory for libraries, below `/usr/lib`. */
  readonly triplet: string;
  /** Name in Node: `process.arch`, and the end of `node-linux-…` on npm. */
  readonly node: string;
  /** Integrity of the package `node-linux-…` on npm in the version of `LTS_NODE`, as package-lock.json writes it. */
  readonly ltsIntegrity: string;
  /** Program that strips symbols from executables of this architecture. */
  readonly strip: StripProgram;
  /** `e_machine` of its ELF files (gABI, chapter 4). */
  readonly elf: number;
  /**
   * Machine code in hex, one instruction per line, each followed by its assembly. It reads up to 4 KiB from file
   * descriptor 0, calls ioctl(2) on descriptor 3 with the first four bytes as the request number and the bytes from
   * offset 8 on as the argument, and exits with the errno.
   */
  readonly ioctl: string;
  readonly uefi: UefiPlatform;
  /** Absent if machines of this architecture have no BIOS. */
  readonly bios?: BiosPlatform | undefined;
  /** Filter for executables (`-Xbcj` of mksquashfs) that improves compression; absent if squashfs has none. */
  readonly branchFilter?: string;
  /** VMware's guest type for Linux; absent if no images for VMware are made. */
  readonly vmware?: string;
  /** Name of the first serial port in the kernel. */
  readonly serial: string;
  readonly qemu: QemuPlatform;
}

/** How an architecture boots under UEFI. */
export interface UefiPlatform {
  /** GRUB's name of the platform: the folder of its modules and the format of its image. */
  readonly grub: string;
  /** Debian package with these modules. */
  readonly package: string;
  /** GRUB modules that draw on the screen. */
  readonly video: readonly string[];
  /** File that the firmware starts from a removable medium (UEFI 2.10, 3.5.1.1). */
  readonly loader: string;
  /** File names of the programs that Debian signs for Secure Boot: shim, and the GRUB that shim starts by this name. */
  readonly signed: { readonly shim: string; readonly grub: string };
}

/** How an architecture boots under BIOS. */
export interface BiosPlatform {
  /** GRUB's name of the platform: the folder of its modules. */
  readonly grub: string;
  /** Debian package with these modules. */
  readonly package: string;
  /** Format of GRUB's image on a CD. */
  readonly format: string;
}

/** The virtual machine of an architecture in QEMU. */
export interface QemuPlatform {
  readonly program: QemuProgram;
  /** Machine types, the default first. */
  readonly boards: readonly [Board, ...Board[]];
  /** CPU model of a guest without KVM (TCG). */
  readonly translatedCpu: string;
  /** CPU model of an emulated guest (TCG) that can itself use KVM; absent if there is none. */
  readonly nestingCpu?: string;
  /**
   * Arguments for a graphics adapter that firmware and kernel can draw on, and for a keyboard if the machine type has
   * none.
   */
  readonly screen: readonly string[];
  /** Kernel parameter that sends kernel messages to the serial port from the first line on. */
  readonly earlyConsole: string;
  /** UEFI firmware: its code, and the template of its variables; each boot gets a copy of the template. */
  readonly firmware: {
    readonly code: string;
    readonly variables: string;
    /** Debian package with all of these files. */
    readonly package: string;
    /** Firmware with Secure Boot enabled and Microsoft's keys enrolled, and what the machine needs for it. */
    readonly secure: {
      readonly code: string;
      readonly variables: string;
      /** Properties of the machine type, each preceded by a comma. */
      readonly board: string;
      /** Further arguments. */
      readonly arguments: readonly string[];
    };
  };
}

/** QEMU program → Debian package that contains it. */
export const QEMU_PACKAGES = {
  'qemu-system-aarch64': 'qemu-system-arm',
  'qemu-system-x86_64': 'qemu-system-x86',
} as const;

export type QemuProgram = keyof typeof QEMU_PACKAGES;

/** strip(1) for one architecture → Debian package that contains it. */
export const STRIP_PACKAGES = {
  'aarch64-linux-gnu-strip': 'binutils-aarch64-linux-gnu',
  'x86_64-linux-gnu-strip': 'binutils-x86-64-linux-gnu',
} as const;

export type StripProgram = keyof typeof STRIP_PACKAGES;

/** QEMU's machine types: `pc` has IDE, `q35` has AHCI, `virt` has neither. */
export type Board = 'pc' | 'q35' | 'virt,gic-version=max';

/** Names of all architectures, as used in options and file names. */
export const ARCHITECTURE_NAMES = ['x86_64', 'arm64'] as const;

export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

/** Makes a record with one value per architecture. */
export function mapArchitectures<T>(
  make: (name: ArchitectureName) => T,
): Readonly<Record<ArchitectureName, T>> {
  return { x86_64: make('x86_64'), arm64: make('arm64') };
}

/** All architectures that images are built for. */
export const ARCHITECTURES: Readonly<Record<ArchitectureName, Architecture>> = {
  x86_64: {
    machine: 'x86_64',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    node: 'x64',
    ltsIntegrity:
      'sha512-tkBwUleGts0UUnK+6HKJkEsOMFb9bkG/YvXw8/alFTaDSUbneVeAFVqu6ELHXuyvVYP4vo1hNAAEfN9zl0Cm3g==',
    strip: 'x86_64-linux-gnu-strip',
    elf: 62,
    ioctl: `
      4881ec00100000  sub  $4096, %rsp
      31ff            xor  %edi, %edi
      4889e6          mov  %rsp, %rsi
      ba00100000      mov  $4096, %edx
      31c0            xor  %eax, %eax
      0f05            syscall
      bf03000000      mov  $3, %edi
      8b3424          mov  (%rsp), %esi
      488d542408      lea  8(%rsp), %rdx
      b810000000      mov  $16, %eax
      0f05            syscall
      f7d8            neg  %eax
      89c7            mov  %eax, %edi
      b83c000000      mov  $60, %eax
      0f05            syscall`,
    uefi: {
      grub: 'x86_64-efi',
      package: 'grub-efi-amd64-bin',
      video: ['efi_gop', 'efi_uga'],
      loader: 'BOOTX64.EFI',
      signed: { shim: 'shimx64.efi', grub: 'grubx64.efi' },
    },
    bios: { grub: 'i386-pc', package: 'grub-pc-bin', format: 'i386-pc-eltorito' },
    branchFilter: 'x86',
    vmware: 'other3xLinux64Guest',
    serial: 'ttyS0',
    qemu: {
      program: 'qemu-system-x86_64',
      boards: ['q35', 'pc'],
      // TCG's `max` without the features that slow emulation down and that no guest here needs. The CPU identifies
      // itself as an Intel Atom Saltwell: Linux accepts the TSC of this model as its clock (each read of the HPET
      // leaves translated code), and this model needs no mitigations of speculation (cpu_vuln_whitelist in
      // arch/x86/kernel/cpu/common.c), which are slow under TCG.
      translatedCpu:
        'max,-la57,-smap,-smep,-pku,-xsave,-erms,-svm,vendor=GenuineIntel,family=6,model=54,stepping=1',
      // TCG implements AMD's virtualisation only. For an AMD processor this old, Linux leaves out most mitigations.
      nestingCpu:
        'max,-la57,-smap,-smep,-pku,-xsave,-erms,vendor=AuthenticAMD,family=16,model=2,stepping=3',
      screen: ['-vga', 'std'],
      earlyConsole: 'earlyprintk=ttyS0',
      firmware: {
        code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
        variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
        package: 'ovmf',
        secure: {
          code: '/usr/share/OVMF/OVMF_CODE_4M.secboot.fd',
          variables: '/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
          // Only code in system management mode may write the variables.
          board: ',smm=on',
          arguments: ['-global', 'driver=cfi.pflash01,property=secure,value=on'],
        },
      },
    },
  },
  arm64: {
    machine: 'aarch64',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    node: 'arm64',
    ltsIntegrity:
      'sha512-LDOiQuLlruQpQRp0ddfGZurc1xqYSlX3dYk/3shzhQfCb8IgCPwtWf1RMQCGAWGFhZNbhihhSwGeNRHA+V2pTg==',
    strip: 'aarch64-linux-gnu-strip',
    elf: 183,
    ioctl: `
      ff0740d1  sub  sp, sp, #4096
      000080d2  mov  x0, #0
      e1030091  mov  x1, sp
      020082d2  mov  x2, #4096
      e80780d2  mov  x8, #63
      010000d4  svc  #0
      600080d2  mov  x0, #3
      e10340b9  ldr  w1, [sp]
      e2230091  add  x2, sp, #8
      a80380d2  mov  x8, #29
      010000d4  svc  #0
      e003004b  neg  w0, w0
      a80b80d2  mov  x8, #93
      010000d4  svc  #0`,
    uefi: {
      grub: 'arm64-efi',
      package: 'grub-efi-arm64-bin',
      video: ['efi_gop'],
      loader: 'BOOTAA64.EFI',
      signed: { shim: 'shimaa64.efi', grub: 'grubaa64.efi' },
    },
    serial: 'ttyAMA0',
    qemu: {
      program: 'qemu-system-aarch64',
      boards: ['virt,gic-version=max'],
      // QEMU's own pointer authentication algorithm: the architected one takes most of a guest's time under TCG.
      translatedCpu: 'max,pauth-impdef=on',
      screen: ['virtio-gpu-pci', 'qemu-xhci', 'usb-kbd'].flatMap((one) => ['-device', one]),
      earlyConsole: 'earlycon',
      firmware: {
        code: '/usr/share/AAVMF/AAVMF_CODE.fd',
        variables: '/usr/share/AAVMF/AAVMF_VARS.fd',
        package: 'qemu-efi-aarch64',
        secure: {
          code: '/usr/share/AAVMF/AAVMF_CODE.ms.fd',
          variables: '/usr/share/AAVMF/AAVMF_VARS.ms.fd',
          board: '',
          arguments: [],
        },
      },
    },
  },
};

/** The architecture of an image unless another one is asked for; it does not depend on the host. */
export const DEFAULT_ARCHITECTURE: ArchitectureName = 'x86_64';

/** Whether this host can run programs of an architecture. */
export function canRunHere(architecture: Architecture): boolean {
  return process.platform === 'linux' && process.arch === architecture.node;
}
