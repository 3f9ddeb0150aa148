const choices = ["system", "light", "dark"] as const;
type Theme = (typeof choices)[number];
const kept = "forge-theme";

export function currentTheme(): Theme {
  try {
    return choices.find((choice) => choice === localStorage.getItem(kept)) ?? "system";
  } catch {
    return "system"; // A report opened from disk may have no storage.
  }
}

export function applyTheme(theme: Theme = currentTheme()): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function nextTheme(): Theme {
  const next = choices[(choices.indexOf(currentTheme()) + 1) % choices.length]!;
  try {
    localStorage.setItem(kept, next);
  } catch {
    // It holds until the page is left.
  }
  applyTheme(next);
  return next;
}
