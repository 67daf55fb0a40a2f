// Images on their way out: picked, dropped or pasted, looked at before they are sent, and made smaller
// if the server would not take them.

import { changed, state } from "/conversations.js";
import { $, arrange, element, heard, icon, kilobytes } from "/elements.js";

const MOST = 900_000; // bytes of an image
const WIDEST = [2048, 1600, 1200, 800]; // pixels of the longer side, tried in turn

export const isImage = ({ type }) => type.startsWith("image/");

/** Puts images beside the message that is being written. Throws what a person should know. */
export async function choose(files) {
  const { images } = state.current;
  for (const file of files) {
    if (!isImage(file)) throw new Error(`${file.name} is not an image.`);
    const blob = file.size > MOST ? await smaller(file) : file;
    const image = { name: file.name.slice(-100) || "image", bytes: new Uint8Array(await blob.arrayBuffer()) };
    if (image.bytes.length === 0) throw new Error(`${file.name} is empty.`);
    images.push({ ...image, preview: preview(image, images) });
  }
  changed();
}

export function drawPreviews() {
  const { images } = state.current;
  arrange($("previews"), images.map(({ preview }) => preview));
  $("previews").hidden = images.length === 0;
}

function preview({ name, bytes }, images) {
  const remove = element("button", { type: "button", className: "round", title: `Do not send ${name}` }, icon("close"), heard(`Do not send ${name}`));
  const url = URL.createObjectURL(new Blob([bytes]));
  const image = element("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) });
  const made = element("li", {}, image, element("bdi", { textContent: name }), element("small", { textContent: kilobytes(bytes.length) }), remove);
  image.onerror = () => { URL.revokeObjectURL(url); image.replaceWith(element("span", { className: "broken" }, icon("alert"))); };
  remove.onclick = () => {
    images.splice(images.findIndex(({ preview }) => preview === made), 1);
    changed();
    $("text").focus();
  };
  return made;
}

async function smaller(file) {
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`An image may have ${kilobytes(MOST)}; ${file.name} has ${kilobytes(file.size)}.`);
  });
  for (const widest of WIDEST) {
    const scale = Math.min(1, widest / Math.max(picture.width, picture.height));
    const canvas = element("canvas", { width: picture.width * scale, height: picture.height * scale });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.85));
    if (blob.size <= MOST) return blob;
  }
  throw new Error(`${file.name} could not be made small enough.`);
}
