// What a page has to tell the tag stands in it; the tag may load before or after.
window.todoku = window.todoku || function () {
  (window.todoku.q = window.todoku.q || []).push(arguments);
};
JSON.parse(document.body.dataset.told).forEach(function (said) {
  window.todoku(said[0], said[1]);
});
