// Return the texts of the page whose contrast is below WCAG 2.2's level AA (success criterion 1.4.3).
() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);

  const luminance = (color) => {
    const [red, green, blue] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    const isOpaque = (channels(color)[3] ?? 1) === 1;
    return isOpaque || !element.parentElement ? color : ground(element.parentElement);
  };

  const contrast = (element) => {
    const levels = [getComputedStyle(element).color, ground(element)].map(luminance);
    return (Math.max(...levels) + 0.05) / (Math.min(...levels) + 0.05);
  };

  const hasText = (element) =>
    element.checkVisibility() &&
    Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim());

  return Array.from(document.body.querySelectorAll("*"))
    .filter((element) => hasText(element) && contrast(element) < 4.5)
    .map((element) => `${element.innerText}: ${contrast(element).toFixed(1)}`);
}
