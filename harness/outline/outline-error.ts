/** What is wrong with the framework that is to be recorded, or with the Python that runs it, and what to do. */
export class OutlineError extends Error {
  override name = "OutlineError";
}
