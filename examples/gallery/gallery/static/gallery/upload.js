// Lets pictures be dropped on the form and lists what is chosen; the form works without it.
for (const form of document.querySelectorAll("[data-upload]")) {
  const input = form.querySelector("input[type=file]");
  const list = form.querySelector("[data-chosen]");
  form.querySelector("[data-drop-hint]").hidden = false;

  const showChosen = () => {
    list.replaceChildren(
      ...Array.from(input.files, (file) => {
        const item = document.createElement("li");
        item.textContent = file.name;
        return item;
      }),
    );
  };

  // Entering a child fires before leaving its parent, so only the count tells when the form is left.
  let depth = 0;
  const enter = (step) => {
    depth = Math.max(0, depth + step);
    form.classList.toggle("over", depth > 0);
  };

  input.addEventListener("change", showChosen);
  form.addEventListener("dragenter", () => enter(1));
  form.addEventListener("dragleave", () => enter(-1));
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    enter(0);
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      showChosen();
    }
  });
  showChosen();
}
