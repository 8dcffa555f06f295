import * as z from 'zod';

const time = z.iso.datetime();

export const USER_ROLES = ['admin', 'operator', 'viewer'] as const;
export type UserRole = (typeof USER_ROLES)[number];

/** An account of a person. Times are ISO 8601, in UTC. */
export const userSchema = z.object({
  id: z.guid(),
  username: z.string(),
  email: z.string().nullable(),
  role: z.enum(USER_ROLES),
  enabled: z.boolean(),
  /** Until the password is changed, the account can do nothing else. */
  mustChangePassword: z.boolean(),
  lastLogin: time.nullable(),
  createdAt: time,
});
export type User = z.output<typeof userSchema>;
export const usersSchema = z.object({ users: z.array(userSchema) });

/** An account with its first password, which is shown only once and must be changed at the first log-in. */
export const issuedUserSchema = z.object({ ...userSchema.shape, password: z.string() });
export type IssuedUser = z.output<typeof issuedUserSchema>;

/** Where people log in for the first time, and whether anybody has logged in yet. */
export const firstLogInSchema = z.object({
  /** Whether nobody has ever logged in: only then is there a first password. */
  open: z.boolean(),
  /** The port for people and the SHA-256 of its certificate, in hexadecimal; `null` while people are not served. */
  people: z.object({ port: z.int(), fingerprint: z.hex() }).nullable(),
});
export type FirstLogIn = z.output<typeof firstLogInSchema>;

export const username = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@-]{0,254}$/, 'is not a valid account name');

/** Request for an account, on the control plane's own machine. */
export const userRequestSchema = z.strictObject({
  /** For the audit log. */
  by: z.string().min(1).max(100),
  username,
  role: z.enum(USER_ROLES),
});
export type UserRequest = z.output<typeof userRequestSchema>;
