/** Said before anything runs without a sandbox. */
export const unsafeWarning =
  "WARNING: --unsafe-no-sandbox: generated code is built and run with your rights. It can read and change your files, use the network " +
  "and leave processes behind.";

/** Said again with the outcome. */
export const unsafeRemark = "WITHOUT A SANDBOX (--unsafe-no-sandbox): nothing held this code in, or kept it from what judges it.";

/** What a certificate's own words on its sandbox are worth saying; empty where it had one. */
export function sandboxReservation(sandbox: unknown): string {
  const kind = (sandbox as { kind?: unknown } | null)?.kind;
  return kind === "bubblewrap" ? "" : " But it was judged WITHOUT A SANDBOX (--unsafe-no-sandbox).";
}
