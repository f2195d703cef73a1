/** Owns looking at a page as somebody would who cannot see it well. Each function runs inside the page. */

/** Controls, and regions one can tab to, without a name; ids that are there twice; labels that lead nowhere. */
export function unlabelled(): readonly string[] {
  const textOf = (ids: string | null): string => (ids ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("").trim();
  const controls = [...document.querySelectorAll<HTMLElement>("button, a[href], input, select, textarea, [tabindex], [role=img], [role=region]")];
  const nameless = controls.filter((control) => {
    const labels = control instanceof HTMLTextAreaElement || control instanceof HTMLSelectElement ? [...(control.labels ?? [])] : [];
    const own = control.matches("button, a") ? control.textContent : "";
    return [own, control.ariaLabel, textOf(control.getAttribute("aria-labelledby")), ...labels.map((label) => label.textContent)].join("").trim() === "";
  });
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  return [...nameless.map(({ outerHTML }) => outerHTML.slice(0, 80)), ...ids.filter((id, index) => ids.indexOf(id) !== index)];
}

/** Visible texts whose contrast is under 4.5 (WCAG 2.2, 1.4.3), with it; what is disabled is exempt. */
export function faint(): readonly string[] {
  const channels = (color: string): readonly number[] => (/^rgba?\(([^)]*)\)$/.exec(color)?.[1] ?? "0, 0, 0, 0").split(",").map(Number);
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((channel) => {
      const share = channel / 255;
      return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const backgroundOf = (element: Element | null): string => {
    if (element === null) return "rgb(255, 255, 255)";
    const { backgroundColor } = getComputedStyle(element);
    return (channels(backgroundColor)[3] ?? 1) === 0 ? backgroundOf(element.parentElement) : backgroundColor;
  };
  const found: string[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode() !== null) {
    const element = walker.currentNode.parentElement;
    const text = (walker.currentNode.textContent ?? "").trim();
    if (element === null || text === "" || !element.checkVisibility() || element.closest("script, style, title, :disabled, a:not([href])") !== null) continue;
    const style = getComputedStyle(element);
    const [a, b] = [luminance(element instanceof SVGElement ? style.fill : style.color), luminance(backgroundOf(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return found;
}
