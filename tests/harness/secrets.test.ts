import { describe, expect, it } from "vitest";
import { environmentSecrets, redactEvent } from "../../harness/secrets.js";
import type { EventBody } from "../../specs/contracts/event.js";

const secret = "correct-horse-battery";

describe("secrets of the environment", () => {
  it.each(["OPENAI_API_KEY", "OPENAI_API_KEY_2", "AWS_SESSION_TOKEN", "client_secret", "PGPASSWORD", "GITHUB_PAT", "DB_PASSWD"])(
    "are the values of %s",
    (name) => {
      expect(environmentSecrets({ [name]: secret })).toEqual([secret]);
    },
  );

  it.each(["PATH", "KEYBOARD", "TOKENIZERS_PARALLELISM", "COMPAT"])("%s is none", (name) => {
    expect(environmentSecrets({ [name]: secret })).toEqual([]);
  });

  it("a short value is none: it would blot out ordinary words", () => {
    expect(environmentSecrets({ MY_TOKEN: "float" })).toEqual([]);
  });
});

describe("an event", () => {
  it("has no secret left in any text of it, however it is quoted", () => {
    const quoted = 'with "quotes" and \\';
    const event: EventBody = {
      type: "tool-called",
      lane: 0,
      call: { id: "1", name: "write", argumentsText: JSON.stringify({ text: `${secret} ${quoted}` }) },
      answer: { id: "1", text: secret, isError: false },
      durationMs: 3,
      changed: { "kernel.c": `// ${secret} ${quoted} sk-ant-0123456789abcdefghij`, gone: null },
    };
    const redacted = redactEvent(event, [secret, quoted]);
    expect(JSON.stringify(redacted)).not.toMatch(/correct-horse|quotes|sk-ant/);
    expect(redacted).toMatchObject({ durationMs: 3, changed: { "kernel.c": "// [redacted] [redacted] [redacted]", gone: null } });
    expect(JSON.parse((redacted as typeof event).call.argumentsText)).toEqual({ text: "[redacted] [redacted]" });
  });
});
