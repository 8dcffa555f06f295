import * as z from 'zod';

/** `metrics` of `node.yaml`: at which port they are served over TLS, and for whom. */
export const metricsSettingsSchema = z.strictObject({
  /** Of TCP, on all addresses. */
  port: z.number().int().min(1024).max(65_535),
  /** What a caller shows in `Authorization: Bearer …`. */
  token: z.string().regex(/^[\w.~+/-]{32,256}=*$/, 'is not 32 to 256 letters and digits'),
});

export type MetricsSettings = z.infer<typeof metricsSettingsSchema>;
