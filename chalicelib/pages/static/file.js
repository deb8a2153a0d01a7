// Before a file travels: a photo that is too large, or that is no picture the form takes, is made a smaller JPEG,
// and whatever else is too large is reported at once. Without this script the form works as well; the server checks all of it.
(() => {
  "use strict";
  const LONGEST_SIDE = 2400;

  const shrunk = async (file) => {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  };

  const fitted = async (field, file) => {
    const made = await shrunk(file).catch(() => null);
    if (!made || made.size > Number(field.dataset.most)) return;
    const held = new DataTransfer();
    held.items.add(new File([made], `${file.name.replace(/\.\w+$/, "")}.jpg`, { type: "image/jpeg" }));
    field.files = held.files;
  };

  for (const field of document.querySelectorAll("input[type=file][data-most]")) {
    const button = field.form.querySelector("button");
    field.addEventListener("change", async () => {
      field.setCustomValidity("");
      const [file] = field.files;
      if (!file) return;
      const isFitting = file.size <= Number(field.dataset.most) && (!field.accept || field.accept.split(",").includes(file.type));
      button.disabled = true;
      if (!isFitting && file.type.startsWith("image/")) await fitted(field, file);
      button.disabled = false;
      if (field.files[0].size > Number(field.dataset.most)) {
        field.setCustomValidity(field.dataset.large);
        field.reportValidity();
      }
    });
  }
})();
