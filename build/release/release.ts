import { z } from 'zod';

/** Fields common to all descriptions of releases. */
export const releaseFields = {
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256, 64 lower-case hex digits'),
  /** Name of the product's profile. */
  product: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  version: z.string().regex(/^\d+\.\d+\.\d+([.-][0-9A-Za-z.-]{1,64})?$/),
  architecture: z.string().regex(/^[a-z0-9_]{1,32}$/),
};

const { sha256, product, version, architecture } = releaseFields;

/** A signed `release.json` of an update tree: describes an image and the hosts that may install it. */
export const releaseSchema = z
  .strictObject({
    format: z.literal(1),
    product,
    version,
    channel: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
    architecture,
    base: z.string().regex(/^[a-z]{1,32}$/),
    buildId: z.string().regex(/^[0-9a-f]{8,64}$/),
    /**
     * Increases with each release of a product and channel; hosts refuse a serial lower than any that they have seen
     * for this product and channel.
     */
    serial: z.int().min(1),
    /** After this release is confirmed, releases with a serial below this number are refused. */
    floor: z.int().min(0),
    /** RFC 3339, UTC. */
    issued: z.iso.datetime(),
    /** RFC 3339, UTC. From then on, the release is refused. */
    expires: z.iso.datetime(),
    /**
     * SHA-256 of the certificate of the key that signed the image's boot files; absent if these are not signed with an
     * owner's key.
     */
    owner: sha256.optional(),
    image: z.strictObject({
      /** Path relative to the root of the update tree: `images/<sha256>.iso`. */
      path: z.string().regex(/^images\/[0-9a-f]{64}\.iso$/),
      bytes: z.int().min(1),
      sha256,
    }),
  })
  .superRefine(({ image, issued, expires, serial, floor }, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (image.path !== `images/${image.sha256}.iso`) {
      refuse(['image', 'path'], 'must be named by the SHA-256 of the image');
    }
    if (Date.parse(expires) <= Date.parse(issued)) {
      refuse(['expires'], 'must be later than issued');
    }
    if (floor > serial) refuse(['floor'], 'must not be above the serial of the release itself');
  });

/** The content of a signed `release.json` of an update tree. */
export type Release = z.infer<typeof releaseSchema>;
